// Proves that two linked daemons are one bus for clients of different protocols: each publication once, calls and
// direct messages by name, queue messages to the other node.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { connectAsync } from 'mqtt'
import { connect as connectBusrt } from '../../src/client/busrt/index.ts'
import { BusError, connect } from '../../src/client/index.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'

async function start(t: TestContext, device: string, ...more: readonly string[]) {
  const data = temporaryFolder(t)
  const ways = ['--mqtt', '127.0.0.1:0', '--busrt', '127.0.0.1:0', ...more]
  const daemon = await startDaemon(t, { args: ['--device-id', device, ...ways], data })
  const addressOf = (name: string) =>
    daemon.info.listeners.find(({ protocol }) => protocol === name)?.address ?? ''
  const client = await connect(daemon.address)
  t.after(() => client.close())
  return { daemon, client, mqtt: `mqtt://${addressOf('mqtt')}`, busrt: addressOf('busrt') }
}

test('two linked daemons are one bus', async (t) => {
  const a = await start(t, 'a')
  const peer = `http://${a.daemon.address}=tenant/default/a`
  const b = await start(t, 'b', '--peer', peer)
  await b.daemon.printed(/peer_connected/)
  await a.daemon.printed(/peer_connected/)

  await t.test('MQTT: stored and not stored, each once', async (t2) => {
    const sink = await connectAsync(b.mqtt)
    const source = await connectAsync(a.mqtt)
    t2.after(() => Promise.all([sink.endAsync(true), source.endAsync(true)]))
    const seen: string[] = []
    const last = new Promise<void>((resolve) => {
      sink.on('message', (_, payload) => {
        seen.push(payload.toString())
        if (payload.toString() === 'last') resolve()
      })
    })
    await sink.subscribeAsync('t/#', { qos: 1 })
    // A subscription is known at the other node some milliseconds later.
    while (!(await a.client.listNodes()).some(({ filters }) => filters === 1)) continue
    for (const qos of [0, 1, 2] as const) {
      for (let i = 0; i < 20; i++) await source.publishAsync('t/x', `${qos} ${i}`, { qos })
    }
    await source.publishAsync('t/x', 'last', { qos: 1 })
    await last
    const expected = [0, 1, 2].flatMap((qos) => Array.from({ length: 20 }, (_, i) => `${qos} ${i}`))
    assert.deepEqual(seen.toSorted(), [...expected, 'last'].toSorted())
  })

  await t.test('gRPC calls a BUS/RT client of the other node, by its name alone', async (t2) => {
    const worker = await connectBusrt({ address: b.busrt, name: 'worker' })
    t2.after(() => worker.close())
    worker.rpc.handle('echo', ({ params }) => params)
    while (!(await a.client.listNodes()).some(({ clients }) => clients > 0)) continue
    const answer = await a.client.call('busrt.worker.echo', Buffer.from('hello'))
    assert.equal(answer.text(), 'hello')
  })

  await t.test('an unknown name is told, also with a node behind it', async () => {
    for (const name of ['nobody', 'nobody@b', 'nobody@nowhere']) {
      await assert.rejects(
        a.client.join(`ann.${name.length}`).send(name, 'x'),
        (error: unknown) => error instanceof BusError && error.reason === 'unknown_client',
        name,
      )
    }
  })

  await t.test('queue messages go to the node of their target', async () => {
    const target = { tenantId: 'tenant', blName: 'default', deviceId: 'b' }
    for (const text of ['1', '2', '3']) await a.client.enqueueFifo('jobs', 't', text, { target })
    const seen: string[] = []
    for await (const delivery of b.client.consume('jobs')) {
      seen.push(delivery.text())
      await delivery.ack()
      if (seen.length === 3) break
    }
    assert.deepEqual(seen, ['1', '2', '3'])
    assert.equal(await a.client.peekFifo('jobs'), undefined)
  })
})
