/**
 * What one TMB client has to be sent, and what happens when it does not read (spec/tmb 8.3). Nobody waits for it: when
 * more is queued than it may have, it is disconnected, or gets the newest message of each category, or misses what
 * is new. Replies are never dropped; a client that does not read them is not listened to.
 *
 * Output that nobody takes is bounded for each client and for all of them together: the more clients are behind, the
 * less each of them may have waiting. As long as a client reads, this costs a comparison per message.
 */

import type { TopicText } from '../../core/live.ts'
import type { Outbox } from '../../net/outbox.ts'

export type SlowPolicy = 'disconnect' | 'latest' | 'drop-new'

/** From so many queued bytes on a client counts as behind. */
export const backlogBytes = 65_536
/** However many are behind, each may have so much. */
const leastQueueBytes = 65_536

/** What the clients of one adapter share. */
export class QueueBudget {
  readonly #queueBytes: number
  readonly #totalBytes: number
  /** Clients that are behind. */
  behind = 0
  /** Bytes of snapshots that were let in beyond the limits. */
  #lentBytes = 0

  /** @param totalBytes that all clients together may have waiting */
  constructor(queueBytes: number, totalBytes: number) {
    this.#queueBytes = queueBytes
    this.#totalBytes = totalBytes
  }

  /** What each client may have waiting now. */
  get queueBytes(): number {
    const share = this.#totalBytes / Math.max(1, this.behind)
    return Math.min(this.#queueBytes, Math.max(leastQueueBytes, share))
  }

  /** Whether so many bytes more can be let in at once. They are given back with `giveBack`. */
  lend(bytes: number): boolean {
    if (this.#lentBytes + bytes > this.#totalBytes) return false
    this.#lentBytes += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#lentBytes -= bytes
  }
}

interface KeptLine {
  bytes: Uint8Array
}

/** What keeping a line costs beside its bytes. */
const keptOverheadBytes = 128

export class OutputQueue {
  readonly #outbox: Outbox
  readonly #policy: SlowPolicy
  readonly #budget: QueueBudget
  #isBehind = false
  /** Messages that were lost since the client began to be behind. */
  #dropped = 0
  #isDropping = false
  /** Policy `latest`: the newest line of each topic, in the order in which they were accepted. */
  readonly #kept = new Map<TopicText, KeptLine>()
  #keptBytes = 0
  #lentBytes = 0

  constructor(outbox: Outbox, policy: SlowPolicy, budget: QueueBudget) {
    this.#outbox = outbox
    this.#policy = policy
    this.#budget = budget
  }

  get queuedBytes(): number {
    return this.#outbox.queuedBytes + this.#keptBytes
  }

  /** It has more to read than it may have; it should not cause more. */
  get isOver(): boolean {
    return this.#isBehind && this.#outbox.queuedBytes > this.#budget.queueBytes
  }

  /** A message, whole with its line end; borrowed. False: the client is too slow, and its time is over. */
  offer(line: Uint8Array, topic: TopicText): boolean {
    if (this.#isBehind) return this.#offerBehind(line, topic)
    this.#write(line, false)
    return true
  }

  /** A line that is never dropped. @param text with its line end, each character a byte */
  reply(text: string): void {
    const at = this.#outbox.reserve(text.length, true)
    this.#outbox.bytes.write(text, at, 'latin1')
  }

  /**
   * Whether so many bytes of answers can be written now. They may go beyond what a client may have waiting, since no
   * reader is fast enough for what comes at once; all such answers together stay within the bound of all clients.
   */
  admits(bytes: number): boolean {
    if (!this.#isBehind) this.#returnLent()
    if (this.#outbox.queuedBytes + bytes <= this.#budget.queueBytes) return true
    if (!this.#budget.lend(bytes)) return false
    this.#lentBytes += bytes
    return true
  }

  /** A line that is an answer; see `admits`. */
  answer(line: Uint8Array): void {
    this.#write(line, true)
  }

  /** What was kept goes out now, before something that is newer. */
  settle(): void {
    if (this.#kept.size === 0) return
    this.#tellDropped()
    for (const { bytes } of this.#kept.values()) this.#write(bytes, false)
    this.#kept.clear()
    this.#keptBytes = 0
  }

  /** The outbox is above its mark. */
  full(): void {
    if (this.#isBehind) return
    this.#isBehind = true
    this.#budget.behind += 1
  }

  /** Everything was read. */
  empty(): void {
    this.#catchUp()
    this.settle()
    this.#tellDropped()
  }

  /** The client is gone. */
  close(): void {
    this.#catchUp()
    this.#kept.clear()
    this.#keptBytes = 0
  }

  #catchUp(): void {
    if (this.#isBehind) this.#budget.behind -= 1
    this.#isBehind = false
    this.#isDropping = false
    this.#returnLent()
  }

  #returnLent(): void {
    this.#budget.giveBack(this.#lentBytes)
    this.#lentBytes = 0
  }

  #offerBehind(line: Uint8Array, topic: TopicText): boolean {
    const limit = this.#budget.queueBytes + this.#lentBytes
    const queued = this.#outbox.queuedBytes
    const fits = queued + line.length <= limit
    switch (this.#policy) {
      case 'disconnect':
        if (!fits) return false
        break
      case 'latest':
        if (!fits || this.#kept.size > 0) return this.#keep(line, topic, limit)
        break
      case 'drop-new':
        if (this.#isDropping && queued <= limit / 2) {
          this.#isDropping = false
          this.#tellDropped()
        }
        if (!fits || this.#isDropping) {
          this.#isDropping = true
          this.#dropped += 1
          return true
        }
        break
    }
    this.#write(line, false)
    return true
  }

  #keep(line: Uint8Array, topic: TopicText, limit: number): boolean {
    const known = this.#kept.get(topic)
    if (known !== undefined) {
      this.#dropped += 1
      this.#kept.delete(topic)
      this.#keptBytes -= known.bytes.length + keptOverheadBytes
    }
    // The memory of the one before is used again where that is possible.
    const kept = known ?? { bytes: new Uint8Array(line.length) }
    if (kept.bytes.length !== line.length) kept.bytes = new Uint8Array(line.length)
    kept.bytes.set(line)
    this.#kept.set(topic, kept)
    this.#keptBytes += line.length + keptOverheadBytes
    return this.#keptBytes <= limit
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return
    this.reply(`info slow ${this.#dropped}\n`)
    this.#dropped = 0
  }

  #write(line: Uint8Array, urgent: boolean): void {
    const { length } = line
    const at = this.#outbox.reserve(length, urgent)
    const out = this.#outbox.bytes
    if (length <= 32) for (let i = 0; i < length; i++) out[at + i] = line[i] as number
    else out.set(line, at)
  }
}
