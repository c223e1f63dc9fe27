/**
 * The publish ids of the recent past, bounded in time and number (defect L16): a map for look-up and
 * an array in the order of storing, whose front is the next to be forgotten. The order of the Map
 * itself was ruled out, since looking for its first entry walks over everything deleted before.
 */

export interface PublishIdWindowOptions {
  readonly windowMs: number
  readonly count: number
}

export interface KnownPublishId {
  readonly key: string
  readonly headId: number
  /** Wall clock: the window has to survive a restart. */
  readonly storedAtMs: number
}

export class PublishIdWindow {
  readonly #options: PublishIdWindowOptions
  readonly #known = new Map<string, KnownPublishId>()
  #order: KnownPublishId[] = []
  /** Places of `#order` before this one are forgotten. */
  #front = 0

  constructor(options: PublishIdWindowOptions) {
    this.#options = options
  }

  /** The head of the message stored with this id, if that was within the window. */
  find(topic: string, publishId: string, nowMs: number): number | undefined {
    const known = this.#known.get(keyOf(topic, publishId))
    return known !== undefined && this.#isInside(known, nowMs) ? known.headId : undefined
  }

  remember(topic: string, publishId: string, headId: number, nowMs: number): void {
    this.#remember({ key: keyOf(topic, publishId), headId, storedAtMs: nowMs })
    for (;;) {
      const oldest = this.#order[this.#front]
      if (oldest === undefined) return
      if (this.#known.size <= this.#options.count && this.#isInside(oldest, nowMs)) return
      this.#forget(oldest)
    }
  }

  /** Oldest first. */
  save(): KnownPublishId[] {
    return this.#order.slice(this.#front)
  }

  load(entries: readonly KnownPublishId[]): void {
    for (const known of entries) this.#remember(known)
  }

  #remember(known: KnownPublishId): void {
    this.#known.set(known.key, known)
    this.#order.push(known)
  }

  #forget(oldest: KnownPublishId): void {
    // The id may have been stored anew since; then this is only its old place.
    if (this.#known.get(oldest.key) === oldest) this.#known.delete(oldest.key)
    this.#front += 1
    if (this.#front > 1_024 && this.#front * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#front)
      this.#front = 0
    }
  }

  #isInside(known: KnownPublishId, nowMs: number): boolean {
    return nowMs - known.storedAtMs < this.#options.windowMs
  }
}

function keyOf(topic: string, publishId: string): string {
  return `${topic.length}:${topic}${publishId}`
}
