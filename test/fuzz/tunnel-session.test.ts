// Pages that send anything: nothing may throw, be answered with anything but frames, leave anything behind, or hold up the
// others. `MSGBUS_FUZZ_RUNS=200000 npm test -- fuzz` sends a million WebSocket messages.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import * as v1 from '../../src/wire/gen/msgbus-v1.ts'
import * as v2 from '../../src/wire/gen/msgbus-v2.ts'
import { FrameBatch } from '../../src/wire/web-socket/frame-batch.ts'
import {
  encodeCredit,
  encodeOpen,
  frameKinds,
  sharedMessageBytes,
} from '../../src/wire/web-socket/tunnel-frame.ts'
import { damaged } from './busrt-inputs.ts'
import { fuzz, longestMs } from './fuzz-runs.ts'
import type { Random } from './random.ts'
import { FuzzSocket, openTunnelScene } from './tunnel-scene.ts'

let scene = await openTunnelScene()
after(async () => scene.close())

// What is published is kept; a store that holds all of it is not the point.
const runsPerScene = 2_000
/** Not read, and not counted as credit, at most: the outbox, and of each call a window, its mark and a batch. */
const queuedBytesMost = 4_000_000
let runs = 0
let lawful = 0

const topics = ['a', 'a/b', 'a/+', '#', '', '$msgbus.x', 'x'.repeat(2_000), '\u0000']
const names = ['page', 'page%%1', '.broker', '', '*', '?.a']

/** Requests that make sense, most of them. */
const requests: Readonly<Record<string, (random: Random) => Uint8Array>> = {
  [v1.msgbusService.publish.path]: (random) =>
    v1.encodePublishRequest({ topic: random.one(topics), payload: random.bytes(300) }),
  [v1.msgbusService.fetch.path]: (random) =>
    v1.encodeFetchRequest({ topic: random.one(topics), limit: random.below(20) }),
  [v1.msgbusService.subscribe.path]: (random) =>
    v1.encodeSubscribeRequest({ topic: random.one(topics), fromHeadId: random.below(3) }),
  [v1.msgbusService.listHeads.path]: () => new Uint8Array(0),
  [v1.msgbusService.deleteRange.path]: (random) =>
    v1.encodeDeleteRangeRequest({ topic: random.one(topics), toHeadId: random.below(9) }),
  [v2.busService.publishStream.path]: (random) =>
    v2.encodePublishStreamRequest({
      batchId: random.below(5),
      live: random.once(2),
      from: random.once(3) ? random.one(names) : '',
      messages: [{ topic: random.one(topics), payload: random.bytes(300) }, {}],
    }),
  [v2.busService.subscribe.path]: (random) =>
    v2.encodeSubscribeRequest({
      filter: random.one(topics),
      start: { at: random.once(2) ? { case: 'earliest', value: {} } : { case: 'last', value: {} } },
    }),
  [v2.clientService.join.path]: (random) =>
    v2.encodeJoinRequest({ name: random.one(names), replace: random.once(3), presence: '*' }),
  [v2.clientService.sendStream.path]: (random) =>
    v2.encodeSendStreamRequest({
      batchId: random.below(3),
      messages: [{ to: { case: 'target', value: random.one(names) }, payload: random.bytes(99) }],
    }),
  [v2.clientService.broadcast.path]: (random) =>
    v2.encodeBroadcastRequest({ mask: random.one(names), payload: random.bytes(99) }),
  [v2.clientService.register.path]: (random) =>
    v2.encodeRegisterRequest({ registration: { procedures: [random.one(names)] } }),
  [v2.clientService.call.path]: (random) =>
    v2.encodeCallRequest({ procedure: random.one(names), timeoutMs: 1 + random.below(9) }),
  [v2.queueService.enqueue.path]: (random) =>
    v2.encodeEnqueueRequest({ messages: [{ queue: random.one(names), payload: random.bytes(9) }] }),
  [v2.queueService.consume.path]: (random) => v2.encodeConsumeRequest({ queue: random.one(names) }),
  [v2.adminService.verify.path]: () => new Uint8Array(0),
  '/no/Method': (random) => random.bytes(20),
}
const paths = Object.keys(requests)

interface Input {
  readonly messages: readonly Buffer[]
  /** Before these the other side stops to read, or goes on. */
  readonly turns: ReadonlySet<number>
}

function make(random: Random): Input {
  const begun: string[] = []
  const messages: Buffer[] = []
  for (let count = 1 + random.below(9); count > 0; count -= 1) {
    const batch = new FrameBatch()
    for (let frames = 1 + random.below(6); frames > 0; frames -= 1) addFrame(random, batch, begun)
    const message = Buffer.from(batch.take())
    if (random.once(40)) messages.push(random.bytes(60))
    else messages.push(random.once(25) ? damaged(random, message) : message)
  }
  const turns = new Set<number>()
  while (random.once(3)) turns.add(random.below(9))
  return { messages, turns }
}

function addFrame(random: Random, batch: FrameBatch, begun: string[]): void {
  const { open, message, halfClose, cancel, credit, ping } = frameKinds
  if (begun.length === 0 || random.once(3)) {
    const path = random.one(paths)
    begun.push(path)
    const timeoutMs = random.once(4) ? 1 + random.below(100) : 0
    const metadata = new Map(random.once(5) ? [['msgbus-publish-id', 'x']] : [])
    batch.add(open, begun.length, encodeOpen({ path, timeoutMs, metadata }))
    batch.add(message, begun.length, requests[path]?.(random))
    return
  }
  const call = 1 + random.below(begun.length)
  switch (random.below(6)) {
    case 0:
      batch.add(halfClose, call)
      break
    case 1:
      batch.add(cancel, call)
      break
    case 2:
      batch.add(ping, 0)
      break
    case 3:
      batch.add(credit, call, encodeCredit(1 + random.below(sharedMessageBytes)))
      break
    default:
      // Of a method with one request that is one too many.
      if (!random.once(6) && !/Stream$|Register$/.test(begun[call - 1] ?? '')) return
      batch.add(message, call, requests[begun[call - 1] ?? '']?.(random))
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

async function run({ messages, turns }: Input): Promise<number> {
  const socket = new FuzzSocket(scene.tunnels)
  for (const [i, message] of messages.entries()) {
    if (turns.has(i) && socket.isReading) socket.isReading = false
    else if (turns.has(i)) socket.readOn()
    // Whoever is not read from sends nothing that arrives.
    for (let waited = 0; socket.isPaused; waited += 1) {
      assert.ok(waited < 1_000, 'it is never read again')
      if (!socket.isReading) socket.readOn()
      await turn()
    }
    socket.send(message)
    await turn()
    const queued = scene.bus.clients().reduce((sum, client) => sum + client.queuedBytes, 0)
    assert.ok(queued < queuedBytesMost, `${queued} bytes wait`)
  }
  socket.close()
  await turn()
  assert.deepEqual(
    scene.bus.clients().map(({ name }) => name),
    [],
  )
  assert.equal(scene.bus.status().subscriptions, 0)
  assert.ok([undefined, 1002].includes(socket.closeCode), `closed with ${socket.closeCode}`)
  if (socket.closeCode === undefined) lawful += 1
  return socket.longestMs
}

test('whatever a page sends', { timeout: 280_000 }, async (t) => {
  await fuzz(t, {
    runs: 3_000,
    make,
    check: async (input) => {
      if ((runs += 1) % runsPerScene === 0) {
        await scene.close()
        scene = await openTunnelScene()
      }
      let ms = await run(input)
      // A machine that is busy with other things is not slow every time.
      for (let tries = 0; ms > longestMs; tries += 1) {
        assert.ok(tries < 4, `the others wait for ${ms} ms`)
        ms = await run(input)
      }
    },
    show: ({ messages }) => messages.map((message) => message.toString('hex')).join('\n'),
  })
  // Or it would not come far.
  t.diagnostic(`${lawful} of ${runs} broke no rule`)
  assert.ok(lawful * 4 > runs)
})
