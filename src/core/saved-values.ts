/**
 * The port to where last values are kept between two runs of the daemon (docs/adr/0010-saved-last-values.md). What
 * was published without being stored is saved whole; of what is stored only the place in its log is, so that a
 * message has one home, and what is deleted or trimmed there is gone here, too.
 *
 * Every record says up to which commit of the store it holds (`asOf`): whatever was stored on its topic up to there
 * is older than it, whatever came later is newer. So records may be saved one after the other while publishing
 * goes on, and a save that was cut short is as good as one that is whole up to there.
 */

import type { Headers } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'

interface SavedPlace {
  readonly topic: string
  /** Greater for what was accepted later, over all topics; at least 1. */
  readonly order: number
  /** Sequence of the newest commit that had been routed when this was still the newest message. */
  readonly asOf: number
}

/** A newest message that is in no log. */
export interface SavedMessage extends SavedPlace {
  readonly kind: 'message'
  /** Name of the client that published it; empty: it had none. */
  readonly sender: string
  readonly createdAtMs: number
  /** As they were given, without the publisher's name. */
  readonly headers: Headers
  /** Given to `Save.put` it is borrowed; what `load` returns is the caller's. */
  readonly payload: Uint8Array
}

/** A newest message that is in a log. */
export interface SavedReference extends SavedPlace {
  readonly kind: 'stored'
  readonly origin: NodeId
  readonly headId: number
  /** Of the message itself: what is found at this head with another sequence is another message. */
  readonly sequence: number
}

export type SavedLast = SavedMessage | SavedReference

/** A topic that had a last value and has none now. */
export interface ForgottenValue {
  readonly kind: 'forgotten'
  readonly topic: string
  readonly asOf: number
}

export type SavedChange = SavedLast | ForgottenValue

export interface LoadedValues {
  /** One for each topic, in no order. */
  readonly values: readonly SavedLast[]
  /** Every commit up to this sequence is accounted for; 0: none, as when nothing was saved. */
  readonly accountedTo: number
}

export interface SavedValues {
  /**
   * What was saved last; once, before anything is saved. Nothing, and a warning in the log, when it cannot be read, is
   * of another version or belongs to another store. Damaged records are left out, counted and logged.
   */
  load(): Promise<LoadedValues>
  /** The next save has to be of everything: nothing is saved yet, some of it is damaged, or most of it outdated. */
  readonly needsEverything: boolean
  /**
   * Begins a save; one at a time. `everything` takes the place of all that was saved before, at once and only when it
   * is committed.
   */
  begin(scope: 'changes' | 'everything'): Save
  /** What was saved survives the loss of power when this resolves. Rejects with the system's error. */
  sync(): Promise<void>
  /** May be called twice. */
  close(): Promise<void>
}

export interface Save {
  /**
   * Takes a change; its bytes are copied before it returns. Answers a promise when the caller is to wait, since enough
   * is on its way to the disk; it rejects with the system's error.
   */
  put(change: SavedChange): Promise<void> | undefined
  /**
   * Everything that changed up to this commit has been put. Afterwards what was put survives a crash of the process.
   * Rejects with the system's error; the next save has to be of everything then, and what was saved before is as it was.
   */
  commit(accountedTo: number): Promise<void>
  /** Gives up after an error. Never rejects. */
  abandon(): Promise<void>
}
