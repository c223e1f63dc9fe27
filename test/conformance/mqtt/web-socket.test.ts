/** Case 117 of spec/mqtt 17: MQTT over WebSockets, on the HTTP port of a real daemon. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { WebSocket } from 'ws'
import { cleanUp } from '../../e2e/clean-up.ts'
import { startDaemon } from '../../e2e/daemon-process.ts'
import { connect, pingreq, publish, subscribe, type Version } from './bytes.ts'

async function open(t: TestContext, protocols: string[]): Promise<WebSocket> {
  const listen = ['--mqtt', '127.0.0.1:0', '--http', '127.0.0.1:0']
  const daemon = await startDaemon(t, { args: ['--storage', 'memory', ...listen] })
  const http = daemon.info.listeners.find(({ protocol }) => protocol === 'http')
  const socket = new WebSocket(`ws://${http?.address}/mqtt`, protocols)
  cleanUp(t, () => socket.terminate())
  await once(socket, 'open')
  return socket
}

/** So many bytes, however they were divided. */
async function take(socket: WebSocket, count: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  const size = () => chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  while (size() < count) {
    const [data] = (await once(socket, 'message')) as [Buffer]
    chunks.push(data)
  }
  return Buffer.concat(chunks)
}

for (const version of [4, 5] as Version[]) {
  const connackBytes = version === 5 ? 16 : 4
  test(`case 117 (${version}): frames and packets have nothing to do with each other`, async (t) => {
    const socket = await open(t, version === 5 ? ['mqtt'] : ['mqttv3.1'])
    assert.equal(socket.protocol, version === 5 ? 'mqtt' : 'mqttv3.1')
    for (const byte of connect({ version, id: 'web' })) socket.send(Buffer.of(byte))
    assert.equal((await take(socket, connackBytes))[0], 0x20)
    const message = publish(version, 'a', 'x'.repeat(1_000))
    socket.send(Buffer.concat([subscribe(version, 1, [['a']]), message, pingreq]))
    const got = await take(socket, (version === 5 ? 6 : 5) + message.length + 2)
    assert(got.includes(message))
    // One message of several fragments, with a ping in between.
    socket.send(message.subarray(0, 3), { fin: false })
    socket.ping()
    socket.send(message.subarray(3), { fin: true })
    assert((await take(socket, message.length)).equals(message))
  })

  test(`case 117 (${version}): text ends the connection`, async (t) => {
    const socket = await open(t, ['mqtt'])
    socket.send(connect({ version, id: 'web' }))
    await take(socket, connackBytes)
    socket.send('text')
    await once(socket, 'close')
  })
}

test('case 117: another sub-protocol is refused', async (t) => {
  await assert.rejects(open(t, ['wamp.2.json']))
})
