/** How much of a file of last values is not outdated: for each topic the bytes of its newest record. */

export class LiveBytes {
  readonly #bytes = new Map<string, number>()
  #total = 0

  get total(): number {
    return this.#total
  }

  has(topic: string): boolean {
    return this.#bytes.has(topic)
  }

  /** @param bytes 0: the topic has no value any more */
  set(topic: string, bytes: number): void {
    this.#total += bytes - (this.#bytes.get(topic) ?? 0)
    if (bytes === 0) this.#bytes.delete(topic)
    else this.#bytes.set(topic, bytes)
  }
}
