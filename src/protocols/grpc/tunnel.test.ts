/** Calls through a WebSocket, frame by frame: answers, errors, credit, limits, and how all of it ends. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { WebSocket } from 'ws'
import type { BusClient } from '../../core/bus-client.ts'
import { anonymous } from '../../model/identity.ts'
import { defaultLimits } from '../../model/limits.ts'
import { noHeaders } from '../../model/message.ts'
import * as v1 from '../../wire/gen/msgbus-v1.ts'
import * as v2 from '../../wire/gen/msgbus-v2.ts'
import {
  creditMost,
  decodeHello,
  encodeCredit,
  encodeOpen,
  frameKinds,
  messageCost,
  messageOverheadBytes,
  sharedMessageBytes,
  tunnelProtocol,
  windowBytes,
} from '../../wire/web-socket/tunnel-frame.ts'
import { until } from './grpc-suite.ts'
import { type RawFrame, RawTunnel, startTunnelDaemon, type TunnelDaemon } from './tunnel-suite.ts'

const { open, message, halfClose, cancel, credit, ping, pong, hello, status } = frameKinds
const { msgbusService } = v1
const { busService, clientService } = v2
const nothing = new Uint8Array(0)

interface GeneratedMethod {
  readonly path: string
  readonly requestStream: boolean
}

const publication = (topic: string, payload: string | Uint8Array = 'x') =>
  v1.encodePublishRequest({ topic, payload: Buffer.from(payload) })

const opening = (path: string) => encodeOpen({ path, timeoutMs: 0, metadata: new Map() })

async function publishMuch(daemon: TunnelDaemon, topic: string, count: number, bytes: number) {
  const client = daemon.bus.connect(anonymous)
  const payload = Buffer.alloc(bytes, 7)
  for (let i = 0; i < count; i++) await client.publish([{ topic, payload, headers: noHeaders }])
  client.close()
}

/** A client that has no room after each message. */
function joinFull({ bus }: TunnelDaemon): BusClient {
  const client = bus.connect(anonymous, {
    protocol: 'test',
    name: 'full',
    inbox: {
      message: () => client.live.congested(true),
      broadcast: () => undefined,
      publication: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      queuedBytes: 0,
      end: () => undefined,
    },
  })
  return client
}

suite('calls', () => {
  test('with one answer: a message, then the status', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const tunnel = await RawTunnel.open(t, daemon.url)
    tunnel.begin(1, msgbusService.publish, publication('a/b', 'hello'))
    const answer = v1.decodePublishResponse(await tunnel.message(1))
    assert.equal(answer.message?.headId, 1)
    assert.deepEqual(await tunnel.status(1), { code: 0, reason: '', message: '' })
    // Whoever says that nothing more comes, though the method has one request, may.
    const open3 = opening(msgbusService.getHead.path)
    const request = v1.encodeGetHeadRequest({ topic: 'a/b' })
    tunnel.send([open, 3, open3], [message, 3, request], [halfClose, 3])
    assert.equal(v1.decodeGetHeadResponse(await tunnel.message(3)).headId, 1)
    assert.equal((await tunnel.status(3)).code, 0)
    assert.deepEqual(tunnel.frames, [])
  })

  test('of all methods of the contract are served, and no others', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const tunnel = await RawTunnel.open(t, daemon.url)
    const services = [msgbusService, ...Object.values(v2).filter((one) => typeof one === 'object')]
    let call = 0
    for (const service of services) {
      for (const { path, requestStream } of Object.values(service) as Partial<GeneratedMethod>[]) {
        if (path === undefined || requestStream === undefined) continue
        call += 1
        tunnel.begin(call, { path }, requestStream ? undefined : nothing)
        if (requestStream) tunnel.send([halfClose, call])
        // Streams that have nothing to say yet say it when the client gives up.
        await tunnel.barrier()
        const end = tunnel.frames.find((frame) => frame.kind === status && frame.call === call)
        if (end !== undefined) {
          assert.notEqual((await tunnel.status(call)).reason, 'unsupported', path)
        } else tunnel.send([cancel, call])
        tunnel.frames.length = 0
      }
    }
    assert.ok(call > 30, `${call} methods`)
    tunnel.begin(100, { path: '/msgbus.v1.MsgbusService/Nothing' }, nothing)
    const end = await tunnel.status(100)
    assert.deepEqual([end.code, end.reason], [12, 'unsupported'])
  })

  test('fail with a code, a reason and a text', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const tunnel = await RawTunnel.open(t, daemon.url)
    tunnel.begin(1, msgbusService.publish, publication(''))
    const { code, reason, message: text } = await tunnel.status(1)
    assert.deepEqual([code, reason], [3, 'name_empty'])
    assert.match(text, /topic/)
    tunnel.begin(2, msgbusService.publish, Uint8Array.of(0xff, 0xff))
    assert.equal((await tunnel.status(2)).reason, 'undecodable')
    tunnel.send([open, 4, opening(msgbusService.publish.path)], [halfClose, 4])
    assert.deepEqual((await tunnel.status(4)).reason, 'bad_argument')
    tunnel.begin(5, clientService.register, v2.encodeRegisterRequest({ withdraw: true }))
    assert.deepEqual((await tunnel.status(5)).reason, 'bad_argument')
  })

  test('have metadata: the publish id of v1', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const tunnel = await RawTunnel.open(t, daemon.url)
    const metadata = new Map([['msgbus-publish-id', 'once']])
    for (const call of [1, 2]) {
      tunnel.begin(call, msgbusService.publish, publication('a'), { metadata })
      const { message: stored } = v1.decodePublishResponse(await tunnel.message(call))
      assert.equal(stored?.headId, 1)
    }
  })

  test('run beside each other, and what one turn makes comes in one message', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const tunnel = await RawTunnel.open(t, daemon.url)
    const frames = []
    for (let call = 1; call <= 50; call++) {
      frames.push([open, call, opening(msgbusService.health.path)] as const)
      frames.push([message, call, nothing] as const)
    }
    const before = tunnel.messages.length
    tunnel.send(...frames)
    for (let call = 1; call <= 50; call++) assert.equal((await tunnel.status(call)).code, 0)
    assert.equal(tunnel.messages.length, before + 1)
  })

  test('end after their time', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const callee = daemon.bus.connect(anonymous)
    let givenUp = 0
    callee.calls.register('never', async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      givenUp += 1
      throw new Error('too late')
    })
    const tunnel = await RawTunnel.open(t, daemon.url)
    const request = v2.encodeCallRequest({ procedure: 'never' })
    tunnel.begin(1, clientService.call, request, { timeoutMs: 5 })
    assert.deepEqual((await tunnel.status(1)).code, 4)
    await until(() => givenUp === 1)
    tunnel.begin(2, clientService.call, request)
    await tunnel.barrier()
    tunnel.send([cancel, 2])
    await until(() => givenUp === 2)
    await tunnel.barrier()
    assert.deepEqual(tunnel.frames, [])
  })

  test('that have ended are done with: what comes late for them is for nobody', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const tunnel = await RawTunnel.open(t, daemon.url)
    tunnel.begin(1, busService.subscribe, v2.encodeSubscribeRequest({ filter: '#' }))
    await until(() => daemon.bus.status().subscriptions === 1)
    tunnel.send([cancel, 1])
    await until(() => daemon.bus.status().subscriptions === 0)
    tunnel.send([cancel, 1], [halfClose, 1], [credit, 1, encodeCredit(9)], [message, 1, nothing])
    await tunnel.barrier()
    assert.equal(tunnel.webSocket.readyState, WebSocket.OPEN)
  })

  test('count for the client that the connection is, and end with it', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const tunnel = await RawTunnel.open(t, daemon.url)
    const request = publication('a')
    tunnel.begin(1, msgbusService.publish, request)
    const answer = await tunnel.message(1)
    const [own] = daemon.bus.clients()
    tunnel.begin(2, clientService.join, v2.encodeJoinRequest({ name: 'page' }))
    await tunnel.message(2)
    const named = daemon.bus.client('page')
    assert.deepEqual([own?.protocol, own?.transport], ['grpc', 'websocket'])
    assert.match(own?.source ?? '', /^127\.0\.0\.1:\d+$/)
    assert.equal(named?.transport, 'websocket')
    assert.deepEqual([own?.receivedFrames, own?.receivedBytes], [1, request.length])
    assert.deepEqual([own?.sentFrames, own?.sentBytes], [1, answer.length])
    tunnel.webSocket.terminate()
    await until(() => daemon.bus.clients().length === 0)
  })
})

suite('credit', () => {
  test('bounds what a stream sends to a client that does not read; other calls go on', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const [count, bytes] = [200, 10_000]
    await publishMuch(daemon, 'much', count, bytes)
    const tunnel = await RawTunnel.open(t, daemon.url)
    tunnel.begin(1, msgbusService.fetch, v1.encodeFetchRequest({ topic: 'much', limit: count }))
    tunnel.begin(2, msgbusService.health, nothing)
    assert.equal((await tunnel.status(2)).code, 0)
    await tunnel.barrier()
    let heads = 0
    const takeAll = () => {
      let taken = 0
      for (const frame of tunnel.frames.splice(0)) {
        const { kind, call, body } = frame
        if (kind !== message || call !== 1) {
          tunnel.frames.push(frame)
          continue
        }
        heads += 1
        assert.equal(v1.decodeFetchResponse(body).message?.headId, heads)
        taken += messageCost(body.length)
      }
      return { taken, isDone: heads === count }
    }
    let step = takeAll()
    for (;;) {
      // The message that used the credit up may have been of any size.
      assert.ok(step.taken < windowBytes + 2 * bytes, `${step.taken} bytes`)
      if (step.isDone) break
      assert.ok(step.taken >= windowBytes - 2 * bytes, `${step.taken} bytes`)
      tunnel.send([credit, 1, encodeCredit(step.taken)])
      await until(() => tunnel.frames.some(({ kind }) => kind === message))
      await tunnel.barrier()
      step = takeAll()
    }
    assert.equal((await tunnel.status(1)).code, 0)
  })

  test('lets one message through however large it is', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const tunnel = await RawTunnel.open(t, daemon.url)
    const payload = Buffer.alloc(3_000_000, 7)
    tunnel.begin(1, msgbusService.publish, publication('large', payload))
    const { message: stored } = v1.decodePublishResponse(await tunnel.message(1))
    assert.ok(payload.equals(stored?.payload ?? nothing))
    assert.ok(tunnel.messages.some((size) => size > payload.length))
    assert.equal((await tunnel.status(1)).code, 0)
  })

  test('comes back as requests are taken, and not while the receiver has no room', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const receiver = joinFull(daemon)
    const tunnel = await RawTunnel.open(t, daemon.url)
    const payload = Buffer.alloc(20_000)
    const request = (batchId: number) =>
      v2.encodeSendStreamRequest({
        batchId,
        messages: [{ to: { case: 'target', value: 'full' }, payload }],
      })
    const cost = messageCost(request(1).length)
    const most = Math.ceil(windowBytes / cost)
    tunnel.begin(1, clientService.sendStream)
    for (let i = 1; i <= most; i++) tunnel.send([message, 1, request(i)])
    await tunnel.barrier()
    // The first made the receiver full; the others wait.
    assert.equal(tunnel.frames.filter(({ kind }) => kind === message).length, 1)
    assert.equal(tunnel.frames.filter(({ kind }) => kind === credit).length, 0)
    // Half a window at a time.
    const requestsPerCredit = Math.ceil(windowBytes / 2 / cost)
    for (let answers = 1; answers < most; answers++) {
      receiver.live.congested(false)
      await until(() => tunnel.frames.filter(({ kind }) => kind === message).length === answers + 1)
      const given = tunnel.frames.filter(({ kind }) => kind === credit).length
      assert.equal(given, Math.floor((answers + 1) / requestsPerCredit))
    }
    receiver.live.congested(false)
    assert.equal(await tunnel.credit(1), requestsPerCredit * cost)
    // And the end comes after what waits.
    tunnel.send([message, 1, request(99)], [message, 1, request(100)], [halfClose, 1])
    await tunnel.barrier()
    assert.ok(!tunnel.frames.some(({ kind }) => kind === status))
    receiver.live.congested(false)
    await until(() => tunnel.frames.filter(({ kind }) => kind === message).length === most + 2)
    receiver.live.congested(false)
    assert.equal((await tunnel.status(1)).code, 0)
  })

  test('that was not given costs the connection', async (t) => {
    const daemon = await startTunnelDaemon(t)
    joinFull(daemon)
    const tunnel = await RawTunnel.open(t, daemon.url)
    tunnel.begin(1, clientService.sendStream)
    const payload = Buffer.alloc(windowBytes)
    const messages = [{ to: { case: 'target', value: 'full' }, payload } as const]
    const request = v2.encodeSendStreamRequest({ batchId: 1, messages })
    tunnel.send([message, 1, request])
    await tunnel.message(1)
    tunnel.send([message, 1, request])
    await tunnel.barrier()
    tunnel.send([message, 1, request])
    assert.equal((await tunnel.closed).code, 1002)
  })
})

suite('a client that breaks the rules', () => {
  const begun = [open, 1, opening(busService.publishStream.path)] as const
  const unary = [open, 1, opening(clientService.call.path)] as const
  const waiting = [message, 1, v2.encodeCallRequest({ procedure: 'waiting' })] as const
  const cases: Record<string, readonly RawFrame[]> = {
    'a frame of no kind': [[99, 0]],
    'a frame of the daemon': [[status, 1, nothing]],
    'a message for a call that was not begun': [[message, 1, nothing]],
    'credit for the connection': [[credit, 0, encodeCredit(1)]],
    'a call of a number that was used': [begun, begun],
    'a call of number 0': [[open, 0, opening('/a/B')]],
    'a call with a body that is none': [[open, 1, Uint8Array.of(0x0a, 9)]],
    'credit that is no number': [begun, [credit, 1, nothing]],
    'too much credit': [begun, [credit, 1, encodeCredit(creditMost)]],
    'two requests of a method with one': [unary, waiting, waiting],
    'a request after the last one': [unary, waiting, [halfClose, 1], [message, 1, nothing]],
    'the last request twice': [unary, waiting, [halfClose, 1], [halfClose, 1]],
  }

  for (const [what, frames] of Object.entries(cases)) {
    test(`is cut off, and nobody else: ${what}`, async (t) => {
      const daemon = await startTunnelDaemon(t)
      daemon.bus.connect(anonymous).calls.register('waiting', async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        throw new Error('given up')
      })
      const bystander = await RawTunnel.open(t, daemon.url)
      bystander.begin(1, busService.subscribe, v2.encodeSubscribeRequest({ filter: '#' }))
      const tunnel = await RawTunnel.open(t, daemon.url)
      tunnel.begin(10, msgbusService.health, nothing)
      assert.equal((await tunnel.status(10)).code, 0)
      const later = frames.map(
        ([kind, call, body = nothing]) => [kind, call === 0 ? 0 : call + 10, body] as const,
      )
      tunnel.send(...later)
      const { code, reason } = await tunnel.closed
      assert.equal(code, 1002, reason)
      await until(() => daemon.bus.clients().length === 2)
      bystander.begin(2, msgbusService.publish, publication('a'))
      assert.equal((await bystander.status(2)).code, 0)
      assert.ok((await bystander.message(1)).length > 0)
    })
  }

  test('is cut off for text, and for a message that is no frame', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const talker = await RawTunnel.open(t, daemon.url)
    talker.webSocket.send('hello')
    assert.equal((await talker.closed).code, 1003)
    for (const bytes of [nothing, Uint8Array.of(1), Uint8Array.of(1, 1, 200)]) {
      const tunnel = await RawTunnel.open(t, daemon.url)
      tunnel.webSocket.send(bytes)
      assert.equal((await tunnel.closed).code, 1002)
    }
    const large = await RawTunnel.open(t, daemon.url)
    large.webSocket.send(Buffer.alloc(3 * defaultLimits.envelopeBytes))
    assert.equal((await large.closed).code, 1009)
    const many = await RawTunnel.open(t, daemon.url)
    const pings = Buffer.alloc(sharedMessageBytes + 2)
    for (let i = 0; i < pings.length; i += 3) pings[i] = ping
    many.webSocket.send(pings)
    assert.equal((await many.closed).code, 1002)
    await until(() => daemon.bus.clients().length === 0)
  })

  test('with random frames does no harm', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const bystander = await RawTunnel.open(t, daemon.url)
    const paths = [
      msgbusService.publish,
      msgbusService.subscribe,
      busService.publishStream,
      busService.subscribe,
      clientService.register,
      clientService.join,
    ].map(({ path }) => path)
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.constantFrom(...paths).map(opening),
      fc.integer({ min: 1, max: 1_000 }).map(encodeCredit),
      fc.constant(publication('a')),
    )
    // Mostly kinds and numbers that make sense, or nothing would come far.
    const kind = fc.oneof(
      { weight: 30, arbitrary: fc.integer({ min: 1, max: 7 }) },
      { weight: 1, arbitrary: fc.nat(255) },
    )
    const frames = fc.array(fc.tuple(kind, fc.nat(6), body), { minLength: 1, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(frames, async (some) => {
        const tunnel = new RawTunnel(daemon.url)
        await once(tunnel.webSocket, 'open')
        tunnel.send(
          [open, 1, opening(paths[0] ?? '')],
          ...some.map(([k, call, b]) => [k, call, b] as const),
        )
        tunnel.webSocket.close()
        await tunnel.closed
      }),
      { numRuns: 300 },
    )
    await until(() => daemon.bus.clients().length === 1)
    assert.equal(daemon.bus.status().subscriptions, 0)
    bystander.begin(1, msgbusService.publish, publication('a'))
    assert.equal((await bystander.status(1)).code, 0)
  })
})

suite('limits', () => {
  test('are told first: the largest request, and how many calls', async (t) => {
    const daemon = await startTunnelDaemon(t, { settings: { maxConcurrentCalls: 7 } })
    const tunnel = new RawTunnel(daemon.url)
    t.after(() => tunnel.webSocket.terminate())
    const first = await tunnel.take(() => true)
    assert.deepEqual([first.kind, first.call], [hello, 0])
    const { requestBytesMost, callsMost } = decodeHello(first.body)
    assert.equal(callsMost, 7)
    assert.ok(requestBytesMost > defaultLimits.envelopeBytes)
    // A larger one costs its call.
    tunnel.begin(1, msgbusService.publish, new Uint8Array(requestBytesMost + 1))
    assert.equal((await tunnel.status(1)).reason, 'payload_too_large')
    tunnel.send([ping, 0])
    await tunnel.take(({ kind }) => kind === pong)
  })

  test('of calls: one more is refused, and taken when another has ended', async (t) => {
    const daemon = await startTunnelDaemon(t, { settings: { maxConcurrentCalls: 2 } })
    const tunnel = await RawTunnel.open(t, daemon.url)
    const request = v2.encodeSubscribeRequest({ filter: '#' })
    for (const call of [1, 2, 3]) tunnel.begin(call, busService.subscribe, request)
    const refused = await tunnel.status(3)
    assert.deepEqual([refused.code, refused.reason], [8, 'quota_exceeded'])
    tunnel.send([cancel, 2])
    tunnel.begin(4, msgbusService.health, nothing)
    assert.equal((await tunnel.status(4)).code, 0)
  })

  test('of clients: one more is told to come again', async (t) => {
    const daemon = await startTunnelDaemon(t, { limits: { clients: 1 } })
    await RawTunnel.open(t, daemon.url)
    const second = new RawTunnel(daemon.url)
    assert.equal((await second.closed).code, 1013)
    assert.equal(daemon.bus.clients().length, 1)
  })

  test('another sub-protocol is not agreed on', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const webSocket = new WebSocket(daemon.url, [tunnelProtocol, 'other'])
    t.after(() => webSocket.terminate())
    await once(webSocket, 'open')
    assert.equal(webSocket.protocol, tunnelProtocol)
  })
})

suite('a page that does not read', () => {
  test('is held by what little waits for it; others get everything', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const slow = await RawTunnel.open(t, daemon.url)
    const request = v2.encodeSubscribeRequest({
      filter: '#',
      start: { at: { case: 'now', value: {} } },
    })
    // A client that gives credit for everything and then reads nothing.
    for (let call = 1; call <= 5; call++) {
      slow.begin(call, busService.subscribe, request)
      slow.send([credit, call, encodeCredit(creditMost - windowBytes)])
    }
    const quick = await RawTunnel.open(t, daemon.url)
    quick.begin(1, busService.subscribe, request)
    await until(() => daemon.bus.status().subscriptions === 6)
    slow.webSocket.pause()
    const [count, bytes] = [300, 50_000]
    let received = 0
    const reading = (async () => {
      while (received < count) {
        const body = await quick.message(1)
        received += v2.decodeSubscribeResponse(body).messages.length
        quick.send([credit, 1, encodeCredit(messageCost(body.length))])
      }
    })()
    await publishMuch(daemon, 'a', count, bytes)
    await reading
    const waits = daemon.bus.clients().reduce((sum, { queuedBytes }) => sum + queuedBytes, 0)
    // 75 MB were for it.
    assert.ok(waits < 5 * 1_000_000, `${waits} bytes wait`)
    slow.webSocket.resume()
    for (let call = 1; call <= 5; call++) {
      for (let got = 0; got < count;) {
        got += v2.decodeSubscribeResponse(await slow.message(call)).messages.length
      }
    }
  })

  test('loses its name when others wait for it too long, and they go on', async (t) => {
    const daemon = await startTunnelDaemon(t, { limits: { slowClientMs: 20 } })
    const slow = await RawTunnel.open(t, daemon.url)
    slow.begin(1, clientService.join, v2.encodeJoinRequest({ name: 'slow' }))
    await slow.message(1)
    const sender = await RawTunnel.open(t, daemon.url)
    const messages = [
      { to: { case: 'target', value: 'slow' }, payload: Buffer.alloc(100_000) } as const,
    ]
    sender.begin(1, clientService.sendStream)
    // Whatever waits for the slow one is answered when it is gone.
    const total = 30
    for (let batchId = 1; batchId <= total; batchId++) {
      const request = v2.encodeSendStreamRequest({ batchId, messages })
      sender.send([message, 1, request])
      const answer = v2.decodeSendStreamResponse(await sender.message(1))
      const refusal = answer.results[0]?.refusal
      if (refusal === undefined) continue
      assert.equal(refusal.reason, 'unknown_client')
      assert.equal(daemon.bus.client('slow'), undefined)
      assert.equal(daemon.bus.counters.slowClientsDisconnected, 1)
      slow.send([credit, 1, encodeCredit(creditMost - windowBytes)])
      assert.equal((await slow.status(1)).reason, 'slow_client')
      return
    }
    assert.fail('it was waited for without end')
  })

  test('and asks all the time is read no further', async (t) => {
    const daemon = await startTunnelDaemon(t)
    const tunnel = await RawTunnel.open(t, daemon.url)
    const { webSocket } = tunnel
    webSocket.pause()
    // Each is answered with three times as much; they leave here as fast as the daemon reads.
    const unknown = opening('/x')
    let asked = 0
    while (asked < 2_000_000 && webSocket.bufferedAmount < 2_000_000) {
      const frames: RawFrame[] = []
      for (let i = 0; i < 2_000; i++) frames.push([open, (asked += 1), unknown])
      tunnel.send(...frames)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(asked < 2_000_000, 'the daemon read everything')
    const waits = daemon.bus.clients()[0]?.queuedBytes ?? 0
    assert.ok(waits > 1_000_000 && waits < 3_000_000, `${waits} bytes wait`)
  })
})

suite('the daemon stops', () => {
  test('streams are told, calls that run are answered, then the connection closes', async (t) => {
    const daemon = await startTunnelDaemon(t)
    let answer: (() => void) | undefined
    daemon.bus.connect(anonymous).calls.register('slow', async () => {
      await new Promise<void>((resolve) => (answer = resolve))
      return { payload: Buffer.from('late'), headers: noHeaders }
    })
    const tunnel = await RawTunnel.open(t, daemon.url)
    tunnel.begin(1, busService.subscribe, v2.encodeSubscribeRequest({ filter: '#' }))
    tunnel.begin(2, clientService.call, v2.encodeCallRequest({ procedure: 'slow' }))
    await tunnel.barrier()
    // As the daemon does: all adapters at once.
    const stopping = Promise.all([daemon.adapter.stop(10_000), daemon.webSockets.stop(10_000)])
    assert.deepEqual((await tunnel.status(1)).reason, 'shutting_down')
    tunnel.begin(3, msgbusService.health, nothing)
    assert.deepEqual((await tunnel.status(3)).reason, 'shutting_down')
    answer?.()
    assert.equal((await tunnel.status(2)).code, 0)
    assert.equal((await tunnel.closed).code, 1001)
    await stopping
  })

  test('those that do not end are cut off after the grace time', async (t) => {
    const daemon = await startTunnelDaemon(t)
    daemon.bus.connect(anonymous).calls.register('never', async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      throw new Error('given up')
    })
    const tunnel = await RawTunnel.open(t, daemon.url)
    tunnel.begin(1, clientService.call, v2.encodeCallRequest({ procedure: 'never' }))
    await tunnel.barrier()
    await daemon.adapter.stop(1)
    assert.equal((await tunnel.closed).code, 1006)
  })
})

test('an empty message costs something', () => {
  assert.equal(messageCost(0), messageOverheadBytes)
})
