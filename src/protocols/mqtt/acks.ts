/**
 * Answers to a client that have to leave in the order of what they answer, though some of them wait for the disk
 * (spec/mqtt 6: acknowledgements go out in the order of the messages).
 */

interface Pending {
  /** Undefined: it is not ready. */
  send: (() => void) | undefined
}

export class AckQueue {
  readonly #pending: Pending[] = []

  /** Not answered yet. */
  get size(): number {
    return this.#pending.length
  }

  /** An answer that is ready now. */
  push(send: () => void): void {
    if (this.#pending.length === 0) send()
    else this.#pending.push({ send })
  }

  /** An answer that will be ready when the returned function is called with it. */
  reserve(): (send: () => void) => void {
    const pending: Pending = { send: undefined }
    this.#pending.push(pending)
    return (send) => {
      pending.send = send
      this.#flush()
    }
  }

  /** Forgets what was not sent. */
  clear(): void {
    this.#pending.length = 0
  }

  #flush(): void {
    let done = 0
    for (const { send } of this.#pending) {
      if (send === undefined) break
      send()
      done += 1
    }
    if (done > 0) this.#pending.splice(0, done)
  }
}
