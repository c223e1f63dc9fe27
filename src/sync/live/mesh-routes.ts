/** The links that are up, and how records get from here to other nodes over them. */

import type { LiveChannel } from '../live-channel.ts'
import { LinkOutbox } from './link-outbox.ts'
import type { LiveCounters } from './live-counters.ts'
import type { MeshMap } from './mesh-map.ts'
import type { MeshNode } from './mesh-node.ts'

const rememberedTopics = 10_000

/** One link that is up. */
export class MeshLink {
  readonly channel: LiveChannel
  readonly key: string
  readonly outbox: LinkOutbox
  /** The spreading in which it was chosen last. */
  mark = 0
  /** Snapshots of which a part is here, by the node they are about. */
  readonly parts = new Map<string, Set<string>>()
  readonly #crossing = { in: new Map<string, boolean>(), out: new Map<string, boolean>() }

  constructor(channel: LiveChannel, key: string, counters: LiveCounters) {
    this.channel = channel
    this.key = key
    this.outbox = new LinkOutbox(channel, counters)
  }

  /** What the peer's rules say of a topic. */
  mayCross(topic: string, direction: 'in' | 'out'): boolean {
    const known = this.#crossing[direction]
    let may = known.get(topic)
    if (may === undefined) {
      if (known.size >= rememberedTopics) known.clear()
      known.set(topic, (may = this.channel.mayCross.topic(topic, direction)))
    }
    return may
  }
}

export class MeshRoutes {
  readonly map: MeshMap
  readonly counters: LiveCounters
  /** By the key of the peer; of several links to one peer the first is used. */
  readonly #links = new Map<string, MeshLink[]>()
  #mark = 0
  /**
   * Tells others what changed here: to be called before anything is sent on behalf of a client, so that whoever gets it
   * knows the name to which it answers.
   */
  tellNews: () => void = () => undefined
  /** A link has no room, and somebody waits for it. */
  onFull: () => void = () => undefined

  constructor(map: MeshMap, counters: LiveCounters) {
    this.map = map
    this.counters = counters
  }

  get size(): number {
    return this.#links.size
  }

  /** Keys of the nodes to which a link is up. */
  get neighbours(): ReadonlySet<string> {
    return new Set(this.#links.keys())
  }

  *links(): Iterable<MeshLink> {
    for (const links of this.#links.values()) yield* links
  }

  /** True when it is the first one to this peer. */
  add(link: MeshLink): boolean {
    const known = this.#links.get(link.key)
    known?.push(link)
    if (known === undefined) this.#links.set(link.key, [link])
    return known === undefined
  }

  /** True when it was the last one to this peer. */
  remove(link: MeshLink): boolean {
    const left = (this.#links.get(link.key) ?? []).filter((each) => each !== link)
    if (left.length > 0) this.#links.set(link.key, left)
    else this.#links.delete(link.key)
    return left.length === 0
  }

  /** The link by which a node is reached. */
  to(node: MeshNode): MeshLink | undefined {
    return this.#links.get(node.via)?.[0]
  }

  /**
   * Sends a record to one node. False: it is not reachable, or the record was dropped; both are counted.
   * @param hops of a record that is passed on
   */
  send(
    node: MeshNode,
    bytes: Uint8Array,
    start: number,
    end: number,
    isDroppable: boolean,
    hops?: number,
  ): boolean {
    const link = this.to(node)
    if (link === undefined) {
      this.counters.undeliverable += 1
      return false
    }
    return link.outbox.add(bytes, start, end, isDroppable, hops)
  }

  /**
   * Sends a record towards several nodes, over each link once.
   * @param topic asked of the rules of each link; undefined: they have no say
   * @param from the link it came by, and the node it comes from: it goes back to neither
   */
  spread(
    nodes: readonly MeshNode[],
    topic: string | undefined,
    bytes: Uint8Array,
    start: number,
    end: number,
    from?: { readonly link: MeshLink; readonly origin: MeshNode; readonly hops: number },
  ): void {
    this.#mark += 1
    for (const node of nodes) {
      const link = this.to(node)
      if (link === undefined || link.mark === this.#mark) continue
      if (from !== undefined && (link.key === from.link.key || node === from.origin)) continue
      link.mark = this.#mark
      if (topic !== undefined && !link.mayCross(topic, 'out')) {
        this.counters.denied += 1
        continue
      }
      if (from !== undefined) this.counters.relayed += 1
      link.outbox.add(bytes, start, end, true, from?.hops)
    }
  }

  /** A link has no room, and somebody waits for it or is to. */
  get isFull(): boolean {
    for (const { outbox } of this.links()) if (outbox.isFull && !outbox.isGivenUp) return true
    return false
  }

  /** Nobody waits any more for the links that have no room. */
  giveUp(): void {
    for (const { outbox } of this.links()) if (outbox.isFull) outbox.isGivenUp = true
  }

  /** Sends a record to all neighbours but one. */
  flood(bytes: Uint8Array, except?: MeshLink): void {
    for (const link of this.links()) {
      if (link !== except) link.outbox.add(bytes, 0, bytes.length, false)
    }
  }
}
