/**
 * One run of some nodes from a seed: a time in which they publish and delete while links are cut, slow or
 * reset and nodes crash and come back, then a time in which everything heals. At the end every node has
 * every log, byte for byte, and nothing that was acknowledged is missing.
 *
 * Everything that happens comes from one clock and one source of chance, so that a seed gives the same run
 * again; the trace of two runs is compared in the test.
 */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { LogInfo, LogStore } from '../../src/core/log-store.ts'
import type { StoredMessage } from '../../src/model/message.ts'
import { nodeIdEquals } from '../../src/model/node-id.ts'
import { logKey } from '../../src/sync/peer-claims.ts'
import { Random } from '../fuzz/random.ts'
import { SimClock } from './sim-clock.ts'
import { SimNetwork } from './sim-network.ts'
import { SimNode } from './sim-node.ts'
import { liar, lieMark, linkLiar } from './sim-liar.ts'

export interface SimulationResult {
  /** What happened, in order; the same for the same seed. */
  readonly trace: readonly string[]
  readonly simulatedMs: number
  readonly messages: number
  readonly cutOff: number
}

const troubleMs = 15_000
/** Far beyond the longest back-off and time-out together, several hops in a row. */
const healingMs = 240_000

export async function simulate(seed: number): Promise<SimulationResult> {
  const trace: string[] = []
  const random = new Random(seed)
  const clock = new SimClock()
  const network = new SimNetwork(clock, random, {
    delayMs: random.one([
      [1, 5],
      [5, 50],
      [20, 300],
    ] as const),
    lossOneIn: random.one([0, 10, 50]),
    resetOneIn: random.one([0, 50, 500]),
  })
  const tell = (text: string): void => void trace.push(`${clock.monotonic()} ${text}`)
  const nodes = await createNodes({ clock, network, random, tell })
  const honest = nodes.filter((node) => node.setting.distort === undefined)
  for (const node of nodes) node.start()

  await run(clock, troubleMs, () => disturb(nodes, network, random, tell))
  tell('everything heals')
  network.faults = { ...network.faults, lossOneIn: 0, resetOneIn: 0 }
  network.heal()
  for (const node of nodes) if (!node.isUp) node.start()
  const healedAt = clock.monotonic()
  while (!(await areEqual(honest))) {
    if (clock.monotonic() > healedAt + healingMs) assert.fail(await difference(honest))
    await run(clock, 1_000)
  }
  tell('converged')

  await check(honest)
  for (const node of nodes) if (node.setting.distort !== undefined) await checkLies(node, honest)
  const cutOff = honest.reduce((sum, { sync }) => sum + (sync?.counters.peersCutOff ?? 0), 0)
  const stopping = Promise.all(nodes.map((node) => node.stop()))
  await run(clock, 2_000)
  await stopping
  for (const node of nodes) assert.equal(node.pendingTimers, 0, 'a stopped node waits for nothing')
  return { trace, simulatedMs: clock.monotonic(), messages: network.messages, cutOff }
}

interface World {
  readonly clock: SimClock
  readonly network: SimNetwork
  readonly random: Random
  readonly tell: (text: string) => void
}

/** Three to seven nodes in a chain, a star, a ring or anything connected; sometimes one of them lies. */
async function createNodes({ clock, network, random, tell }: World): Promise<SimNode[]> {
  const count = 3 + random.below(random.one([1, 3, 5]))
  const peers = Array.from({ length: count }, () => new Set<number>())
  const link = (a: number, b: number): void => {
    if (a !== b) peers[a]?.add(b)
  }
  const shape = random.one(['chain', 'star', 'ring', 'any'] as const)
  for (let i = 0; i < count; i += 1) {
    if (shape === 'ring' || shape === 'any') link(i, (i + 1) % count)
    if (shape === 'any') link(i, random.below(count))
    const other = shape === 'star' ? 0 : i + 1
    if ((shape === 'chain' || shape === 'star') && other < count) {
      link(i, other)
      link(other, i)
    }
  }
  const liars = random.once(4) ? [count] : []
  for (const each of liars) for (let i = 0; i < count; i += 1) if (random.once(2)) link(i, each)
  // Ours among themselves, reference nodes among themselves, or both.
  const kinds = random.one(['links', 'links', 'v1', 'mixed'] as const)
  tell(`${count} nodes, ${shape}, ${kinds}, ${liars.length} liars`)
  const knowsLinks = (): boolean => (kinds === 'mixed' ? random.once(2) : kinds === 'links')
  const setting = { clock, network, random, trace: tell }
  const nodes: SimNode[] = []
  for (let index = 0; index < count; index += 1) {
    const own = { index, peers: [...(peers[index] ?? [])], knowsLinks: knowsLinks() }
    nodes.push(await SimNode.create({ ...setting, ...own }))
  }
  for (const index of liars) {
    const lies = {
      distort: liar(random),
      distortFrame: linkLiar(random),
      knowsLinks: random.once(2),
    }
    nodes.push(await SimNode.create({ ...setting, index, peers: [0], ...lies }))
  }
  return nodes
}

/** Something happens, on average a few times a second. */
function disturb(
  nodes: readonly SimNode[],
  network: SimNetwork,
  random: Random,
  tell: (text: string) => void,
): number {
  const node = random.one(nodes)
  const { index } = node.setting
  const what = random.below(100)
  if (what < 60) node.publish()
  else if (what < 70) node.delete()
  else if (what < 76) {
    const other = random.one(nodes).setting.index
    tell(`cut ${index} > ${other}`)
    network.cut(index, other)
    if (random.once(2)) network.cut(other, index)
  } else if (what < 82) {
    tell('heal')
    network.heal()
  } else if (what < 88) network.reset(index)
  else if (what < 93 && node.isUp) node.crash()
  else if (!node.isUp) node.start()
  return 50 + random.below(400)
}

/**
 * Lets simulated time pass. Between two timers every promise that can go on does, so that the order of
 * things depends on the clock alone. `happens` answers when it wants to be called again.
 */
async function run(clock: SimClock, forMs: number, happens?: () => number): Promise<void> {
  const until = clock.monotonic() + forMs
  const again = (): void => {
    if (happens !== undefined && clock.monotonic() < until) clock.after(happens(), again)
  }
  again()
  do await settled()
  while (clock.step(until))
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function areEqual(nodes: readonly SimNode[]): Promise<boolean> {
  const heads = nodes.map((node) => headsOf(node.disk, nodes))
  if (heads.some((each) => each !== heads[0])) return false
  const contents = await Promise.all(nodes.map((node) => contentOf(node.disk, nodes)))
  return contents.every((content) => content === contents[0])
}

/** What a liar says of its own is for nobody to agree about; of others it gets nothing in. */
function logsBy(nodes: readonly SimNode[], store: LogStore): LogInfo[] {
  const logs = [...store.logs()].filter(({ origin }) =>
    nodes.some(({ id }) => nodeIdEquals(id, origin)),
  )
  return logs.sort((a, b) => (logKey(a) < logKey(b) ? -1 : 1))
}

function headsOf(store: LogStore, nodes: readonly SimNode[]): string {
  return logsBy(nodes, store)
    .map((log) => `${log.head} ${logKey(log)}`)
    .join('\n')
}

/** Which logs differ, and how each node has them. */
async function difference(nodes: readonly SimNode[]): Promise<string> {
  const rows = new Map<string, string[]>()
  for (const { disk, id } of nodes) {
    for (const log of logsBy(nodes, disk)) {
      const key = logKey(log)
      const digest = createHash('sha256')
      for (const message of await messagesOf(disk, log)) digest.update(describe(message))
      const text = `${log.head} messages, ${digest.digest('hex').slice(0, 8)}`
      rows.set(key, [...(rows.get(key) ?? []), `${id.deviceId} has ${text}`])
    }
  }
  const lines = [...rows]
    .filter(([, each]) => {
      const texts = new Set(each.map((row) => row.slice(row.indexOf(' has '))))
      return texts.size > 1 || each.length < nodes.length
    })
    .map(([key, each]) => `${key}: ${each.join('; ')}`)
  return `not the same after ${healingMs} ms\n${lines.join('\n')}`
}

function describe({ headId, id, createdAtMs, deleted, payload }: StoredMessage): string {
  const content = Buffer.from(payload).toString()
  return `${headId} ${id} ${createdAtMs} ${deleted} ${payload.length} ${content}\n`
}

/** A digest of every byte of every message. */
async function contentOf(store: LogStore, nodes: readonly SimNode[]): Promise<string> {
  const hash = createHash('sha256')
  for (const log of logsBy(nodes, store)) {
    hash.update(logKey(log))
    for (const message of await messagesOf(store, log)) hash.update(describe(message))
  }
  return hash.digest('hex')
}

async function messagesOf(
  store: LogStore,
  log: Parameters<LogStore['read']>[0],
): Promise<StoredMessage[]> {
  const { messages, nextHead } = await store.read(log, 1, { messages: Infinity })
  assert.equal(nextHead, (store.head(log) ?? 0) + 1)
  return messages
}

async function check(nodes: readonly SimNode[]): Promise<void> {
  for (const { id, disk, acknowledged, deletes, complaints } of nodes) {
    assert.deepEqual(
      complaints.filter((text) => !text.startsWith('peer_cut_off')),
      [],
    )
    for (const log of disk.logs()) {
      const messages = await messagesOf(disk, log)
      messages.forEach(({ headId }, i) => assert.equal(headId, i + 1, 'no gap and no repeat'))
      const ids = new Set(messages.map((message) => message.id))
      assert.equal(ids.size, messages.length, 'no message twice')
    }
    for (const { topic, headId, text } of acknowledged) {
      const { messages } = await disk.read({ topic, origin: id }, headId, { messages: 1 })
      const [message] = messages
      assert.equal(message?.headId, headId, `${topic} ${headId} was acknowledged`)
      const isGone = deletes.some(
        (range) => range.topic === topic && range.from <= headId && headId <= range.to,
      )
      if (message.deleted) assert.ok(isGone, `${topic} ${headId} was not deleted by anybody`)
      else assert.equal(Buffer.from(message.payload).toString(), text)
    }
  }
}

/** Of the liar's own messages others have what it has, or had before it deleted them. */
async function checkLies(teller: SimNode, nodes: readonly SimNode[]): Promise<void> {
  for (const { disk } of nodes) {
    for (const log of logsBy([teller], disk)) {
      const truth = await messagesOf(teller.disk, log)
      for (const message of await messagesOf(disk, log)) {
        const real = truth[message.headId - 1]
        assert.equal(message.id, real?.id, 'a message that the liar does not have')
        assert.notEqual(Buffer.from(message.payload).toString(), lieMark)
      }
    }
  }
}
