// Proves that MQTT.js works against the real daemon, in both versions, over TCP and over WebSockets.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'
import { startDaemon } from '../../e2e/daemon-process.ts'

const ways = [
  { name: '3.1.1 over TCP', version: 4, scheme: 'mqtt' },
  { name: '5.0 over TCP', version: 5, scheme: 'mqtt' },
  { name: '3.1.1 over WebSocket', version: 4, scheme: 'ws' },
  { name: '5.0 over WebSocket', version: 5, scheme: 'ws' },
] as const

type Way = (typeof ways)[number]

class Scene {
  readonly #t: Scope
  readonly #way: Way
  readonly #url: string

  static async open(t: Scope, way: Way): Promise<Scene> {
    const listen = ['--mqtt', '127.0.0.1:0', '--http', '127.0.0.1:0']
    const daemon = await startDaemon(t, { args: ['--storage', 'memory', ...listen] })
    const protocol = way.scheme === 'ws' ? 'http' : 'mqtt'
    const bound = daemon.info.listeners.find((listener) => listener.protocol === protocol)
    const path = way.scheme === 'ws' ? '/mqtt' : ''
    return new Scene(t, way, `${way.scheme}://${bound?.address}${path}`)
  }

  private constructor(t: Scope, way: Way, url: string) {
    this.#t = t
    this.#way = way
    this.#url = url
  }

  async client(clientId: string, options: IClientOptions = {}): Promise<Subscriber> {
    const protocolVersion = this.#way.version
    const all = { protocolVersion, clientId, reconnectPeriod: 20, ...options }
    const client = await connectAsync(this.#url, all)
    cleanUp(this.#t, () => client.endAsync(true))
    return new Subscriber(client)
  }
}

class Subscriber {
  readonly client: MqttClient
  readonly #messages: IPublishPacket[] = []
  #wake: () => void = () => undefined

  constructor(client: MqttClient) {
    this.client = client
    client.on('message', (_topic, _payload, packet) => {
      this.#messages.push(packet)
      this.#wake()
    })
  }

  async next(): Promise<IPublishPacket> {
    for (;;) {
      const message = this.#messages.shift()
      if (message !== undefined) return message
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async payloads(count: number): Promise<string[]> {
    const seen: string[] = []
    while (seen.length < count) seen.push(String((await this.next()).payload))
    return seen
  }
}

for (const way of ways) {
  const options = { timeout: 60_000 }
  test(`MQTT.js ${way.name}: every QoS, many at once`, options, async (t) => {
    const scene = await Scene.open(t, way)
    const [one, other] = [await scene.client('one'), await scene.client('other')]
    await one.client.subscribeAsync('a/#', { qos: 2 })
    for (const qos of [0, 1, 2] as const) {
      // No more at once than the daemon says it takes, which this client does not look at by itself.
      for (let start = 0; start < 500; start += 100) {
        const sent = Array.from({ length: 100 }, (_, i) =>
          other.client.publishAsync(`a/${qos}`, String(start + i), { qos }),
        )
        await Promise.all(sent)
      }
      assert.deepEqual(
        await one.payloads(500),
        Array.from({ length: 500 }, (_, i) => String(i)),
      )
    }
    const large = Buffer.alloc(300_000, 'x')
    await other.client.publishAsync('a/large', large, { qos: 1 })
    assert.equal((await one.next()).payload.length, 300_000)
  })

  test(`MQTT.js ${way.name}: a session over a lost connection`, options, async (t) => {
    const scene = await Scene.open(t, way)
    const properties = way.version === 5 ? { sessionExpiryInterval: 1_000 } : {}
    const kept = await scene.client('kept', { clean: false, properties })
    await kept.client.subscribeAsync('a', { qos: 2 })
    const other = await scene.client('other')
    await other.client.publishAsync('a', 'before', { qos: 2 })
    assert.deepEqual(await kept.payloads(1), ['before'])
    const connected = new Promise<boolean>((resolve) => {
      kept.client.once('connect', ({ sessionPresent }) => resolve(sessionPresent))
    })
    kept.client.stream.destroy()
    await other.client.publishAsync('a', 'away', { qos: 2 })
    assert.equal(await connected, true)
    assert.deepEqual(await kept.payloads(1), ['away'])
    await other.client.publishAsync('a', 'back', { qos: 1 })
    assert.deepEqual(await kept.payloads(1), ['back'])
  })

  test(`MQTT.js ${way.name}: wills and retained messages`, options, async (t) => {
    const scene = await Scene.open(t, way)
    const will = { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: true } as const
    const lost = await scene.client('lost', { will, reconnectPeriod: 0 })
    const watcher = await scene.client('watcher')
    await watcher.client.subscribeAsync('will', { qos: 1 })
    lost.client.stream.destroy()
    assert.deepEqual(await watcher.payloads(1), ['gone'])
    const later = await scene.client('later')
    await later.client.subscribeAsync('#', { qos: 1 })
    const message = await later.next()
    assert.deepEqual([String(message.payload), message.retain], ['gone', true])
  })
}
