/**
 * One daemon as the others know it: what it told about itself. That is a set of items, each a text whose first
 * character says what it is:
 *
 *   n<node>            a neighbour, to which it has a link
 *   f<rules>:<filter>  a filter of topics that somebody there subscribed to; `m`qtt, `b`usrt, `w`amp rules
 *   e                  everything: more filters than are told one by one
 *   c<name>            a client with a name
 *   p<procedure>       a procedure that is registered there by its exact name
 *   t                  not all names and procedures are told, since there are too many
 */

import { type LevelFilter, levelFilter, type LevelRules } from '../../model/level-filter.ts'
import { formatNodeId, type NodeId, nodeKey } from '../../model/node-id.ts'
import type { ByteKeyed } from '../../base/byte-table.ts'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { RecentIds } from './recent-ids.ts'

/** What one node tells at most: beyond it names and procedures are left out, and filters become everything. */
export const itemLimits = { filters: 1_000, names: 10_000, procedures: 10_000, itemBytes: 4_096 }
/** Of what others may tell; more than ours tell, so that the limits can grow. */
export const mostItems = 100_000

const ruleLetters: Readonly<Record<LevelRules, string>> = { mqtt: 'm', busrt: 'b', wamp: 'w' }

export class MeshNode implements ByteKeyed {
  readonly id: NodeId
  readonly key: string
  /** `tenant/bl/device` */
  readonly text: string
  /** The id as records write it: how nodes are found in them. */
  readonly bytes: Uint8Array
  /** Which life of the node this is about; grows with each start. 0: nothing was told yet. */
  incarnation = 0
  /** Number of the newest change that is in `items`. */
  version = 0
  readonly items = new Set<string>()
  /** Publications of it that were here. */
  recent = new RecentIds()
  /** Links between it and this node; Infinity: it cannot be reached. */
  hops = Infinity
  /** Key of the neighbour by which it is reached; empty: none. */
  via = ''
  /** The node before it on the way from here. */
  before: MeshNode | undefined
  /** Since when it cannot be reached, by the monotonic clock; undefined: it can. */
  lostAt: number | undefined

  constructor(id: NodeId) {
    this.id = { tenantId: id.tenantId, blName: id.blName, deviceId: id.deviceId }
    this.key = nodeKey(id)
    this.text = formatNodeId(id)
    this.bytes = nodeBytes(id)
  }

  get isReachable(): boolean {
    return this.hops !== Infinity
  }

  /** It left out names or procedures. */
  get isTruncated(): boolean {
    return this.items.has('t')
  }

  hasClient(name: string): boolean {
    return this.items.has(`c${name}`)
  }
}

const idWriter = new ByteWriter()

function nodeBytes({ tenantId, blName, deviceId }: NodeId): Uint8Array {
  return idWriter.reset().text(tenantId).text(blName).text(deviceId).view().slice()
}

/** @throws ProtocolError */
export function readNodeId(bytes: Uint8Array, start: number, end: number): NodeId {
  const reader = new ByteReader(bytes, start, end)
  return { tenantId: reader.text(), blName: reader.text(), deviceId: reader.text() }
}

export function filterItem({ rules, text }: LevelFilter): string {
  return `f${ruleLetters[rules]}:${text}`
}

/** Undefined: the item is none, or by rules that are not known here. */
export function filterOfItem(item: string): LevelFilter | undefined {
  if (item === 'e') return levelFilter('mqtt', '#')
  if (!item.startsWith('f') || item[2] !== ':') return undefined
  for (const rules of ['mqtt', 'busrt', 'wamp'] as const) {
    if (ruleLetters[rules] === item[1]) return levelFilter(rules, item.slice(3))
  }
  return undefined
}
