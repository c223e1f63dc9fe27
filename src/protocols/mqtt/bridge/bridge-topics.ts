/**
 * Which topics a bridge carries, which way, and what they are called on either side. A rule takes a filter; with
 * prefixes the filter stands behind the one of each side: `sensors/#` with the remote prefix `site-1/` carries
 * `sensors/a` here and `site-1/sensors/a` there. Of several rules the first that matches a topic counts.
 */

import { levelFilterMatcher } from '../../../core/topic-tree.ts'
import { levelFilter } from '../../../model/level-filter.ts'
import { isTopicFilter } from '../filters.ts'
import type { Qos } from '../packets.ts'

export interface BridgeTopic {
  readonly filter: string
  /** `out`: from here to the other broker. */
  readonly direction: 'in' | 'out' | 'both'
  /** The highest; a message keeps its own when that is lower. */
  readonly qos: Qos
  readonly localPrefix: string
  readonly remotePrefix: string
}

/** A filter to be subscribed to on one side. */
export interface SideFilter {
  readonly filter: string
  readonly qos: Qos
  /** The topic is carried both ways. */
  readonly isBoth: boolean
}

interface Rule {
  readonly matches: (topic: string) => boolean
  readonly from: string
  readonly to: string
}

/** Names that were looked up; beyond it all are forgotten. */
const rememberedMost = 10_000

/** What is wrong with a rule, for people; undefined: nothing. */
export function faultOf({ filter, localPrefix, remotePrefix }: BridgeTopic): string | undefined {
  for (const prefix of [localPrefix, remotePrefix]) {
    if (/[+#\0]/.test(prefix)) return `the prefix ${JSON.stringify(prefix)} has a wildcard`
    const text = prefix + filter
    if (!isTopicFilter(text) || text.startsWith('$share/')) {
      return `${JSON.stringify(text)} is no topic filter`
    }
    const first = text.split('/', 1)[0] ?? ''
    if (first === '$SYS' || first.startsWith('$msgbus.')) {
      return `${JSON.stringify(text)} is a broker's own`
    }
  }
  return undefined
}

export class BridgeTopics {
  readonly #rules: readonly BridgeTopic[]
  readonly #toRemote: NameMap
  readonly #toLocal: NameMap

  constructor(rules: readonly BridgeTopic[]) {
    this.#rules = rules
    const out = rules.filter(({ direction }) => direction !== 'in')
    const into = rules.filter(({ direction }) => direction !== 'out')
    this.#toRemote = new NameMap(
      out.map((rule) => mapping(rule.localPrefix, rule.remotePrefix, rule.filter)),
    )
    this.#toLocal = new NameMap(
      into.map((rule) => mapping(rule.remotePrefix, rule.localPrefix, rule.filter)),
    )
  }

  /** What leaves here. */
  localFilters(): SideFilter[] {
    return this.#filters('in', ({ localPrefix }) => localPrefix)
  }

  /** What is asked of the other broker. */
  remoteFilters(): SideFilter[] {
    return this.#filters('out', ({ remotePrefix }) => remotePrefix)
  }

  /** Name of a topic of ours over there, in UTF-8; undefined: it does not go there. The answer must not be changed. */
  toRemote(topic: Uint8Array): Uint8Array | undefined {
    return this.#toRemote.get(topic, 0, topic.length)
  }

  /** As `toRemote`, the other way. */
  toLocal(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    return this.#toLocal.get(bytes, start, end)
  }

  #filters(without: 'in' | 'out', prefixOf: (rule: BridgeTopic) => string): SideFilter[] {
    const byFilter = new Map<string, SideFilter>()
    for (const rule of this.#rules) {
      const filter = prefixOf(rule) + rule.filter
      // The first counts, as it does for names.
      if (rule.direction === without || byFilter.has(filter)) continue
      byFilter.set(filter, { filter, qos: rule.qos, isBoth: rule.direction === 'both' })
    }
    return [...byFilter.values()]
  }
}

/** From names of one side to those of the other. */
class NameMap {
  readonly #rules: readonly Rule[]
  readonly #known = new Map<string, Uint8Array | undefined>()

  constructor(rules: readonly Rule[]) {
    this.#rules = rules
  }

  get(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()
    if (this.#known.has(text)) return this.#known.get(text)
    const rule = this.#rules.find(({ matches }) => matches(text))
    const name = rule && Buffer.from(rule.to + text.slice(rule.from.length))
    if (this.#known.size >= rememberedMost) this.#known.clear()
    // A name that would be none on the other side does not go there.
    const isName = name !== undefined && name.length > 0 && name.length <= 65_535
    this.#known.set(text, isName ? name : undefined)
    return isName ? name : undefined
  }
}

function mapping(from: string, to: string, filter: string): Rule {
  return { matches: levelFilterMatcher(levelFilter('mqtt', from + filter)), from, to }
}
