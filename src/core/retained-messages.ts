/**
 * The retained message of each topic: a slot of its own that a publisher fills and empties on purpose (MQTT retained
 * messages, WAMP's retain), apart from the logs and from last values (architecture 4). All of them are in memory, in a
 * tree of levels, so that a filter finds its topics without a look at the others; each is also a note of the store,
 * written in the commit of the message when that is stored.
 */

import { TimeSlice } from '../base/time-slice.ts'
import { BusError } from '../model/errors.ts'
import type { LevelFilter } from '../model/level-filter.ts'
import type { Limits } from '../model/limits.ts'
import { type Headers, noHeaders } from '../model/message.ts'
import type { LogStore, NoteChange } from './log-store.ts'
import { levelFilterMatcher } from './topic-tree.ts'

export interface RetainedMessage {
  readonly topic: string
  readonly payload: Uint8Array
  readonly headers: Headers
  readonly createdAtMs: number
}

/** Whose notes they are. */
export const retainedTable = 'retained'

/** What a message costs beside its topic, payload and headers. */
const overheadBytes = 256
const encoder = new TextEncoder()
const decoder = new TextDecoder()

interface Branch {
  levels: Map<string, Branch> | undefined
  message: RetainedMessage | undefined
}

/** A topic with changes that wait for the store. */
interface Awaited {
  count: number
  /** Place of the newest that was applied meanwhile. */
  applied: number
  /** They will fill a slot that is not there yet. */
  takesSlot: boolean
  /** Of the largest of them, since each takes the place of the one before. */
  bytes: number
}

export class RetainedMessages {
  readonly #limits: Pick<Limits, 'retainedMessages' | 'retainedBytes'>
  readonly #root: Branch = { levels: undefined, message: undefined }
  #size = 0
  #bytes = 0
  #lastOrder = 0
  readonly #awaited = new Map<string, Awaited>()
  /** Slots and bytes that changes which wait for the store will take: they count as taken. */
  #awaitedSlots = 0
  #awaitedBytes = 0

  constructor(limits: Pick<Limits, 'retainedMessages' | 'retainedBytes'>) {
    this.#limits = limits
  }

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Takes in what is stored; notes that cannot be read are passed over. */
  async load(store: Pick<LogStore, 'notes'>): Promise<void> {
    const slice = new TimeSlice()
    for await (const { key, value } of store.notes(retainedTable)) {
      const message = decodeRetained(key, value)
      if (message !== undefined) this.apply(key, message)
      await slice.pause()
    }
  }

  /**
   * What makes it last: to be written before `apply`.
   * @param message undefined: the slot is emptied
   * @throws BusError `resource_exhausted/quota_exceeded`
   */
  change(topic: string, message: RetainedMessage | undefined): NoteChange {
    if (message !== undefined) this.#requireRoom(topic, message)
    const value = message === undefined ? undefined : encodeRetained(message)
    return { table: retainedTable, key: topic, value }
  }

  /**
   * A change that is applied once the store has it; to be followed by `finish`, whatever becomes of it. Returns its place
   * among the changes of its topic: one that was asked for later may be applied before.
   */
  begin(topic: string, message: RetainedMessage | undefined): number {
    const awaited = this.#awaited.get(topic) ?? newAwaited()
    awaited.count += 1
    this.#awaited.set(topic, awaited)
    if (message !== undefined) {
      const more = Math.max(0, costOf(message) - awaited.bytes)
      awaited.bytes += more
      this.#awaitedBytes += more
      if (!awaited.takesSlot && this.get(topic) === undefined) this.#takeSlot(awaited, true)
    }
    return (this.#lastOrder += 1)
  }

  finish(topic: string): void {
    const awaited = this.#awaited.get(topic)
    if (awaited === undefined) return
    awaited.count -= 1
    if (awaited.count > 0) return
    this.#takeSlot(awaited, false)
    this.#awaitedBytes -= awaited.bytes
    this.#awaited.delete(topic)
  }

  /**
   * Fills the slot of a topic, or empties it. The message is kept as it is.
   * @param order as of `begin`; absent: it is the newest
   */
  apply(topic: string, message: RetainedMessage | undefined, order?: number): void {
    const awaited = this.#awaited.get(topic)
    if (awaited !== undefined) {
      if (order !== undefined && order < awaited.applied) return
      awaited.applied = order ?? (this.#lastOrder += 1)
    }
    const known = this.get(topic)
    if (known !== undefined) {
      this.#size -= 1
      this.#bytes -= costOf(known)
    }
    if (message === undefined) {
      if (known !== undefined) remove(this.#root, topic.split('/'))
      return
    }
    if (awaited !== undefined) this.#takeSlot(awaited, false)
    this.#size += 1
    this.#bytes += costOf(message)
    let branch = this.#root
    for (const level of topic.split('/')) {
      const levels = (branch.levels ??= new Map<string, Branch>())
      let next = levels.get(level)
      if (next === undefined) levels.set(level, (next = { levels: undefined, message: undefined }))
      branch = next
    }
    branch.message = message
  }

  get(topic: string): RetainedMessage | undefined {
    let branch: Branch | undefined = this.#root
    for (const level of topic.split('/')) {
      branch = branch.levels?.get(level)
      if (branch === undefined) return undefined
    }
    return branch.message
  }

  /** Those whose topic matches, found as they are asked for; what changes meanwhile may be met or not. */
  *match(filter: LevelFilter): Generator<RetainedMessage> {
    if (filter.rules === 'mqtt') {
      yield* matching(this.#root, filter.text.split('/'), 0)
      return
    }
    const matches = levelFilterMatcher(filter)
    for (const message of below(this.#root)) if (matches(message.topic)) yield message
  }

  #takeSlot(awaited: Awaited, takesSlot: boolean): void {
    if (awaited.takesSlot === takesSlot) return
    awaited.takesSlot = takesSlot
    this.#awaitedSlots += takesSlot ? 1 : -1
  }

  #requireRoom(topic: string, message: RetainedMessage): void {
    const { retainedMessages, retainedBytes } = this.#limits
    const known = this.get(topic)
    const size = this.#size + this.#awaitedSlots
    const awaited = this.#awaited.get(topic)
    const hasSlot = known !== undefined || awaited?.takesSlot === true
    if (!hasSlot && size >= retainedMessages) {
      const text = `${size} topics have a retained message, which is the limit`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    const freed = known === undefined ? 0 : costOf(known)
    const taken = this.#bytes - freed + this.#awaitedBytes - (awaited?.bytes ?? 0)
    const bytes = taken + Math.max(costOf(message), awaited?.bytes ?? 0)
    if (bytes <= retainedBytes) return
    const text = `retained messages would have ${bytes} bytes, the limit is ${retainedBytes}`
    throw new BusError('resource_exhausted', 'quota_exceeded', text)
  }
}

function newAwaited(): Awaited {
  return { count: 0, applied: 0, takesSlot: false, bytes: 0 }
}

/** MQTT 4.7: `#` matches its parent too, and leading wildcards do not see topics that begin with `$`. */
function* matching(
  branch: Branch,
  filter: readonly string[],
  depth: number,
): Generator<RetainedMessage> {
  const level = filter[depth]
  if (level === undefined) {
    if (branch.message !== undefined) yield branch.message
    return
  }
  if (level !== '#' && level !== '+') {
    const next = branch.levels?.get(level)
    if (next !== undefined) yield* matching(next, filter, depth + 1)
    return
  }
  if (level === '#' && depth > 0 && branch.message !== undefined) yield branch.message
  for (const [name, next] of branch.levels ?? []) {
    if (depth === 0 && name.startsWith('$')) continue
    if (level === '#') yield* below(next)
    else yield* matching(next, filter, depth + 1)
  }
}

function* below(branch: Branch): Generator<RetainedMessage> {
  const open = [branch]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.message !== undefined) yield next.message
    for (const each of next.levels?.values() ?? []) open.push(each)
  }
}

/** Empties the slot, and takes away the branches that hold nothing any more. */
function remove(root: Branch, levels: readonly string[]): void {
  const path: Branch[] = []
  let last = root
  for (const level of levels) {
    path.push(last)
    const next = last.levels?.get(level)
    if (next === undefined) return
    last = next
  }
  last.message = undefined
  for (let above = path.pop(); above !== undefined; above = path.pop()) {
    if (last.message !== undefined || last.levels !== undefined) return
    above.levels?.delete(levels[path.length] as string)
    if (above.levels?.size === 0) above.levels = undefined
    last = above
  }
}

function costOf({ topic, payload, headers }: RetainedMessage): number {
  let bytes = overheadBytes + topic.length + payload.length
  for (const [key, value] of headers) bytes += key.length + value.length
  return bytes
}

/** Four bytes of length, that much JSON, the payload. */
function encodeRetained({ payload, headers, createdAtMs }: RetainedMessage): Uint8Array {
  const head = encoder.encode(JSON.stringify({ createdAtMs, headers: [...headers] }))
  const bytes = new Uint8Array(4 + head.length + payload.length)
  new DataView(bytes.buffer).setUint32(0, head.length)
  bytes.set(head, 4)
  bytes.set(payload, 4 + head.length)
  return bytes
}

/** Undefined: not written by `encodeRetained`. */
function decodeRetained(topic: string, value: Uint8Array): RetainedMessage | undefined {
  if (value.length < 4) return undefined
  const length = new DataView(value.buffer, value.byteOffset, 4).getUint32(0)
  let head: unknown
  try {
    head = JSON.parse(decoder.decode(value.subarray(4, 4 + length)))
  } catch {
    // Checksums vouch for the bytes: this is a form of another version.
    return undefined
  }
  const { createdAtMs, headers } = head as { createdAtMs: number; headers: [string, string][] }
  const payload = new Uint8Array(value.subarray(4 + length))
  return {
    topic,
    payload,
    headers: headers.length === 0 ? noHeaders : new Map(headers),
    createdAtMs,
  }
}
