// The client libraries that people use, unmodified, against the real program: Python, synchronous and
// asynchronous, and Rust, asynchronous and synchronous; each against bare frames and against each other.

import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import {
  ack,
  broadcast,
  broadcastFrom,
  message,
  messageFrom,
  publicationFrom,
  publish,
  publishFor,
  rpcError,
  rpcReply,
  rpcRequest,
  subscribe,
} from '../../conformance/busrt/bytes.ts'
import { type BrokerProcess, startBrokerProcess } from '../../conformance/busrt/broker.ts'
import { RawClient } from '../../conformance/busrt/raw-client.ts'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'
import type { Toolchain } from '../toolchain.ts'
import { DrivenClient } from './driven.ts'
import { pythonClient, rustClient } from './programs.ts'

const python = pythonClient()
const rust = rustClient()

interface Library {
  readonly title: string
  readonly toolchain: Toolchain
  readonly kind: 'sync' | 'async'
}

const libraries: readonly Library[] = [
  { title: 'Python sync', toolchain: python, kind: 'sync' },
  { title: 'Python async', toolchain: python, kind: 'async' },
  { title: 'Rust async', toolchain: rust, kind: 'async' },
  { title: 'Rust sync', toolchain: rust, kind: 'sync' },
]

const missingOf = (...toolchains: readonly Toolchain[]) =>
  toolchains.map((one) => ('missing' in one ? one.missing : undefined)).find(Boolean) ?? false

let shared: BrokerProcess | undefined
const stops: (() => unknown)[] = []
const whole: Scope = { after: (stop) => stops.push(stop), diagnostic: () => undefined }

before(async () => {
  if (libraries.some(({ toolchain }) => missingOf(toolchain) === false))
    shared = await startBrokerProcess(whole, { timeoutMs: 5000 })
})
after(async () => {
  for (const stop of stops.toReversed()) await stop()
})

type Transport = 'unix' | 'tcp'

function broker(): BrokerProcess {
  if (shared === undefined) throw new Error('not started')
  return shared
}

function drive(t: Scope, { toolchain, kind }: Library, transport: Transport): DrivenClient {
  if ('missing' in toolchain) throw new Error(toolchain.missing)
  const { unix, tcp } = broker()
  const address = transport === 'unix' ? unix.path : `${tcp.host}:${tcp.port}`
  return new DrivenClient(t, toolchain, [kind, address])
}

async function bare(t: TestContext, name: string): Promise<RawClient> {
  const client = await (await RawClient.connect(broker().unix, name)).register()
  cleanUp(t, () => client.close())
  return client
}

const hexOf = (text: string) => Buffer.from(text).toString('hex')
const binary = Buffer.from([0x00, 0xff, 0x00, 0x0a, 0x80])

for (const library of libraries) {
  const skip = missingOf(library.toolchain)
  const { title, toolchain } = library
  for (const transport of ['unix', 'tcp'] as const) {
    const scene = (what: string, body: (t: TestContext, client: DrivenClient) => Promise<void>) => {
      const options = { skip, timeout: 120_000 }
      void test(`${title}: ${what}, over ${transport}`, options, async (t) =>
        body(t, drive(t, library, transport)),
      )
    }

    scene('a name, and the same once more', async (_t, client) => {
      await client.do({ do: 'connect', name: 'x' })
      await assert.rejects(client.do({ do: 'connect', name: 'x' }), /0x76|Busy/i)
    })

    scene('messages and broadcasts', async (t, client) => {
      await client.do({ do: 'connect', name: 'group.x' })
      const peer = await bare(t, 'peer')
      for (const payload of [
        Buffer.from('hello'),
        binary,
        Buffer.alloc(0),
        Buffer.alloc(100_000, 7),
      ]) {
        for (const qos of [0, 1, 2, 3]) {
          const realtime = qos >> 1
          const send = { target: 'peer', payload: payload.toString('hex'), qos }
          assert.equal(await client.do({ do: 'send', ...send }), 1)
          await peer.gets(messageFrom('group.x', payload, realtime))
          await peer.send(message('group.x', payload, { qos }))
          if ((qos & 1) === 1) await peer.gets(ack())
          const from = { sender: 'peer', primary: 'peer', payload: payload.toString('hex') }
          await client.sees({ event: 'message', ...from })
        }
      }
      const nobody = { target: 'nobody', payload: '' }
      assert.equal(await client.do({ do: 'send', ...nobody }), 0x71)
      assert.equal(await client.do({ do: 'send', ...nobody, qos: 0 }), 1)

      const all = { target: 'pee?', payload: hexOf('hello') }
      assert.equal(await client.do({ do: 'broadcast', ...all }), 1)
      assert.equal(await client.do({ do: 'broadcast', ...all, target: '?' }), 1)
      await peer.gets(broadcastFrom('group.x', 'hello'))
      await peer.send(broadcast('group.*', binary))
      await peer.gets(ack())
      await client.sees({ event: 'broadcast', sender: 'peer', payload: binary.toString('hex') })
    })

    scene('publications', async (t, client) => {
      await client.do({ do: 'connect', name: 'x' })
      const peer = await bare(t, 'peer')
      await peer.send(subscribe('from/x/+'))
      await peer.gets(ack())
      assert.equal(await client.do({ do: 'subscribe', topics: ['to/x/#', 'a', 'b'] }), 1)
      for (const qos of [0, 1, 2, 3]) {
        const topic = `from/x/${qos}`
        assert.equal(await client.do({ do: 'publish', topic, payload: hexOf('hello'), qos }), 1)
        await peer.gets(publicationFrom('x', topic, 'hello', qos >> 1))
      }
      for (const topic of ['to/y', 'to/x', 'to/x/1', 'a']) {
        await peer.send(publish(topic, binary))
        await peer.gets(ack())
      }
      for (const topic of ['to/x/1', 'a'])
        await client.sees({ event: 'publication', sender: 'peer', topic, payload: '00ff000a80' })
      assert.equal(await client.do({ do: 'unsubscribe', topics: ['a', 'to/x/#'] }), 1)
      // Its own come back, too. Python does not wait for the answer to a subscription; this one is behind it.
      assert.equal(await client.do({ do: 'publish', topic: 'b', payload: '' }), 1)
      await client.sees({ event: 'publication', sender: 'x', topic: 'b', payload: '' })
      await peer.send(publish('a', 'unheard'))
      await peer.gets(ack())
      await peer.send(publish('b', 'heard'))
      await peer.gets(ack())
      await client.sees({ event: 'publication', topic: 'b', payload: hexOf('heard') })
    })

    scene('2,000 messages in a row', async (t, client) => {
      await client.do({ do: 'connect', name: 'x' })
      const peer = await bare(t, 'peer')
      const count = 2000
      const numbers = Array.from({ length: count }, (_, index) => String(index))
      await peer.send(...numbers.map((number) => message('x', number, { qos: 0 })))
      for (const number of numbers) await client.sees({ event: 'message', payload: hexOf(number) })
    })

    scene('calls', async (t, client) => {
      await client.do({ do: 'connect', name: 'x', rpc: true })
      const call = async (target: string, method: string, payload = '') =>
        client.do({ do: 'call', target, method, payload })
      assert.deepEqual(await call('.broker', 'test'), { payload: '81a26f6bc3' })
      assert.deepEqual(await call('.broker', 'no.such'), { code: -32_601, text: '' })
      assert.deepEqual(await call('.broker', 'benchmark.test', '00ff'), { payload: '00ff' })
      const service = await bare(t, 'service')
      const calling = call('service', 'm', hexOf('params'))
      await service.gets(messageFrom('x', rpcRequest(4, 'm', 'params')))
      await service.send(message('x', rpcReply(4, binary), { qos: 3 }))
      await service.gets(ack())
      assert.deepEqual(await calling, { payload: binary.toString('hex') })
      const failing = call('service', 'm')
      await service.gets(messageFrom('x', rpcRequest(5, 'm')))
      await service.send(message('x', rpcError(5, -32_603, 'no luck')))
      await service.gets(ack())
      assert.deepEqual(await failing, { code: -32_603, text: 'no luck' })
      const request = { target: 'service', method: 'm0', payload: '01' }
      assert.equal(await client.do({ do: 'call0', ...request }), 1)
      await service.gets(messageFrom('x', rpcRequest(0, 'm0', Buffer.from([1]))))
      assert.equal(await client.do({ do: 'notify', target: 'service', payload: '02' }), 1)
      await service.gets(messageFrom('x', Buffer.from([0, 2])))
      // The synchronous one of Rust does not look at the answer of the broker and waits for the callee.
      if (title !== 'Rust sync')
        assert.equal(((await call('nobody', 'm')) as { code: number }).code, -32_113)
      assert.equal(await client.do({ do: 'call0', ...request, target: 'nobody' }), 0x71)
    })

    scene('service', async (t, client) => {
      await client.do({ do: 'connect', name: 'x', rpc: true })
      const caller = await bare(t, 'caller')
      for (const qos of [1, 3]) {
        await caller.send(message('x', rpcRequest(7, 'echo', binary), { qos }))
        await caller.gets(ack())
        await client.sees({
          event: 'call',
          sender: 'caller',
          method: 'echo',
          payload: '00ff000a80',
        })
        // Those of Rust answer with the quality they were asked with.
        const realtime = toolchain === rust ? qos >> 1 : 0
        await caller.gets(messageFrom('x', rpcReply(7, binary), realtime))
      }
      const failures = [
        { method: 'fail', answer: rpcError(8, 1234, 'no luck') },
        { method: 'crash', answer: rpcError(8, -32_603, 'something broke') },
        { method: 'nothing', answer: rpcReply(8, '') },
      ]
      for (const { method, answer } of failures) {
        await caller.send(message('x', rpcRequest(8, method)))
        await caller.gets(ack(), messageFrom('x', answer))
        await client.sees({ event: 'call', method })
      }
      await caller.send(message('x', rpcRequest(0, 'quiet')))
      await caller.gets(ack())
      await client.sees({ event: 'call', method: 'quiet' })
      await caller.send(message('x', Buffer.from([0, 9])))
      await caller.gets(ack())
      await client.sees({ event: 'notification', sender: 'caller', payload: '09' })
      await caller.isUsable()
    })

    if (toolchain !== rust) continue

    scene('exclusions', async (t, client) => {
      await client.do({ do: 'connect', name: 'x' })
      const peer = await bare(t, 'peer')
      assert.equal(await client.do({ do: 'exclude', topics: ['q/2', 'r/#'] }), 1)
      assert.equal(await client.do({ do: 'subscribe', topics: ['#'] }), 1)
      for (const topic of ['q/2', 'r/1', 'q/1']) {
        await peer.send(publish(topic, topic))
        await peer.gets(ack())
      }
      await client.sees({ event: 'publication', topic: 'q/1' })
      assert.equal(await client.do({ do: 'unexclude', topics: ['q/2'] }), 1)
      for (const topic of ['r/1', 'q/2']) {
        await peer.send(publish(topic, topic))
        await peer.gets(ack())
      }
      await client.sees({ event: 'publication', topic: 'q/2' })
    })

    scene('secondaries and publications for one client', async (t, client) => {
      await client.do({ do: 'connect', name: 'x' })
      const peer = await bare(t, 'peer')
      assert.equal(await client.do({ do: 'secondary' }), 'x%%0')
      await client.do({ do: 'send', target: 'peer', payload: '01', as: 'secondary' })
      await peer.gets(messageFrom('x%%0', Buffer.from([1])))
      await peer.send(message('x%%0', 'hello', { qos: 3 }))
      await peer.gets(ack())
      await client.sees({
        event: 'message',
        sender: 'peer',
        payload: hexOf('hello'),
        realtime: true,
      })

      await peer.send(subscribe('t'))
      await peer.gets(ack())
      assert.equal(await client.do({ do: 'subscribe', topics: ['t'] }), 1)
      assert.equal(await client.do({ do: 'subscribe', topics: ['t'], as: 'secondary' }), 1)
      await peer.send(publishFor('t', 'x', 'for x'))
      await peer.gets(ack())
      // To the primary and to the secondary.
      const both = { event: 'publication', topic: 't', payload: hexOf('for x') } as const
      await client.sees(both)
      await client.sees(both)
      const forPeer = { topic: 't', target: 'peer', payload: hexOf('for peer'), qos: 3 }
      assert.equal(await client.do({ do: 'publish_for', ...forPeer }), 1)
      await peer.gets(publicationFrom('x', 't', 'for peer', 1))
      assert.equal(await client.do({ do: 'ping' }), 1)
    })

    scene('a secondary reports its primary', async (t, client) => {
      await client.do({ do: 'connect', name: 'x' })
      const peer = await bare(t, 'peer')
      const secondary = await bare(t, 'peer%%7')
      await secondary.send(message('x', 'hello'))
      await secondary.gets(ack())
      await client.sees({ event: 'message', sender: 'peer%%7', primary: 'peer' })
      await peer.isUsable()
    })
  }
}

for (const caller of libraries) {
  for (const service of libraries) {
    const options = { skip: missingOf(caller.toolchain, service.toolchain), timeout: 120_000 }
    test(`${caller.title} calls ${service.title}`, options, async (t) => {
      const [client, server] = [drive(t, caller, 'unix'), drive(t, service, 'tcp')]
      await server.do({ do: 'connect', name: 'service', rpc: true })
      await client.do({ do: 'connect', name: 'caller', rpc: true })
      const target = 'service'
      const call = async (method: string, payload: string) =>
        client.do({ do: 'call', target, method, payload })
      const large = 'ab'.repeat(50_000)
      for (const payload of ['', '00ff00', large])
        assert.deepEqual(await call('echo', payload), { payload })
      assert.deepEqual(await call('fail', ''), { code: 1234, text: 'no luck' })
      assert.deepEqual(await call('crash', ''), { code: -32_603, text: 'something broke' })
      for (const payload of ['', '00ff00', large])
        await server.sees({ event: 'call', sender: 'caller', method: 'echo', payload })
      await server.sees({ event: 'call', method: 'fail' })
      await server.sees({ event: 'call', method: 'crash' })
      assert.equal(await client.do({ do: 'call0', target, method: 'quiet', payload: '01' }), 1)
      await server.sees({ event: 'call', sender: 'caller', method: 'quiet', payload: '01' })
      assert.equal(await client.do({ do: 'notify', target, payload: '02' }), 1)
      await server.sees({ event: 'notification', sender: 'caller', payload: '02' })
      await client.do({ do: 'subscribe', topics: ['news'] })
      // Behind the subscription, of which Python's own answer tells nothing.
      assert.equal(await client.do({ do: 'notify', target, payload: '03' }), 1)
      await server.sees({ event: 'notification', payload: '03' })
      assert.equal(await server.do({ do: 'publish', topic: 'news', payload: '04' }), 1)
      await client.sees({ event: 'publication', sender: 'service', topic: 'news', payload: '04' })
    })
  }
}
