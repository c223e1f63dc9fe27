/**
 * What a subscription over many logs remembers of each: its names, so that they are one object for
 * all its messages, and the last message seen, so that a restart from another place than the exact
 * position repeats nothing. Bounded: beyond `maxKnownLogs` logs are served but not remembered.
 */

import { nodeKey } from '../model/node-id.ts'
import type { NodeId } from '../model/node-id.ts'

export interface KnownLog {
  readonly topic: string
  readonly origin: NodeId
  lastHead: number
  lastId: string
  /** Messages up to this head were delivered before a restart and are left out. */
  skipTo: number
}

const maxKnownLogs = 100_000

export class KnownLogs {
  readonly #logs = new Map<string, KnownLog>()

  find(topic: string, origin: NodeId): KnownLog {
    const key = `${nodeKey(origin)}/${topic}`
    const known = this.#logs.get(key)
    if (known !== undefined) return known
    const log: KnownLog = { topic, origin, lastHead: 0, lastId: '', skipTo: 0 }
    if (this.#logs.size < maxKnownLogs) this.#logs.set(key, log)
    return log
  }

  /** Same store, another start: nothing seen is delivered again. */
  skipSeen(): void {
    for (const log of this.#logs.values()) log.skipTo = log.lastHead
  }

  /**
   * Another store: a log whose last message seen is still there continues after it; any other is
   * taken for new.
   */
  async skipConfirmed(idAt: (log: KnownLog) => Promise<string | undefined>): Promise<void> {
    for (const log of this.#logs.values()) {
      log.skipTo = (await idAt(log)) === log.lastId ? log.lastHead : 0
    }
  }
}
