/** What sessions need of the adapter around them. */

import type { Clock } from '../../core/clock.ts'
import type { NoteChange } from '../../core/log-store.ts'
import type { KeptMessage } from './kept-message.ts'
import type { MqttSession } from './session.ts'
import type { Subscription } from './subscriptions.ts'
import type { InFlight } from './window.ts'

export interface SessionContext {
  readonly clock: Clock
  readonly counters: MqttCounters
  readonly notes: SessionNotes
  readonly groups: SharedGroups
  /** A stored message that has to be sent again; undefined: it was deleted or trimmed. */
  readAgain(inFlight: InFlight): Promise<KeptMessage | undefined>
  /** It has expired. */
  forgetRetained(topic: string): void
}

export interface MqttCounters {
  messagesDropped: number
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
  /** Harmless for one that is not a member. */
  leave(filter: string, session: MqttSession): void
  /** A session has room for more. */
  roomIn(session: MqttSession): void
}
