/**
 * Where the two halves of a link between daemons meet: one moves logs and knows connections, the other moves what is
 * not stored, and queue messages for other nodes, and knows the bus. Both ride on one connection; the frames of the
 * second are opaque to the first.
 */

import type { NodeId } from '../model/node-id.ts'

/** A link that is up, as the half that carries live traffic sees it. */
export interface LiveChannel {
  readonly peer: NodeId
  /** We dialled. */
  readonly isOutgoing: boolean
  /** What rules allow to cross the link; asked per topic, and remembered by whoever asks often. */
  readonly mayCross: {
    /** @param direction `out`: from here to the peer */
    topic(topic: string, direction: 'in' | 'out'): boolean
  }
  /**
   * Sends one frame, which belongs to the channel from now on. What is not stored waits behind nothing that is, and in
   * order among its like. False: there is no room for more; the frame was taken, and `onRoom` follows.
   */
  send(frame: Uint8Array): boolean
  /** Ends the whole link: the peer broke the protocol. */
  fail(error: Error): void
}

/** What takes the frames of one channel. Must not throw. */
export interface LiveReceiver {
  /** Borrowed for the call. A promise holds up reading from the link until it settles. */
  receive(frame: Uint8Array): void | Promise<void>
  onRoom(): void
  /** The link is down; the last call. */
  close(): void
}

/** Told of every link that comes up, whoever dialled. */
export interface LiveTraffic {
  open(channel: LiveChannel): LiveReceiver
}
