/**
 * Identifiers of QoS 2 messages that a client sent and did not release (spec/mqtt 6). One is known from the moment its
 * message is handed to the store, and counts from the commit that has both: a repetition in between shares the
 * outcome, also when it comes by another connection of the session.
 */

type Settled = (error: Error | undefined) => void

/** Undefined: it is stored. */
type Pending = Settled[] | undefined

export class ReceivedIds {
  readonly #ids = new Map<number, Pending>()

  /** All of them, as they are now. */
  values(): number[] {
    return [...this.#ids.keys()]
  }

  has(id: number): boolean {
    return this.#ids.has(id)
  }

  /** Takes in one that is stored. */
  load(id: number): void {
    this.#ids.set(id, undefined)
  }

  /** Its message is on the way to the store; to be followed by `settle`. */
  begin(id: number): void {
    this.#ids.set(id, [])
  }

  /** Its message was stored, or was refused: then the identifier is free. */
  settle(id: number, error: Error | undefined): void {
    const waiting = this.#ids.get(id)
    if (waiting === undefined) return
    if (error === undefined) this.#ids.set(id, undefined)
    else this.#ids.delete(id)
    for (const settled of waiting) settled(error)
  }

  /** Tells what becomes of one that is known; at once when that is clear. */
  whenSettled(id: number, settled: Settled): void {
    const pending = this.#ids.get(id)
    if (pending === undefined) settled(undefined)
    else pending.push(settled)
  }

  /** False: it was not known, or its message is not stored yet. */
  release(id: number): boolean {
    return this.#ids.get(id) === undefined && this.#ids.delete(id)
  }
}
