/**
 * Sessions that are kept and have no connection: what the daemon has to know of them while they are away, which is
 * when they end, when their will is due, and what history they still need. The rest is on disk.
 */

import type { Hold } from '../../core/history-trimmer.ts'
import { ReceiverSlots, SlotSearch } from '../../core/receiver-slots.ts'
import { TopicTree } from '../../core/topic-tree.ts'
import type { StoredMessage } from '../../model/message.ts'
import { parseFilter } from './filters.ts'

export interface AbsentSession {
  readonly clientId: string
  /** Whose it is. */
  readonly user: string
  /** Milliseconds since 1970; Infinity: never. */
  readonly expiresAtMs: number
  /** Infinity: no will. */
  readonly willDueAtMs: number
  /** It needs what is stored after this place: what it did not get, or did not acknowledge. */
  readonly neededAfter: number
  readonly filters: readonly string[]
}

export class AbsentSessions implements Hold {
  readonly #byId = new Map<string, AbsentSession>()
  readonly #tree = new TopicTree('mqtt')
  readonly #slots = new ReceiverSlots<AbsentSession>()
  readonly #search = new SlotSearch()
  /** Nothing is due before. */
  #nextMs = Infinity

  get size(): number {
    return this.#byId.size
  }

  values(): Iterable<AbsentSession> {
    return this.#byId.values()
  }

  get(clientId: string): AbsentSession | undefined {
    return this.#byId.get(clientId)
  }

  add(session: AbsentSession): void {
    this.delete(session.clientId)
    this.#byId.set(session.clientId, session)
    this.#nextMs = Math.min(this.#nextMs, session.expiresAtMs, session.willDueAtMs)
    const slot = this.#slots.slotFor(session)
    this.#slots.use(slot)
    for (const filter of session.filters) {
      const pattern = parseFilter(filter)?.filter
      if (pattern !== undefined) this.#tree.add(pattern, slot)
    }
  }

  delete(clientId: string): AbsentSession | undefined {
    const session = this.#byId.get(clientId)
    if (session === undefined) return undefined
    this.#byId.delete(clientId)
    const slot = this.#slots.slotOf(session)
    for (const filter of session.filters) {
      const pattern = parseFilter(filter)?.filter
      if (pattern !== undefined) this.#tree.remove(pattern, slot)
    }
    this.#slots.release(slot)
    return session
  }

  /** Those that end or whose will is due by now. */
  due(nowMs: number): AbsentSession[] {
    if (nowMs < this.#nextMs) return []
    const due: AbsentSession[] = []
    this.#nextMs = Infinity
    for (const session of this.#byId.values()) {
      const at = Math.min(session.expiresAtMs, session.willDueAtMs)
      if (at <= nowMs) due.push(session)
      else this.#nextMs = Math.min(this.#nextMs, at)
    }
    // Those stay due until they are deleted.
    if (due.length > 0) this.#nextMs = nowMs
    return due
  }

  /** Whether one of them still has to get this message. */
  needs({ topic, sequence }: StoredMessage): boolean {
    const search = this.#search
    search.begin(this.#slots.count)
    this.#tree.match(topic, topic.split('/'), search)
    for (let i = 0; i < search.count; i++) {
      const session = this.#slots.at(search.found[i] as number)
      if (session !== undefined && session.neededAfter < sequence) return true
    }
    return false
  }
}
