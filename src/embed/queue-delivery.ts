/** A queue message that is leased to this program. Settle it once, with `ack` or `release`. */

import type { QueueOperations, Settlement } from '../core/bus-client.ts'
import type { QueueMessage } from '../model/queue-message.ts'
import { pooledCopy } from './payload.ts'
import { Received } from './received-message.ts'

export interface QueueLease {
  readonly message: QueueMessage
  readonly leaseId: string
  /** Wall clock, milliseconds since 1970; `extend` does not change it. */
  readonly leaseUntilMs: number
}

export class QueueDelivery extends Received {
  readonly message: QueueMessage
  readonly leaseUntilMs: number
  readonly #leaseId: string
  readonly #settle: QueueOperations['settle']

  constructor(lease: QueueLease, settle: QueueOperations['settle']) {
    const payload = pooledCopy(lease.message.payload)
    super(payload)
    this.message = { ...lease.message, payload }
    this.leaseUntilMs = lease.leaseUntilMs
    this.#leaseId = lease.leaseId
    this.#settle = settle
  }

  /** Done: removes the message. False: the lease had ended, and another consumer may have it. */
  ack(): Promise<boolean> {
    return this.#apply({ ...this.#target(), action: 'acknowledge' })
  }

  /** Not done: counts an attempt and gives the message back, after `delayMs` (default 0). */
  release(options: { readonly delayMs?: number } = {}): Promise<boolean> {
    const { delayMs = 0 } = options
    return this.#apply({ ...this.#target(), action: 'release', delayMs })
  }

  /** Not done yet: keeps the message for `leaseMs` more, from now. */
  extend(leaseMs: number): Promise<boolean> {
    return this.#apply({ ...this.#target(), action: 'extend', leaseMs })
  }

  #target(): { readonly queue: string; readonly leaseId: string } {
    return { queue: this.message.queue, leaseId: this.#leaseId }
  }

  async #apply(settlement: Settlement): Promise<boolean> {
    const [isApplied = false] = await this.#settle([settlement])
    return isApplied
  }
}
