/**
 * What one session has published and the store does not have yet. Publications that ask for an acknowledgement go to the
 * store together, those of one turn in one call; what is published behind them without asking waits, so that nobody
 * receives the events of one publisher in another order (spec/wamp 7).
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { AppendOutcome } from '../../core/log-store.ts'
import { type BusError, toBusError } from '../../model/errors.ts'
import type { OutgoingMessage } from '../../model/message.ts'

interface Pending {
  readonly message: OutgoingMessage
  readonly settled: (outcome: AppendOutcome | BusError) => void
}

/** What came behind something that waits. */
interface Waiting {
  readonly isStored: boolean
  run(): void
}

/** Messages given to the bus together. */
const batchMost = 100
/** Beyond so many that wait, nothing more is read from the client. */
const waitingMost = 1_000

export class PublishLane {
  readonly #client: BusClient
  readonly #hold: (isHeld: boolean) => void
  #batch: Pending[] = []
  #underWay = 0
  #waiting: Waiting[] = []
  #isHeld = false
  #isOver = false

  /** @param hold nothing more is to be read from the client (true), or there is room again */
  constructor(client: BusClient, hold: (isHeld: boolean) => void) {
    this.#client = client
    this.#hold = hold
  }

  /** The session is over: what was given to the bus goes on, nobody is told. */
  close(): void {
    this.#isOver = true
    // It was sent before the end, and nobody was promised more than to be told in order.
    this.#release()
    this.#flush()
  }

  /** @param settled called once, unless the session is over */
  store(message: OutgoingMessage, settled: (outcome: AppendOutcome | BusError) => void): void {
    const run = () => this.#store({ message, settled })
    if (this.#waiting.length === 0) run()
    else this.#waiting.push({ isStored: true, run })
    this.#look()
  }

  get isEmpty(): boolean {
    return this.#underWay === 0 && this.#waiting.length === 0
  }

  /** Once everything before it is stored. */
  whenStored(work: () => void): void {
    if (this.isEmpty) work()
    else {
      this.#waiting.push({ isStored: false, run: work })
      this.#look()
    }
  }

  #store(pending: Pending): void {
    this.#underWay += 1
    this.#batch.push(pending)
    if (this.#batch.length === 1) queueMicrotask(() => this.#flush())
    if (this.#batch.length >= batchMost) this.#flush()
  }

  #flush(): void {
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    this.#client.publish(batch.map(({ message }) => message)).then(
      (outcomes) => {
        for (const [i, { settled }] of batch.entries()) {
          const outcome = outcomes[i]
          if (outcome !== undefined) this.#settle(() => settled(outcome))
        }
        this.#look()
      },
      (error: unknown) => {
        for (const { settled } of batch) this.#settle(() => settled(toBusError(error)))
        this.#look()
      },
    )
  }

  #settle(tell: () => void): void {
    this.#underWay -= 1
    if (!this.#isOver) tell()
    if (this.#underWay === 0) this.#release()
  }

  /** In order: what is not stored waits for what is, those that are stored go to the store together. */
  #release(): void {
    const waiting = this.#waiting
    let done = 0
    for (; done < waiting.length; done++) {
      const next = waiting[done] as Waiting
      if (!next.isStored && this.#underWay > 0 && !this.#isOver) break
      next.run()
    }
    this.#waiting = waiting.slice(done)
  }

  #look(): void {
    const isFull = this.#underWay + this.#waiting.length >= waitingMost
    if (isFull === this.#isHeld || this.#isOver) return
    this.#isHeld = isFull
    this.#hold(isFull)
  }
}
