/**
 * Queue messages for other nodes, as the bus sees whoever moves them: they wait in a queue of their own, which others
 * neither fill nor read, until the node of their target has stored them.
 */

import type { OutgoingQueueMessage } from '../model/queue-message.ts'

/** Names of queues whose messages are on their way to another node begin with it. */
export const forwardQueuePrefix = '$msgbus.forward/'

export interface ForwardingInfo {
  /** `tenant/bl/device` of the node where its messages go. */
  readonly target: string
  /** The queue in which they arrive. */
  readonly queue: string
  /** `sending`: on their way; `waiting`: until the node can be reached, or until the next attempt. */
  readonly state: 'idle' | 'sending' | 'waiting'
  /** Failed ones since the last success. */
  readonly attempts: number
  /** Empty: none since the last success. */
  readonly lastError: string
}

export interface QueueForwarding {
  /**
   * The queue in which a message waits on its way; undefined: it is for here.
   * @throws BusError `resource_exhausted/quota_exceeded` when too many wait already
   */
  outgoing(message: OutgoingQueueMessage): string | undefined
  /** Messages were stored in such a queue. */
  enqueued(queue: string, message: OutgoingQueueMessage, count: number): void
  /** Undefined: not such a queue. */
  describe(queue: string): ForwardingInfo | undefined
}
