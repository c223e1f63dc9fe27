/**
 * A node of the simulation: a disk that survives, and lives that end in crashes. A life publishes, deletes,
 * serves and synchronises; what it acknowledged is remembered outside of it.
 */

import type { LogStore } from '../../src/core/log-store.ts'
import type { Logger } from '../../src/core/logger.ts'
import { noHeaders, type StoredMessage } from '../../src/model/message.ts'
import { anonymous } from '../../src/model/identity.ts'
import type { NodeId } from '../../src/model/node-id.ts'
import { logKey } from '../../src/sync/peer-claims.ts'
import { SyncService } from '../../src/sync/sync-service.ts'
import { openMemoryLogStore } from '../../src/stores/memory/memory-log-store.ts'
import type { Random } from '../fuzz/random.ts'
import { type SimClock, NodeClock } from './sim-clock.ts'
import { openStoreLife, type StoreLife } from './sim-disk.ts'
import { type DistortFrame, SimFrameStream } from './sim-link.ts'
import type { SimNetwork, SimSocket } from './sim-network.ts'
import { dialSimulated, type Distort, serveV1 } from './sim-v1.ts'

export interface NodeSetting {
  readonly index: number
  readonly clock: SimClock
  readonly network: SimNetwork
  readonly random: Random
  /** Indices of the nodes it pulls from. */
  readonly peers: readonly number[]
  readonly distort?: Distort | undefined
  readonly distortFrame?: DistortFrame | undefined
  /** It speaks msgbus.v2; otherwise it is as a reference node. */
  readonly knowsLinks: boolean
  readonly trace: (text: string) => void
}

interface Life {
  readonly clock: NodeClock
  readonly disk: StoreLife
  readonly starting: Promise<SyncService>
  sync: SyncService | undefined
}

const topics = ['events', 'sensors/hall', 'a/b/c']

export class SimNode {
  readonly id: NodeId
  readonly setting: NodeSetting
  /** What survives. */
  readonly disk: LogStore
  /** Own messages whose publisher got an answer. */
  readonly acknowledged: {
    readonly topic: string
    readonly headId: number
    readonly text: string
  }[] = []
  /** Own messages that may have been deleted: whoever asked may not have heard the answer. */
  readonly deletes: { readonly topic: string; readonly from: number; readonly to: number }[] = []
  /** What sync found wrong that no fault of the network explains. */
  readonly complaints: string[] = []
  #life: Life | undefined
  #published = 0
  readonly #heads = new Map<string, number>()

  private constructor(setting: NodeSetting, disk: LogStore) {
    this.setting = setting
    this.id = nodeId(setting.index)
    this.disk = disk
    disk.onCommit(({ messages }) => messages.forEach((message) => this.#see(message)))
  }

  static async create(setting: NodeSetting): Promise<SimNode> {
    const disk = await openMemoryLogStore({
      folder: '',
      node: nodeId(setting.index),
      durability: 'memory',
      clock: setting.clock,
      logger: silent,
      publishIdWindowMs: 1_000,
      publishIdCount: 10,
    })
    return new SimNode(setting, disk)
  }

  get isUp(): boolean {
    return this.#life !== undefined
  }

  get sync(): SyncService | undefined {
    return this.#life?.sync
  }

  /** Timers of the running life; 0 once it was stopped. */
  get pendingTimers(): number {
    return this.#life?.clock.pending ?? 0
  }

  start(): void {
    const { clock: simClock, network, random, index, peers, distort, knowsLinks } = this.setting
    const { distortFrame } = this.setting
    const clock = new NodeClock(simClock, random.below(20_000) - 10_000)
    const disk = openStoreLife(this.disk, clock, random)
    const starting = SyncService.start({
      node: this.id,
      store: disk.store,
      clock,
      random: () => random.below(1_000) / 1_000,
      logger: this.#logger(),
      peers: peers.map((peer) => ({
        endpoint: `http://node-${peer}:1`,
        pin: nodeId(peer),
        rules: {},
        dial: dialSimulated(network, index, peer, { knowsLinks, distortFrame }),
      })),
      rulesFor: () => ({}),
      envelopeBytes: 4_194_304,
      intervalMs: 500,
      batchLimit: random.one([1, 3, 10, 100]),
      parallelPeers: 2,
      connectTimeoutMs: 2_000,
      callTimeoutMs: 3_000,
      stallTimeoutMs: 4_000,
      backOff: { minMs: 250, maxMs: 4_000 },
      cutOffMs: 30_000,
    })
    const life: Life = { clock, disk, starting, sync: undefined }
    void starting.then((sync) => (life.sync = sync))
    this.#life = life
    const acceptLink = (socket: SimSocket): void => {
      void starting.then((sync) => sync.accept(new SimFrameStream(socket, distortFrame), anonymous))
    }
    network.listen(index, (socket) => {
      serveV1(socket, this.id, disk.store, distort, knowsLinks ? acceptLink : undefined)
    })
    this.setting.trace(`node ${index} starts`)
  }

  crash(): void {
    const { network, random, index, trace } = this.setting
    this.#life?.clock.kill()
    this.#life?.disk.kill()
    this.#life = undefined
    network.down(index, random.once(2))
    trace(`node ${index} crashes`)
  }

  /** Stops as a daemon does; the disk and what it serves stay. */
  async stop(): Promise<void> {
    const sync = await this.#life?.starting
    await sync?.close()
  }

  /** Publishes some messages, if the node lives. */
  publish(): void {
    const { random, trace, index } = this.setting
    const store = this.#life?.disk.store
    if (store === undefined) return
    const topic = random.one(topics)
    const texts = Array.from({ length: 1 + random.below(5) }, () => {
      this.#published += 1
      return `${index}:${this.#published}:${'x'.repeat(random.below(40))}`
    })
    const items = texts.map((text) => ({ topic, payload: Buffer.from(text), headers: noHeaders }))
    void store.append(items).then((outcomes) => {
      outcomes.forEach((outcome, i) => {
        if (outcome.kind !== 'stored') throw new Error(`a publication was ${outcome.kind}`)
        const { headId } = outcome.message
        this.acknowledged.push({ topic, headId, text: texts[i] ?? '' })
      })
      trace(`node ${index} published ${outcomes.length} on ${topic}`)
    })
  }

  /** Deletes a range of an own log, if the node lives and has one. */
  delete(): void {
    const { random, trace, index } = this.setting
    const store = this.#life?.disk.store
    const topic = random.one(topics)
    const head = store?.head({ topic, origin: this.id }) ?? 0
    if (store === undefined || head === 0) return
    const from = 1 + random.below(head)
    const to = from + random.below(4)
    this.deletes.push({ topic, from, to: Math.min(to, head) })
    void store
      .deleteRange({ topic, fromHead: from, toHead: Math.min(to, head), beyondHead: 'clip' })
      .then(({ deletedCount }) => trace(`node ${index} deleted ${deletedCount} of ${topic}`))
  }

  /** Every message becomes visible once, in order, without a gap: what live subscribers rely on. */
  #see(message: StoredMessage): void {
    const key = logKey(message)
    const head = this.#heads.get(key) ?? 0
    if (message.headId !== head + 1) {
      this.complaints.push(
        `${message.topic} of ${message.origin.deviceId}: ${message.headId} after ${head}`,
      )
    }
    this.#heads.set(key, message.headId)
  }

  #logger(): Logger {
    const { trace, index } = this.setting
    const tell = (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      trace(`node ${index} ${event} ${JSON.stringify(fields)}`)
    }
    const complain = (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      tell(event, fields)
      this.complaints.push(`${event} ${JSON.stringify(fields)}`)
    }
    return { debug: tell, info: tell, warn: tell, error: complain }
  }
}

export function nodeId(index: number): NodeId {
  return { tenantId: 'sim', blName: 'test', deviceId: `node-${index}` }
}

const silent: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
}
