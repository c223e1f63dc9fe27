/** A message in a FIFO queue (spec/msgbus-v1 4). Queues are local to one daemon. */

import type { Headers } from './message.ts'
import type { NodeId } from './node-id.ts'

export interface QueueMessage {
  readonly id: string
  readonly queue: string
  readonly topic: string
  readonly source: NodeId
  /** Three empty parts are legal here (spec/msgbus-v1 4.2). */
  readonly target: NodeId
  readonly payload: Uint8Array
  readonly headers: Headers
  readonly createdAtMs: number
  /** 1, 2, 3 … per queue, never reused, also after the queue was empty. */
  readonly sequence: number
  /** Deliveries or rejects so far; saturates at 2^32-1. */
  readonly attempts: number
}

export type OutgoingQueueMessage = Omit<
  QueueMessage,
  'id' | 'createdAtMs' | 'sequence' | 'attempts'
>
