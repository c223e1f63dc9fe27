// What a kill -9 of the daemon costs its clients: a moment. Each comes back by itself; what is stored reaches every
// subscription once and without a gap, whatever it is carried by, and live subscriptions are in place again.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { WebSocket } from 'ws'
import { withoutChromium } from '../browser/page-harness.ts'
import { connect as connectWebSocket } from '../../src/client/browser.ts'
import { connect as connectBusrt } from '../../src/client/busrt/index.ts'
import { connect, type MsgbusClient } from '../../src/client/index.ts'
import { connect as connectTmb } from '../../src/client/tmb/index.ts'
import { cleanUp } from './clean-up.ts'
import { openClientPage } from './client-page.ts'
import { type DaemonProcess, startDaemon, temporaryFolder } from './daemon-process.ts'
import { addressOf, deferred } from './participant.ts'

const limited = { timeout: 120_000 }
const perLife = 30
const lives = 3

/** Texts in the order in which they came; whoever waits for one is told. */
class Seen {
  readonly texts: string[] = []
  #check: () => void = () => undefined

  add(text: string): void {
    this.texts.push(text)
    this.#check()
  }

  has(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#check = () => {
        if (this.texts.includes(text)) resolve()
      }
      this.#check()
    })
  }
}

/** Kills it and starts it again where it was. */
async function killAndRestart(t: TestContext, daemon: DaemonProcess): Promise<DaemonProcess> {
  daemon.kill('SIGKILL')
  await daemon.exited
  const { data, info } = daemon
  const flags = { grpc: '--listen', http: '--http', tmb: '--tmb' }
  const args = Object.entries(flags).flatMap(([protocol, flag]) => {
    const found = info.listeners.find((listener) => listener.protocol === protocol)
    return found === undefined ? [] : [flag, found.address]
  })
  return startDaemon(t, { data, args })
}

function collect(t: TestContext, client: MsgbusClient): Seen {
  const seen = new Seen()
  const subscription = client.subscribe('a/#')
  const taking = (async () => {
    for await (const message of subscription) seen.add(message.text())
  })()
  cleanUp(t, () => taking)
  cleanUp(t, () => subscription.close())
  return seen
}

const pageScript = `
  import { connect } from '/modules/src/client/browser.js'
  const events = new EventSource('/v1/subscribe?filter=a/%23&start=earliest')
  events.addEventListener('message', ({ data }) => told({ by: 'events', text: JSON.parse(data).text }))
  const client = await connect()
  for await (const message of client.subscribe('a/#')) told({ by: 'client', text: message.text() })
`

async function collectInPage(t: TestContext, origin: string): Promise<Map<string, Seen>> {
  const byClient = new Seen()
  const byEvents = new Seen()
  await openClientPage(t, origin, pageScript, ({ by, text }: { by: string; text: string }) => {
    if (by === 'events') byEvents.add(text)
    else byClient.add(text)
  })
  return new Map([
    ['the client in a page', byClient],
    ['an EventSource in a page', byEvents],
  ])
}

test(
  'kill -9: stored messages reach every subscription once and without a gap',
  limited,
  async (t) => {
    const args = ['--http', '127.0.0.1:0', '--tmb', 'off']
    let daemon = await startDaemon(t, { data: temporaryFolder(t), args })
    const origin = `http://${addressOf(daemon, 'http')}`
    const grpc = await connect(daemon.address)
    cleanUp(t, () => grpc.close())
    const webSocket = await connectWebSocket(`${origin}/msgbus`, { webSocket: WebSocket })
    cleanUp(t, () => webSocket.close())
    const all = new Map([
      ['gRPC', collect(t, grpc)],
      ['a WebSocket', collect(t, webSocket)],
    ])
    if (withoutChromium === false) {
      for (const [name, seen] of await collectInPage(t, origin)) all.set(name, seen)
    } else t.diagnostic(`without a page: ${withoutChromium}`)

    const published: string[] = []
    for (let life = 1; life <= lives; life++) {
      for (let i = 1; i <= perLife; i++) {
        const text = `${life}.${i}`
        await grpc.publish(`a/${i % 3}`, text)
        published.push(text)
      }
      // The first time while all of them are in the midst of it, then right after somebody has come back.
      if (life > 1) await all.get('gRPC')?.has(`${life}.${perLife}`)
      if (life < lives) daemon = await killAndRestart(t, daemon)
    }
    for (const [name, seen] of all) {
      await seen.has(published.at(-1) ?? '')
      assert.deepEqual(seen.texts, published, name)
    }
  },
)

test(
  'kill -9: clients of TMB and BUS/RT come back with their subscriptions, and TMB with the last values',
  limited,
  async (t) => {
    const args = ['--http', 'off', '--tmb', '127.0.0.1:0']
    let daemon = await startDaemon(t, { data: temporaryFolder(t), args })
    const seenByTmb = new Seen()
    const tmbIsBack = deferred()
    const tmb = await connectTmb({
      address: addressOf(daemon, 'tmb'),
      on: { connected: tmbIsBack.resolve },
    })
    const taking = (async () => {
      for await (const { raw } of tmb) seenByTmb.add(Buffer.from(raw).toString())
    })()
    cleanUp(t, () => taking)
    cleanUp(t, () => tmb.close())
    await tmb.watch('begins-with', 'a/')

    const seenByBusrt = new Seen()
    const busrtIsBack = deferred()
    const busrt = await connectBusrt({
      address: join(daemon.data, 'busrt.sock'),
      name: 'plc.1',
      onFrame: ({ payload }) => seenByBusrt.add(Buffer.from(payload).toString()),
      on: { connected: busrtIsBack.resolve },
    })
    cleanUp(t, () => busrt.close())
    await busrt.subscribe('a/#')

    await busrt.publish('a/stored', 'stored')
    await tmb.publish('a/live', 'before')
    await Promise.all([seenByBusrt.has('before'), seenByTmb.has(':a/stored stored')])
    daemon = await killAndRestart(t, daemon)
    await Promise.all([tmbIsBack.promise, busrtIsBack.promise])
    await tmb.publish('a/live', 'after')
    await Promise.all([seenByBusrt.has('after'), seenByTmb.has(':a/live after')])
    await busrt.publish('a/live', 'from the other side', { qos: 'none' })
    await seenByTmb.has(':a/live from the other side')
    // Watching begins anew with what is remembered: the stored one is never lost.
    assert.equal(seenByTmb.texts.filter((text) => text === ':a/stored stored').length, 2)
    assert.equal(seenByBusrt.texts.filter((text) => text === 'stored').length, 1)
  },
)
