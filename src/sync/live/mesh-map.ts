/**
 * What this node knows of all others: each node numbers the changes of what it tells about itself, and everybody passes
 * on what is new to it, so that all have the same picture (ADR 20). Ways are the shortest ones over links that both
 * ends tell of. A node that cannot be reached is forgotten after a while: not at once, because news of nodes and of the
 * links between them come in any order.
 */

import { ByteTable } from '../../base/byte-table.ts'
import { nameMatches } from '../../model/name-mask.ts'
import type { NodeId } from '../../model/node-id.ts'
import { nodeKey } from '../../model/node-id.ts'
import { levelFilterMatcher } from '../../core/topic-tree.ts'
import { filterOfItem, MeshNode } from './mesh-node.ts'

export const mostNodes = 1_000
export const forgetAfterMs = 60_000
const rememberedTopics = 10_000
const rememberedMasks = 1_000

/** Whom a mask concerns at other nodes. */
export interface NamedTargets {
  readonly nodes: readonly MeshNode[]
  /** Clients that are known to match. */
  readonly clients: number
}

type Matcher = (topic: string) => boolean

export interface MeshMapOptions {
  readonly own: NodeId
  /** A filter of another node came (true), or the last one like it went. */
  readonly onFilter: (item: string, isThere: boolean) => void
  /** Names or ways changed. */
  readonly onChange: () => void
}

export class MeshMap {
  readonly own: MeshNode
  readonly #options: MeshMapOptions
  readonly #nodes = new Map<string, MeshNode>()
  readonly #byBytes = new ByteTable<MeshNode>()
  /** Nodes by item, for clients, procedures and filters: whom a name or a topic concerns. */
  readonly #holders = new Map<string, Set<MeshNode>>()
  readonly #matchers = new Map<string, Matcher>()
  readonly #byTopic = new Map<string, readonly MeshNode[]>()
  readonly #byMask = new Map<string, NamedTargets>()

  constructor(options: MeshMapOptions) {
    this.#options = options
    this.own = new MeshNode(options.own)
    this.own.hops = 0
    this.#add(this.own)
  }

  get nodes(): Iterable<MeshNode> {
    return this.#nodes.values()
  }

  /** Others that can be reached. */
  *reachable(): Iterable<MeshNode> {
    for (const node of this.#nodes.values()) if (node !== this.own && node.isReachable) yield node
  }

  byKey(key: string): MeshNode | undefined {
    return this.#nodes.get(key)
  }

  byBytes(bytes: Uint8Array, start: number, end: number): MeshNode | undefined {
    return this.#byBytes.get(bytes, start, end)
  }

  /** The entry of a node, made when there is room; undefined: there are too many. */
  open(id: NodeId): MeshNode | undefined {
    const known = this.#nodes.get(nodeKey(id))
    if (known !== undefined) return known
    if (this.#nodes.size >= mostNodes) return undefined
    const node = new MeshNode(id)
    this.#add(node)
    return node
  }

  /** Puts other items in the place of all that a node told. */
  replace(node: MeshNode, items: ReadonlySet<string>): void {
    const gone = [...node.items].filter((item) => !items.has(item))
    const added = [...items].filter((item) => !node.items.has(item))
    this.change(node, added, gone)
  }

  change(node: MeshNode, added: readonly string[], gone: readonly string[]): void {
    for (const item of gone) if (node.items.delete(item)) this.#drop(node, item)
    for (const item of added) {
      if (node.items.has(item)) continue
      node.items.add(item)
      this.#hold(node, item)
    }
    this.#byTopic.clear()
    this.#byMask.clear()
  }

  /**
   * Finds the ways anew.
   * @param links keys of the nodes to which a link is up
   * @param now monotonic
   */
  findWays(links: ReadonlySet<string>, now: number): void {
    for (const node of this.#nodes.values()) {
      if (node === this.own) continue
      node.hops = Infinity
      node.via = ''
      node.before = undefined
    }
    let edge: MeshNode[] = []
    for (const key of [...links].sort()) {
      const node = this.#nodes.get(key)
      if (node === undefined || node === this.own) continue
      node.hops = 1
      node.via = key
      node.before = this.own
      edge.push(node)
    }
    while (edge.length > 0) {
      const next: MeshNode[] = []
      for (const node of edge) {
        for (const item of node.items) {
          const other = item.startsWith('n') ? this.#nodes.get(item.slice(1)) : undefined
          if (other === undefined || other.isReachable || !other.items.has(`n${node.key}`)) continue
          other.hops = node.hops + 1
          other.via = node.via
          other.before = node
          next.push(other)
        }
      }
      edge = next
    }
    for (const node of this.#nodes.values()) {
      if (node.isReachable) node.lostAt = undefined
      else if ((node.lostAt ??= now) + forgetAfterMs <= now) this.#forget(node)
    }
    this.#byTopic.clear()
    this.#byMask.clear()
    this.#options.onChange()
  }

  /** When `findWays` will have something to forget; undefined: never. */
  nextForgetAt(): number | undefined {
    let next: number | undefined
    for (const { lostAt } of this.#nodes.values()) {
      if (lostAt !== undefined) next = Math.min(next ?? Infinity, lostAt + forgetAfterMs)
    }
    return next
  }

  /** The nodes on the way to one, this node first and that one last. */
  wayTo(node: MeshNode): MeshNode[] {
    const way: MeshNode[] = []
    for (let at: MeshNode | undefined = node; at !== undefined; at = at.before) way.unshift(at)
    return way
  }

  /** Whether all links of a way are still there. */
  isIntact(way: readonly MeshNode[]): boolean {
    return way.every((node, i) => {
      const next = way[i + 1]
      if (next === undefined) return true
      // The neighbour may not have told of a fresh link yet; ours is known.
      const isTold = node === this.own || next.items.has(`n${node.key}`)
      return isTold && node.items.has(`n${next.key}`)
    })
  }

  /** Other nodes that can be reached and want a topic. */
  wanting(topic: string): readonly MeshNode[] {
    const known = this.#byTopic.get(topic)
    if (known !== undefined) return known
    const found = new Set<MeshNode>()
    const take = (item: string) => {
      for (const node of this.#holders.get(item) ?? []) if (node.isReachable) found.add(node)
    }
    for (const rules of ['m', 'b', 'w']) take(`f${rules}:${topic}`)
    for (const [item, matches] of this.#matchers) if (matches(topic)) take(item)
    found.delete(this.own)
    const nodes = [...found]
    if (this.#byTopic.size >= rememberedTopics) this.#byTopic.clear()
    this.#byTopic.set(topic, nodes)
    return nodes
  }

  /** Other nodes that can be reached with clients whose name matches; and those that do not tell all their names. */
  matching(mask: string): NamedTargets {
    const known = this.#byMask.get(mask)
    if (known !== undefined) return known
    const nodes: MeshNode[] = []
    let clients = 0
    for (const node of this.reachable()) {
      const count = countMatching(node, mask)
      if (node.isTruncated || count > 0) nodes.push(node)
      clients += count
    }
    if (this.#byMask.size >= rememberedMasks) this.#byMask.clear()
    const found = { nodes, clients }
    this.#byMask.set(mask, found)
    return found
  }

  /** Other nodes that can be reached and have this item, the nearest first. */
  holding(item: string): MeshNode[] {
    const found: MeshNode[] = []
    for (const node of this.#holders.get(item) ?? []) {
      if (node !== this.own && node.isReachable) found.push(node)
    }
    return found.sort((one, two) => one.hops - two.hops || (one.key < two.key ? -1 : 1))
  }

  /** The node that a text means: `tenant/bl/device`, or a device id that one node alone has. */
  named(text: string): MeshNode | undefined {
    let found: MeshNode | undefined
    for (const node of this.#nodes.values()) {
      if (node.text === text) return node
      if (node.id.deviceId !== text || !node.isReachable) continue
      if (found !== undefined) return undefined
      found = node
    }
    return found
  }

  #add(node: MeshNode): void {
    this.#nodes.set(node.key, node)
    this.#byBytes.set(node)
  }

  #forget(node: MeshNode): void {
    this.change(node, [], [...node.items])
    this.#nodes.delete(node.key)
    this.#byBytes.delete(node)
  }

  #hold(node: MeshNode, item: string): void {
    if (node === this.own || item.startsWith('n')) return
    const holders = this.#holders.get(item)
    if (holders !== undefined) {
      holders.add(node)
      return
    }
    this.#holders.set(item, new Set([node]))
    const filter = filterOfItem(item)
    if (filter === undefined) return
    this.#matchers.set(item, levelFilterMatcher(filter))
    this.#options.onFilter(item, true)
  }

  #drop(node: MeshNode, item: string): void {
    const holders = this.#holders.get(item)
    if (holders?.delete(node) !== true || holders.size > 0) return
    this.#holders.delete(item)
    if (this.#matchers.delete(item)) this.#options.onFilter(item, false)
  }
}

function countMatching(node: MeshNode, mask: string): number {
  let count = 0
  for (const item of node.items) {
    if (item.startsWith('c') && nameMatches(mask, item.slice(1))) count += 1
  }
  return count
}
