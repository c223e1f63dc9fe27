/**
 * One group of a shared subscription with the members that are connected. It is a client of the bus with the filter
 * of its members; when none of them has room it lets stored messages wait in the log, as any client does.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Inbox, Publication } from '../../core/live.ts'
import { daemonIdentity } from '../../model/identity.ts'
import { levelFilter } from '../../model/level-filter.ts'
import { parseFilter } from './filters.ts'
import { asPublication, keep, type KeptMessage } from './kept-message.ts'
import { qosOf } from './message-properties.ts'
import type { Qos } from './packets.ts'
import type { GroupRecord, Place } from './session-notes.ts'
import type { MqttCounters } from './counters.ts'
import type { SessionContext } from './session-context.ts'
import type { MqttSession } from './session.ts'
import type { Subscription } from './subscriptions.ts'
import type { InFlight } from './window.ts'

/** Messages that no log has and that may wait for a member with room; more are dropped and counted. */
const waitingMost = 1_000

export interface GroupsOptions {
  readonly bus: Bus
  readonly counters: MqttCounters
  readonly readAgain: SessionContext['readAgain']
  readonly onError: (error: unknown) => void
}

export interface SharedGroupOptions extends GroupsOptions {
  /** With `$share/…`. */
  readonly filter: string
  /** Where it was when it had members before. */
  readonly record: GroupRecord | undefined
}

interface Waiting extends Place {
  /** Undefined: to be read from the log. */
  message: KeptMessage | undefined
  readonly isAcknowledged: boolean
}

export class SharedGroup implements Inbox {
  readonly filter: string
  /** In the order of their turns. */
  readonly #members = new Map<MqttSession, Subscription>()
  readonly #options: SharedGroupOptions
  readonly #client: BusClient
  /** In the order in which they are given out. */
  readonly #waiting: Waiting[] = []
  /** Stored messages that members have and are not done with. */
  readonly #given = new Map<number, Place>()
  #isReading = false

  /** @throws BusError as `LiveOperations.subscribe` */
  constructor(options: SharedGroupOptions) {
    const { bus, filter, record } = options
    this.#options = options
    this.filter = filter
    this.#client = bus.connect(daemonIdentity, {
      inbox: this,
      protocol: 'mqtt',
      transport: 'internal',
      slowReader: 'drop-newest',
    })
    try {
      const { live } = this.#client
      live.subscribe(levelFilter('mqtt', parseFilter(filter)?.filter ?? filter))
      if (record === undefined) return
      for (const place of record.waiting) {
        this.#waiting.push({ ...place, message: undefined, isAcknowledged: true })
      }
      if (this.#waiting.length > 0) live.holdStored(true)
      live.continueAfter(record.position)
    } catch (error) {
      this.#client.close()
      throw error
    }
  }

  get isEmpty(): boolean {
    return this.#members.size === 0
  }

  /** A session that outlives the daemon is a member. */
  get isKept(): boolean {
    for (const session of this.#members.keys()) if (session.isDurable) return true
    return false
  }

  get queuedBytes(): number {
    return 0
  }

  join(session: MqttSession, subscription: Subscription): void {
    this.#members.set(session, subscription)
    this.roomChanged()
  }

  /** False: it was no member. */
  leave(session: MqttSession): boolean {
    return this.#members.delete(session)
  }

  hasOthers(session: MqttSession): boolean {
    return this.#members.size > (this.#members.has(session) ? 1 : 0)
  }

  /** Where it is: what was given out and is not done counts as waiting. */
  place(): Pick<GroupRecord, 'position' | 'waiting'> {
    const stored = this.#waiting.filter(({ sequence }) => sequence > 0)
    const waiting = [...stored, ...this.#given.values()]
      .map(({ sequence, topic }) => ({ sequence, topic }))
      .sort(bySequence)
    return { position: this.#client.live.offeredTo, waiting }
  }

  /** Nobody is left. Returns where it was. */
  close(): Pick<GroupRecord, 'position' | 'waiting'> {
    const place = this.place()
    this.#client.close()
    return place
  }

  settled(sequence: number): void {
    this.#given.delete(sequence)
  }

  giveBack({ sequence, topic, message }: InFlight): void {
    this.#given.delete(sequence)
    const at = this.#waiting.findIndex((each) => each.sequence > sequence)
    const waiting = { sequence, topic, message, isAcknowledged: true }
    // Older than what waits already.
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, waiting)
    this.#client.live.holdStored(true)
    this.roomChanged()
  }

  roomChanged(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const { message } = first
      if (message === undefined) {
        this.#read(first)
        return
      }
      if (!this.#give(asPublication(message, first))) return
      this.#waiting.shift()
    }
    this.#client.live.holdStored(false)
  }

  publication(publication: Publication): void {
    if (this.#give(publication)) return
    const { sequence, topic, isAcknowledged } = publication
    if (sequence === 0 && this.#waiting.length >= waitingMost) {
      this.#options.counters.dropped.window_full += 1
      return
    }
    // Of what is stored only this one: the bus is told to hold the others.
    const message = keep(publication)
    this.#waiting.push({ sequence, topic: topic.name, message, isAcknowledged })
    this.#client.live.holdStored(true)
  }

  message(): void {}
  broadcast(): void {}
  pause(): void {}
  resume(): void {}

  end(): void {
    this.#members.clear()
  }

  /** To the next member with room that may have it, whose turn comes last from then on. False: it has to wait. */
  #give(publication: Publication): boolean {
    const { headers, isAcknowledged, sequence, topic } = publication
    const qos = qosOf(headers, isAcknowledged)
    let isForSomebody = this.#members.size === 0
    for (const [session, subscription] of this.#members) {
      const granted: Qos = qos < subscription.qos ? qos : subscription.qos
      // One that was not told yet that it is a member has to wait for that.
      const isMember = session.subscriptions.get(this.filter) !== undefined
      if (!session.maySee(topic.name)) continue
      isForSomebody = true
      if (!isMember || !session.hasRoomFor(granted)) continue
      this.#members.delete(session)
      this.#members.set(session, subscription)
      if (sequence > 0 && granted > 0) this.#given.set(sequence, { sequence, topic: topic.name })
      if (!session.give(publication, subscription, this.filter)) this.#given.delete(sequence)
      return true
    }
    // What nobody of the group may have does not wait for anybody.
    return !isForSomebody
  }

  #read(first: Waiting): void {
    if (this.#isReading) return
    this.#isReading = true
    const { readAgain, onError } = this.#options
    readAgain(first)
      .then((message) => {
        this.#isReading = false
        first.message = message
        // It was deleted or trimmed.
        if (message === undefined) this.#waiting.splice(this.#waiting.indexOf(first), 1)
        this.roomChanged()
      })
      .catch((error: unknown) => {
        this.#isReading = false
        onError(error)
      })
  }
}

export function bySequence(one: Place, other: Place): number {
  return one.sequence - other.sequence
}
