/**
 * Groups of shared subscriptions (spec/mqtt 7.10): each message goes to one member that is connected and has room, in
 * turn. While nobody is there but sessions that are kept, a group is a place in the commit order and a list of what
 * was not done; both are a note.
 */

import type { Hold } from '../../core/history-trimmer.ts'
import type { NoteChange } from '../../core/log-store.ts'
import { levelFilterMatcher } from '../../core/topic-tree.ts'
import { levelFilter } from '../../model/level-filter.ts'
import type { StoredMessage } from '../../model/message.ts'
import { parseFilter } from './filters.ts'
import type { SharedGroups } from './session-context.ts'
import { type GroupRecord, groupNote, type Place, readGroupNote } from './session-notes.ts'
import type { MqttSession } from './session.ts'
import { bySequence, type GroupsOptions, SharedGroup } from './shared-group.ts'
import type { Subscription } from './subscriptions.ts'
import type { InFlight } from './window.ts'

/** A group that no member of is connected. */
interface Resting {
  record: GroupRecord
  readonly matches: (topic: string) => boolean
}

export class Groups implements SharedGroups, Hold {
  readonly #options: GroupsOptions
  readonly #groups = new Map<string, SharedGroup>()
  readonly #resting = new Map<string, Resting>()
  /** Of each session, so that room in one asks no other. */
  readonly #bySession = new Map<MqttSession, Set<SharedGroup>>()
  /** Filters that sessions that are away have, by how many. */
  readonly #absent = new Map<string, number>()
  /** What each of them was noted as, to be written again when it differs; by filter. */
  readonly #noted = new Map<string, GroupRecord>()
  /** Notes about groups that are not there any more. */
  readonly #obsolete = new Set<string>()

  constructor(options: GroupsOptions) {
    this.#options = options
  }

  /** A note that was found at start. */
  load(filter: string, value: Uint8Array): void {
    const record = readGroupNote(value)
    if (record?.epoch === this.#options.bus.status().epoch) this.#rest(filter, record)
    else this.#obsolete.add(filter)
  }

  /** A session that was found at start has this under way: the group does not give it out again. */
  loadInFlight({ group, sequence }: InFlight): void {
    const resting = group === undefined ? undefined : this.#resting.get(group)
    if (resting === undefined) return
    const waiting = resting.record.waiting.filter((place) => place.sequence !== sequence)
    resting.record = { ...resting.record, waiting }
  }

  /** All sessions were found: groups that nobody has are forgotten. */
  loaded(): void {
    for (const filter of this.#resting.keys()) {
      if (!this.#absent.has(filter)) this.#forget(filter)
    }
  }

  /** A session that is kept has gone away and has this subscription. */
  sessionIsAway(filter: string): void {
    this.#absent.set(filter, (this.#absent.get(filter) ?? 0) + 1)
  }

  /**
   * It is not away any more.
   * @param resumes it has come back, and joins next; otherwise it is gone
   */
  sessionIsBack(filter: string, resumes: boolean): void {
    const count = (this.#absent.get(filter) ?? 0) - 1
    if (count > 0) this.#absent.set(filter, count)
    else this.#absent.delete(filter)
    if (count <= 0 && !resumes) this.#forget(filter)
  }

  join(filter: string, session: MqttSession, subscription: Subscription): void {
    let group = this.#groups.get(filter)
    if (group === undefined) {
      group = new SharedGroup({
        ...this.#options,
        filter,
        record: this.#resting.get(filter)?.record,
      })
      this.#groups.set(filter, group)
      this.#resting.delete(filter)
      this.#obsolete.delete(filter)
    }
    group.join(session, subscription)
    const own = this.#bySession.get(session)
    if (own === undefined) this.#bySession.set(session, new Set([group]))
    else own.add(group)
  }

  update(filter: string, session: MqttSession, subscription: Subscription): void {
    this.#groups.get(filter)?.join(session, subscription)
  }

  leave(filter: string, session: MqttSession, isKept: boolean): void {
    const group = this.#groups.get(filter)
    if (group?.leave(session) !== true) return
    const own = this.#bySession.get(session)
    own?.delete(group)
    if (own?.size === 0) this.#bySession.delete(session)
    if (!group.isEmpty) return
    this.#groups.delete(filter)
    const { epoch } = this.#options.bus.status()
    const record = { epoch, ...group.close() }
    if (isKept || this.#absent.has(filter)) this.#rest(filter, record)
    else this.#forget(filter)
  }

  roomIn(session: MqttSession): void {
    for (const group of this.#bySession.get(session) ?? []) group.roomChanged()
  }

  hasOthers(filter: string, session: MqttSession): boolean {
    return this.#groups.get(filter)?.hasOthers(session) === true
  }

  settled(inFlight: InFlight): void {
    this.#groupOf(inFlight)?.settled(inFlight.sequence)
  }

  stays(inFlight: InFlight): void {
    this.#groupOf(inFlight)?.settled(inFlight.sequence)
  }

  giveBack(inFlight: InFlight): void {
    const { group = '', sequence, topic } = inFlight
    const resting = this.#resting.get(group)
    if (resting === undefined) this.#groups.get(group)?.giveBack(inFlight)
    else if (sequence > 0) {
      const waiting = [...resting.record.waiting, { sequence, topic }].sort(bySequence)
      resting.record = { ...resting.record, waiting }
    }
  }

  notesOf(session: MqttSession): NoteChange[] {
    const changes: NoteChange[] = []
    for (const group of this.#bySession.get(session) ?? []) this.#addNote(changes, group)
    return changes
  }

  /** Whatever is not on disk as it is. */
  notes(): NoteChange[] {
    const changes = [...this.#obsolete].map((filter) => groupNote(filter, undefined))
    this.#obsolete.clear()
    for (const group of this.#groups.values()) this.#addNote(changes, group)
    for (const [filter, { record }] of this.#resting) this.#addRecord(changes, filter, record)
    return changes
  }

  /** Whether a group that rests still has to get this message. */
  needs({ topic, sequence }: StoredMessage): boolean {
    for (const { record, matches } of this.#resting.values()) {
      const [oldest] = record.waiting
      const needed = Math.min(record.position, (oldest?.sequence ?? Infinity) - 1)
      if (sequence > needed && matches(topic)) return true
    }
    return false
  }

  #groupOf({ group }: InFlight): SharedGroup | undefined {
    return group === undefined ? undefined : this.#groups.get(group)
  }

  #rest(filter: string, record: GroupRecord): void {
    const pattern = parseFilter(filter)?.filter ?? filter
    this.#resting.set(filter, { record, matches: levelFilterMatcher(levelFilter('mqtt', pattern)) })
  }

  #forget(filter: string): void {
    this.#resting.delete(filter)
    this.#noted.delete(filter)
    if (!this.#groups.has(filter)) this.#obsolete.add(filter)
  }

  /** Only what a kept session has a part in outlives the daemon. */
  #addNote(changes: NoteChange[], group: SharedGroup): void {
    const { filter } = group
    if (!group.isKept && !this.#absent.has(filter)) return
    this.#addRecord(changes, filter, { epoch: this.#options.bus.status().epoch, ...group.place() })
  }

  #addRecord(changes: NoteChange[], filter: string, record: GroupRecord): void {
    const noted = this.#noted.get(filter)
    if (noted?.position === record.position && isSame(noted.waiting, record.waiting)) return
    this.#noted.set(filter, record)
    changes.push(groupNote(filter, record))
  }
}

function isSame(one: readonly Place[], other: readonly Place[]): boolean {
  return (
    one.length === other.length && one.every(({ sequence }, i) => sequence === other[i]?.sequence)
  )
}
