// Proves what links promise beyond what the simulation checks: what is pushed and what is listed, what a cut costs, which of
// two links stays, what live traffic waits for, what rules keep from crossing, and that lies end a link.

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'
import { ManualClock } from '../../core/manual-clock.ts'
import { silentLogger } from '../../core/logger.ts'
import type { LogStore } from '../../core/log-store.ts'
import { BusError, ProtocolError } from '../../model/errors.ts'
import { anonymous } from '../../model/identity.ts'
import { type LogKey, noHeaders } from '../../model/message.ts'
import type { NodeId } from '../../model/node-id.ts'
import { parseTopicFilter } from '../../model/topic-filter.ts'
import type { FrameHandler, FrameStream } from '../../net/frame-stream.ts'
import { openMemoryLogStore } from '../../stores/memory/memory-log-store.ts'
import { decodeLinkFrame, encodeLinkFrame, type LinkFrame } from '../../wire/gen/msgbus-link.ts'
import type { LiveChannel, LiveTraffic } from '../live-channel.ts'
import type { PeerRules } from '../peer-rules.ts'
import { SyncService } from '../sync-service.ts'
import { readFrame } from './link-reader.ts'

const nodeOf = (deviceId: string): NodeId => ({ tenantId: 't', blName: 'b', deviceId })

const none = () => Promise.reject(new BusError('unimplemented', 'unsupported', 'none'))

/** One end of a pipe; frames arrive in a later turn, in order. */
class PipeEnd implements FrameStream {
  readonly unsentBytes = 0
  readonly frames: LinkFrame[] = []
  other: PipeEnd | undefined
  isPaused = false
  #handler: FrameHandler | undefined
  #isOver = false
  #waiting: Uint8Array[] = []

  start(handler: FrameHandler): void {
    this.#handler = handler
    this.#hand()
  }

  send(frame: Uint8Array): void {
    if (this.#isOver) return
    this.frames.push(decodeLinkFrame(frame))
    setImmediate(() => this.other?.arrive(frame))
  }

  arrive(frame: Uint8Array): void {
    this.#waiting.push(frame)
    this.#hand()
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    this.#hand()
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    setImmediate(() => this.other?.broken())
  }

  broken(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#handler?.closed(new BusError('unavailable', 'connection_lost', 'cut'))
  }

  #hand(): void {
    while (!this.isPaused && this.#handler !== undefined) {
      const frame = this.#waiting.shift()
      if (frame === undefined) return
      this.#handler.frame(frame)
    }
  }
}

function pipe(): readonly [PipeEnd, PipeEnd] {
  const ends = [new PipeEnd(), new PipeEnd()] as const
  ends[0].other = ends[1]
  ends[1].other = ends[0]
  return ends
}

interface Member {
  readonly id: NodeId
  readonly store: LogStore
  readonly sync: SyncService
  readonly clock: ManualClock
  /** Ends of the links that it dialled, in order. */
  readonly dialled: PipeEnd[]
  readonly lines: string[]
  publish(topic: string, ...texts: string[]): Promise<void>
  close(): Promise<void>
}

interface MemberOptions {
  readonly peers?: readonly (() => Member)[]
  readonly rules?: PeerRules
  readonly rulesFor?: () => PeerRules
  readonly live?: LiveTraffic
  readonly envelopeBytes?: number
}

async function start(name: string, options: MemberOptions = {}): Promise<Member> {
  const { peers = [], rules = {}, rulesFor = () => ({}), live, envelopeBytes = 1_000_000 } = options
  const clock = new ManualClock()
  const id = nodeOf(name)
  const dialled: PipeEnd[] = []
  const lines: string[] = []
  const tell = (event: string, fields: object = {}) =>
    void lines.push(`${event} ${JSON.stringify(fields)}`)
  const store = await openMemoryLogStore({
    folder: '',
    node: id,
    durability: 'memory',
    clock,
    logger: silentLogger,
    publishIdWindowMs: 1_000,
    publishIdCount: 10,
  })
  const sync = await SyncService.start({
    node: id,
    store,
    clock,
    random: () => 0.5,
    logger: { error: tell, warn: tell, info: tell, debug: tell },
    peers: peers.map((peer, i) => ({
      endpoint: `peer-${i}`,
      pin: undefined,
      rules,
      dial: async () => {
        const [near, far] = pipe()
        dialled.push(near)
        peer().sync.accept(far, anonymous)
        return {
          openLink: () => near,
          health: none,
          listHeads: none,
          fetch: () => assert.fail('a link is enough'),
          close: () => near.close(),
        }
      },
    })),
    rulesFor,
    live,
    envelopeBytes,
    intervalMs: 1_000,
    batchLimit: 100,
    parallelPeers: 4,
    connectTimeoutMs: 1_000,
    callTimeoutMs: 1_000,
    stallTimeoutMs: 9_000,
    backOff: { minMs: 100, maxMs: 100 },
    cutOffMs: 60_000,
  })
  return {
    id,
    store,
    sync,
    clock,
    dialled,
    lines,
    publish: async (topic, ...texts) => {
      const items = texts.map((text) => ({ topic, payload: Buffer.from(text), headers: noHeaders }))
      for (const { kind } of await store.append(items)) assert.equal(kind, 'stored')
    },
    close: () => sync.close(),
  }
}

/** Resolves when the log has that many messages. */
async function headOf({ store }: Member, log: LogKey, head: number): Promise<void> {
  const commits = new EventEmitter()
  const stop = store.onCommit(() => void commits.emit('commit'))
  while ((store.head(log) ?? 0) < head) await once(commits, 'commit')
  stop()
}

/** Lets everything happen that needs no time. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve))
}

test('both directions over one link; what is new is sent in the turn of its commit', async () => {
  const hub = await start('hub')
  const leaf = await start('leaf', { peers: [() => hub] })
  await hub.publish('a', '1', '2')
  await headOf(leaf, { topic: 'a', origin: hub.id }, 2)
  await leaf.publish('b', '1')
  await headOf(hub, { topic: 'b', origin: leaf.id }, 1)
  await settled()
  const sent = leaf.dialled[0]?.other?.frames.length
  await hub.publish('a', '3')
  // One frame, and nothing was asked for.
  assert.equal(leaf.dialled[0]?.other?.frames.length, (sent ?? 0) + 1)
  assert.equal(leaf.dialled[0]?.other?.frames.at(-1)?.batches[0]?.firstHeadId, 3)
  await headOf(leaf, { topic: 'a', origin: hub.id }, 3)
  const [link] = leaf.sync.links()
  assert.equal(link?.kind, 'link')
  assert.equal(link.state, 'up')
  assert.deepEqual(hub.sync.links()[0]?.node, leaf.id)
  assert.equal(hub.sync.links()[0]?.direction, 'incoming')
  await Promise.all([hub.close(), leaf.close()])
})

test('after a cut only what changed is listed', async () => {
  const hub = await start('hub')
  for (let i = 0; i < 30; i += 1) await hub.publish(`old/${i}`, 'x')
  const leaf = await start('leaf', { peers: [() => hub] })
  for (let i = 0; i < 30; i += 1) {
    await headOf(leaf, { topic: `old/${i}`, origin: hub.id }, 1)
  }
  await settled()
  leaf.dialled[0]?.other?.close()
  leaf.dialled[0]?.broken()
  await settled()
  await hub.publish('old/7', 'y')
  leaf.clock.advance(100)
  await headOf(leaf, { topic: 'old/7', origin: hub.id }, 2)
  await settled()
  const listed = leaf.dialled[1]?.other?.frames.flatMap(({ heads }) =>
    heads.map((each) => each.topic),
  )
  assert.deepEqual(listed, ['old/7'])
  await Promise.all([hub.close(), leaf.close()])
})

test('two that dial each other keep one link, and the next after it was cut', async () => {
  const members: Member[] = []
  members.push(await start('a', { peers: [() => members[1] as Member] }))
  members.push(await start('b', { peers: [() => members[0] as Member] }))
  const [a, b] = members as [Member, Member]
  for (let i = 0; i < 5; i += 1) {
    await settled()
    a.clock.advance(100)
    b.clock.advance(100)
  }
  const kinds = (member: Member) =>
    member.sync.links().map(({ kind, direction }) => [kind, direction])
  assert.deepEqual(kinds(a), [['link', 'outgoing']])
  assert.deepEqual(kinds(b), [
    ['standby', 'outgoing'],
    ['link', 'incoming'],
  ])
  await a.publish('t', '1')
  await b.publish('t', '1')
  await headOf(b, { topic: 't', origin: a.id }, 1)
  await headOf(a, { topic: 't', origin: b.id }, 1)
  // That there is another link is no failure of anything.
  assert.doesNotMatch([...a.lines, ...b.lines].join('\n'), /another link/)
  await Promise.all([a.close(), b.close()])
})

test('two daemons with one node id: the second is refused, and both are told of', async () => {
  const hub = await start('hub')
  const first = await start('twin', { peers: [() => hub] })
  await settled()
  const second = await start('twin', { peers: [() => hub] })
  await settled()
  assert.match(second.lines.join('\n'), /peer_failed .*twin and another store has a link here/)
  assert.equal(first.sync.links()[0]?.state, 'up')
  // It went, so the other may come; that its store is another one is said.
  await first.close()
  await settled()
  second.clock.advance(200)
  await settled()
  assert.equal(second.sync.links()[0]?.state, 'up')
  assert.match(hub.lines.join('\n'), /peer_store_changed/)
  await Promise.all([hub.close(), second.close()])
})

test('a fork stops its log on both sides, and no other', async () => {
  const hub = await start('hub')
  const first = await start('twin', { peers: [() => hub] })
  await first.publish('a', '1', '2')
  await headOf(hub, { topic: 'a', origin: first.id }, 2)
  await first.close()
  const second = await start('twin', { peers: [() => hub] })
  await second.publish('a', '3')
  await second.publish('b', '1')
  await headOf(hub, { topic: 'b', origin: second.id }, 1)
  await settled()
  assert.equal(hub.store.head({ topic: 'a', origin: first.id }), 2)
  assert.equal(second.store.head({ topic: 'a', origin: first.id }), 1)
  assert.match(hub.lines.join('\n'), /peer_log_failed .*fork of /)
  assert.match(second.lines.join('\n'), /peer_log_failed .*that are not here/)
  await Promise.all([hub.close(), second.close()])
})

test('rules hold in both directions', async () => {
  const hub = await start('hub')
  const rules = { topics: [parseTopicFilter('shared/#')] }
  const leaf = await start('leaf', { peers: [() => hub], rules })
  await leaf.publish('private', '1')
  await leaf.publish('shared/a', '1')
  await hub.publish('other', '1')
  await hub.publish('shared/b', '1')
  await headOf(hub, { topic: 'shared/a', origin: leaf.id }, 1)
  await headOf(leaf, { topic: 'shared/b', origin: hub.id }, 1)
  await settled()
  assert.equal(hub.store.head({ topic: 'private', origin: leaf.id }), undefined)
  assert.equal(leaf.store.head({ topic: 'other', origin: hub.id }), undefined)
  await Promise.all([hub.close(), leaf.close()])
})

test('a direction: what is only given is not taken', async () => {
  const hub = await start('hub', { rulesFor: () => ({ direction: 'in' }) })
  const leaf = await start('leaf', { peers: [() => hub] })
  await hub.publish('a', '1')
  await leaf.publish('a', '1')
  await headOf(hub, { topic: 'a', origin: leaf.id }, 1)
  await settled()
  assert.equal(leaf.store.head({ topic: 'a', origin: hub.id }), undefined)
  await Promise.all([hub.close(), leaf.close()])
})

test('who is not welcome is told why', async () => {
  const hub = await start('hub', {
    rulesFor: () => {
      throw new BusError('permission_denied', 'access_denied', 'not you')
    },
  })
  const leaf = await start('leaf', { peers: [() => hub] })
  await settled()
  assert.match(leaf.lines.join('\n'), /peer_failed .*the peer closed the link: not you/)
  assert.equal(hub.sync.links().length, 0)
  await Promise.all([hub.close(), leaf.close()])
})

test('a message that is too large for the other side costs its log, and no link', async () => {
  const hub = await start('hub')
  const leaf = await start('leaf', { peers: [() => hub], envelopeBytes: 2_000 })
  await hub.publish('large', 'x'.repeat(1_000), 'x'.repeat(5_000), 'x')
  await hub.publish('small', '1')
  await headOf(leaf, { topic: 'small', origin: hub.id }, 1)
  await headOf(leaf, { topic: 'large', origin: hub.id }, 1)
  await settled()
  // Again and again, and each time the credit comes back.
  for (let i = 0; i < 5; i += 1) {
    leaf.clock.advance(500)
    await settled()
  }
  const row = leaf.sync.states().find(({ log }) => log?.topic === 'large')
  assert.match(row?.lastError ?? '', /message 2 has 5000 bytes, the limit there is 2000/)
  assert.ok((row?.consecutiveFailures ?? 0) > 2)
  assert.equal(leaf.store.head({ topic: 'large', origin: hub.id }), 1)
  assert.equal(leaf.sync.links()[0]?.state, 'up')
  await hub.publish('small', '2')
  await headOf(leaf, { topic: 'small', origin: hub.id }, 2)
  assert.equal(hub.sync.counters.peersCutOff + leaf.sync.counters.peersCutOff, 0)
  await Promise.all([hub.close(), leaf.close()])
})

test('live frames come in order; while one waits nothing else is read', async () => {
  const got: string[] = []
  const gate = new EventEmitter()
  const channels: LiveChannel[] = []
  const taking: LiveTraffic = {
    open: () => ({
      receive: (frame) => {
        got.push(Buffer.from(frame).toString())
        return got.length === 2 ? once(gate, 'open').then(() => undefined) : undefined
      },
      onRoom: () => undefined,
      close: () => void got.push('closed'),
    }),
  }
  const giving: LiveTraffic = {
    open: (channel) => {
      channels.push(channel)
      return { receive: () => undefined, onRoom: () => undefined, close: () => undefined }
    },
  }
  const hub = await start('hub', { live: taking })
  const leaf = await start('leaf', { peers: [() => hub], live: giving })
  await settled()
  const [channel] = channels
  assert.ok(channel !== undefined && channel.isOutgoing)
  for (const text of ['1', '2', '3', '4']) channel.send(Buffer.from(text))
  await settled()
  channel.send(Buffer.from('5'))
  await settled()
  assert.deepEqual(got, ['1', '2'])
  assert.equal(leaf.dialled[0]?.other?.isPaused, true)
  gate.emit('open')
  await settled()
  assert.deepEqual(got, ['1', '2', '3', '4', '5'])
  await leaf.close()
  await settled()
  assert.equal(got.at(-1), 'closed')
  await hub.close()
})

test('a lie ends the link, and who lied is not let in again for a while', async () => {
  const hub = await start('hub')
  const say = (frame: Parameters<typeof encodeLinkFrame>[0]) => {
    const [near, far] = pipe()
    const closed: Error[] = []
    near.start({
      frame: (bytes) => {
        const { close } = decodeLinkFrame(bytes)
        if (close !== undefined) closed.push(new Error(`${close.reason}: ${close.message}`))
      },
      room: () => undefined,
      closed: () => undefined,
    })
    hub.sync.accept(far, anonymous)
    const hello = { version: 1, node: nodeOf('liar'), epoch: 'e', windowBytes: 1_000_000 }
    near.send(encodeLinkFrame({ hello }))
    near.send(encodeLinkFrame(frame))
    return closed
  }
  const heads = [{ topic: 'a', origin: nodeOf('liar'), headId: 0 }]
  const first = say({ heads })
  await settled()
  assert.match(String(first[0]), /listed with head 0/)
  assert.equal(hub.sync.counters.peersCutOff, 1)
  const second = say({})
  await settled()
  assert.match(String(second[0]), /peer_cut_off/)
  hub.clock.advance(60_000)
  const third = say({ credit: 10_000_000 })
  await settled()
  assert.match(String(third[0]), /more credit than was used/)
  await hub.close()
})

test('silence ends a link', async () => {
  const hub = await start('hub')
  const leaf = await start('leaf', { peers: [() => hub] })
  await settled()
  // The other side hears nothing and says nothing.
  const [near] = leaf.dialled
  if (near?.other !== undefined) near.other.send = () => undefined
  for (let i = 0; i < 5; i += 1) {
    leaf.clock.advance(3_000)
    await settled()
  }
  assert.match(leaf.lines.join('\n'), /peer_failed .*no sign of life in 9000 ms/)
  await Promise.all([hub.close(), leaf.close()])
})

test('a large frame of very many entries is refused before it is built', () => {
  const messages = new Uint8Array(400_000)
  for (let i = 0; i < messages.length; i += 2) messages[i] = 0x1a
  const head = Uint8Array.of(0x42, 0x80, 0xb5, 0x18)
  assert.throws(() => readFrame(Buffer.concat([head, messages])), ProtocolError)
})
