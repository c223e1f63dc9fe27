/** What stands in for a link to a peer while there is another one to the same node: it waits for that one to end. */

import type { NodeId } from '../../model/node-id.ts'
import type { PeerSession } from '../peer-link.ts'
import type { Heads } from '../sync-rows.ts'
import type { LinkSession } from './link-session.ts'

export class StandbySession implements PeerSession {
  readonly kind = 'standby'
  readonly #other: LinkSession

  constructor(other: LinkSession) {
    this.#other = other
  }

  get node(): NodeId {
    return this.#other.node
  }

  get upSinceMs(): number {
    return this.#other.upSinceMs
  }

  get heads(): Heads {
    return this.#other.heads
  }

  get hasReturnedOwn(): boolean {
    return this.#other.hasReturnedOwn
  }

  async run(onPass: () => void, signal: AbortSignal): Promise<void> {
    onPass()
    const stopped = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await Promise.race([this.#other.ended, stopped])
  }
}
