/** What sessions need of the adapter around them. */

import type { Clock } from '../../core/clock.ts'
import type { NoteChange } from '../../core/log-store.ts'
import type { RetainedMessage } from '../../core/retained-messages.ts'
import type { Limits } from '../../model/limits.ts'
import type { MqttCounters } from './counters.ts'
import type { KeptMessage } from './kept-message.ts'
import type { OutgoingProperties } from './message-properties.ts'
import type { MqttSession } from './session.ts'
import type { Subscription } from './subscriptions.ts'
import type { InFlight } from './window.ts'

export interface SessionContext {
  readonly clock: Clock
  readonly limits: Limits
  readonly counters: MqttCounters
  readonly notes: SessionNotes
  readonly groups: SharedGroups
  /** One for all, since a publication goes to many sessions one after the other. */
  readonly properties: OutgoingProperties
  /** Place in the commit order of what was stored last. */
  lastSequence(): number
  /** A stored message that has to be sent again; undefined: it was deleted or trimmed. */
  readAgain(place: Pick<InFlight, 'topic' | 'sequence'>): Promise<KeptMessage | undefined>
  /** What the daemon tells about itself, as far as the filter matches. */
  systemTopics(filter: string): Iterable<RetainedMessage>
  /** Messages of QoS 1 or 2 that no log has were dropped for it, since it is behind; told once per connection. */
  droppedFor(clientId: string): void
  /** It has expired. */
  forgetRetained(topic: string): void
}

/** How sessions are kept. */
export interface SessionNotes {
  windowOf(session: MqttSession): NoteChange
  /** Resolves when they are as durable as configured. */
  write(changes: readonly NoteChange[]): Promise<void>
  failed(error: unknown): void
}

/** The groups of shared subscriptions (spec/mqtt 7.10). `filter` is the whole of it, `$share/…`. */
export interface SharedGroups {
  /** @throws BusError as `LiveOperations.subscribe` */
  join(filter: string, session: MqttSession, subscription: Subscription): void
  /** A member's options have changed. */
  update(filter: string, session: MqttSession, subscription: Subscription): void
  /**
   * Harmless for one that is not a member.
   * @param isKept it comes back: the group keeps its place, also when nobody is left
   */
  leave(filter: string, session: MqttSession, isKept: boolean): void
  /** A session has room for more. */
  roomIn(session: MqttSession): void
  /** Whether anybody but this session is there. */
  hasOthers(filter: string, session: MqttSession): boolean
  /** A member is done with it. */
  settled(inFlight: InFlight): void
  /** It stays with its member, which has gone away. */
  stays(inFlight: InFlight): void
  /** A member has gone that was not done with it: another one gets it. */
  giveBack(inFlight: InFlight): void
  /** Where the groups of a session are, as far as it was not noted. */
  notesOf(session: MqttSession): NoteChange[]
}
