/**
 * Groups of shared subscriptions (spec/mqtt 7.10): each message goes to one member that is connected and has room, in
 * turn. A group is a client of the bus with the filter of its members; when nobody has room it lets stored messages
 * wait in the log, as any client does. While nobody is there but sessions that are kept, its place is a note.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Inbox, Publication } from '../../core/live.ts'
import type { NoteChange } from '../../core/log-store.ts'
import { anonymous } from '../../model/identity.ts'
import { levelFilter } from '../../model/level-filter.ts'
import { parseFilter } from './filters.ts'
import type { KeptMessage } from './kept-message.ts'
import { keep } from './kept-message.ts'
import { qosOf } from './message-properties.ts'
import type { Qos } from './packets.ts'
import type { MqttCounters, SharedGroups } from './session-context.ts'
import { groupNote, readGroupNote } from './session-notes.ts'
import type { MqttSession } from './session.ts'
import type { Subscription } from './subscriptions.ts'

/** Messages that no log has, or that came back from a member, and that may wait for a member with room. */
const waitingMost = 1_000

export interface GroupsOptions {
  readonly bus: Bus
  readonly counters: MqttCounters
  /** Written soon; nobody waits. */
  readonly note: (change: NoteChange) => void
  readonly onError: (error: unknown) => void
}

export class Groups implements SharedGroups {
  readonly #options: GroupsOptions
  readonly #groups = new Map<string, Group>()
  /** Of each session, so that room in one asks no other. */
  readonly #bySession = new Map<MqttSession, Set<Group>>()
  /** Filters that sessions that are away have, by how many. */
  readonly #absent = new Map<string, number>()
  /** Places of groups without a member, from notes. */
  readonly #places = new Map<string, number>()

  constructor(options: GroupsOptions) {
    this.#options = options
  }

  /** A note that was found at start. */
  load(filter: string, value: Uint8Array): void {
    const note = readGroupNote(value)
    if (note?.epoch === this.#options.bus.status().epoch) this.#places.set(filter, note.position)
  }

  /** A session that is kept and away has this subscription (1), or not any more (-1). */
  countAbsent(filter: string, change: 1 | -1): void {
    const count = (this.#absent.get(filter) ?? 0) + change
    if (count > 0) this.#absent.set(filter, count)
    else {
      this.#absent.delete(filter)
      if (this.#places.delete(filter)) this.#options.note(groupNote(filter, '', undefined))
    }
  }

  join(filter: string, session: MqttSession, subscription: Subscription): void {
    let group = this.#groups.get(filter)
    if (group === undefined) {
      group = new Group(this.#options, filter, this.#places.get(filter))
      this.#groups.set(filter, group)
      this.#places.delete(filter)
    }
    group.members.set(session, subscription)
    const own = this.#bySession.get(session)
    if (own === undefined) this.#bySession.set(session, new Set([group]))
    else own.add(group)
    group.roomChanged()
  }

  update(filter: string, session: MqttSession, subscription: Subscription): void {
    this.#groups.get(filter)?.members.set(session, subscription)
  }

  leave(filter: string, session: MqttSession): void {
    const group = this.#groups.get(filter)
    if (group?.members.delete(session) !== true) return
    const own = this.#bySession.get(session)
    own?.delete(group)
    if (own?.size === 0) this.#bySession.delete(session)
    if (group.members.size > 0) return
    const position = group.close()
    this.#groups.delete(filter)
    if (!session.isDurable && !this.#absent.has(filter)) return
    this.#places.set(filter, position)
    this.#options.note(groupNote(filter, this.#options.bus.status().epoch, position))
  }

  roomIn(session: MqttSession): void {
    for (const group of this.#bySession.get(session) ?? []) group.roomChanged()
  }

  /** Gives what a member had under way, and is not done, to another one. */
  giveBack(filter: string, message: KeptMessage, sequence: number): void {
    this.#groups.get(filter)?.giveBack(message, sequence)
  }

  /** At the end: where each of them is. */
  notes(): NoteChange[] {
    const { epoch } = this.#options.bus.status()
    return [...this.#groups].map(([filter, group]) => groupNote(filter, epoch, group.position))
  }
}

interface Waiting {
  readonly message: KeptMessage
  readonly sequence: number
}

class Group implements Inbox {
  /** In the order of their turns. */
  readonly members = new Map<MqttSession, Subscription>()
  readonly #options: GroupsOptions
  readonly #filter: string
  readonly #client: BusClient
  #waiting: Waiting[] = []

  constructor(options: GroupsOptions, filter: string, position: number | undefined) {
    this.#options = options
    this.#filter = filter
    this.#client = options.bus.connect(anonymous, {
      inbox: this,
      protocol: 'mqtt',
      transport: 'internal',
      slowReader: 'drop-newest',
    })
    const pattern = parseFilter(filter)?.filter ?? filter
    this.#client.live.subscribe(levelFilter('mqtt', pattern))
    if (position !== undefined) this.#client.live.continueAfter(position)
  }

  get queuedBytes(): number {
    return 0
  }

  get position(): number {
    return this.#client.live.offeredTo
  }

  publication(publication: Publication): void {
    if (this.#give(publication)) return
    if (publication.sequence === 0) this.#wait({ message: keep(publication), sequence: 0 })
    // Of what is stored only this one: the bus is told to hold the others.
    else this.#waiting.push({ message: keep(publication), sequence: publication.sequence })
    this.#client.live.holdStored(true)
  }

  giveBack(message: KeptMessage, sequence: number): void {
    this.#wait({ message, sequence })
    this.roomChanged()
  }

  roomChanged(): void {
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting
      if (first === undefined || !this.#give(publicationOf(first))) return
      this.#waiting.shift()
    }
    this.#client.live.holdStored(false)
  }

  /** Returns its place. */
  close(): number {
    const stored = this.#waiting.filter(({ sequence }) => sequence > 0)
    const firstWaiting = Math.min(...stored.map(({ sequence }) => sequence - 1))
    const position = Math.min(this.position, firstWaiting)
    this.#client.close()
    return position
  }

  message(): void {}
  broadcast(): void {}
  pause(): void {}
  resume(): void {}

  end(): void {
    this.members.clear()
  }

  /** To the next member with room, whose turn comes last from then on. */
  #give(publication: Publication): boolean {
    const qos = qosOf(publication.headers, publication.sequence > 0)
    for (const [session, subscription] of this.members) {
      const granted = Math.min(qos, subscription.qos) as Qos
      if (!session.hasRoomFor(granted)) continue
      this.members.delete(session)
      this.members.set(session, subscription)
      session.give(publication, subscription, this.#filter)
      return true
    }
    return false
  }

  #wait(waiting: Waiting): void {
    if (this.#waiting.length < waitingMost) this.#waiting.push(waiting)
    else this.#options.counters.messagesDropped += 1
  }
}

/** A message that waited, in the form in which sessions take it. */
function publicationOf({ message, sequence }: Waiting): Publication {
  const { topic, payload, headers } = message
  return {
    topic: { name: Buffer.from(topic).toString(), bytes: topic },
    sender: { name: '', nameBytes: new Uint8Array(0) },
    bytes: payload,
    start: 0,
    end: payload.length,
    headers,
    realtime: false,
    isLocal: true,
    sequence,
    fanOut: 1,
    serial: -1,
    toMessage() {
      throw new Error('a message that waited for a member is not kept by it')
    },
  }
}
