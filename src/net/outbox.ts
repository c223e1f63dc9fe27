/**
 * What one connection has to write. Frames are copied straight into a pooled block, which is written once
 * per turn of the loop, or at the end of the chunk of input that caused it when somebody waits for it
 * (performance 2.1, 2.2, 2.8): the fewest system calls, and no object per frame.
 *
 * The outbox never refuses. Above its high mark it says so once (`onFull`), and again when everything was
 * written (`onRoom`); it is its owner's business to stop those who fill it (architecture 7).
 */

/** Where blocks go. */
export interface BlockWriter {
  /** Writes a block. True: its bytes are on their way and the block may be used again at once. */
  write(block: Uint8Array): boolean
  /** Bytes given to `write` that the other side did not take yet. */
  readonly pendingBytes: number
}

export interface OutboxOptions {
  readonly writer: BlockWriter
  readonly schedule: FlushSchedule
  /** Above so many bytes it is full. */
  readonly highBytes: number
  readonly onFull: () => void
}

export const blockBytes = 65_536
/**
 * What an outbox begins with, before it needs a whole block: a publication to ten thousand connections would
 * otherwise take as many blocks at once.
 */
const smallBlockBytes = 2_048
/** Blocks kept for whoever needs one next: 4 MiB of the large, 8 of the small. */
const spareBlocksMost = 64
const spareSmallBlocksMost = 4_096

const spareBlocks: Buffer[] = []
const spareSmallBlocks: Buffer[] = []
const noBlock = Buffer.alloc(0)

export class Outbox {
  /** The block being filled; write at what `reserve` returned, before anything else happens. */
  bytes: Buffer = noBlock
  /** On which lists of the schedule it stands, and who stands behind it there. */
  isUrgent = false
  isLater = false
  nextUrgent: Outbox | undefined = undefined
  nextLater: Outbox | undefined = undefined
  readonly #options: OutboxOptions
  #length = 0
  #isFull = false
  #isClosed = false

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** Bytes that the other side did not take yet. */
  get queuedBytes(): number {
    return this.#length + this.#options.writer.pendingBytes
  }

  get isFull(): boolean {
    return this.#isFull
  }

  /**
   * Makes room for `count` bytes at the returned place of `bytes`, and counts them as written.
   * @param urgent write at the end of this chunk of input, not at the end of the turn
   */
  reserve(count: number, urgent: boolean): number {
    if (!this.isUrgent && (urgent || !this.isLater)) this.#schedule(urgent)
    const at = this.#length
    if (at + count > this.bytes.length) return this.#reserveAnew(count)
    this.#length = at + count
    return at
  }

  /** Copies bytes in. */
  push(bytes: Uint8Array, urgent: boolean): void {
    const at = this.reserve(bytes.length, urgent)
    this.bytes.set(bytes, at)
  }

  /** Writes what there is. */
  flush(): void {
    const length = this.#length
    if (length === 0) return
    const block = this.bytes
    this.#length = 0
    this.bytes = noBlock
    if (this.#isClosed) return
    const isTaken = this.#options.writer.write(
      length === block.length ? block : block.subarray(0, length),
    )
    if (isTaken) giveBack(block)
    else if (!this.#isFull && this.queuedBytes > this.#options.highBytes) {
      this.#isFull = true
      this.#options.onFull()
    }
  }

  /** Everything was written. Answers whether it had been full. */
  drained(): boolean {
    const wasFull = this.#isFull
    this.#isFull = false
    return wasFull
  }

  /** Forgets what was not written; takes frames from now on only to drop them. */
  close(): void {
    this.#isClosed = true
    giveBack(this.bytes)
    this.bytes = noBlock
    this.#length = 0
  }

  /** The block at hand has not enough room. */
  #reserveAnew(count: number): number {
    const at = this.#length
    const small = this.bytes
    if (at === 0 && count <= smallBlockBytes) this.bytes = takeSmallBlock()
    else if (small.length <= smallBlockBytes && at + count <= blockBytes) {
      this.bytes = takeBlock()
      this.bytes.set(at === small.length ? small : small.subarray(0, at))
      giveBack(small)
    } else {
      this.flush()
      this.bytes = count > blockBytes ? Buffer.allocUnsafeSlow(count) : takeBlock()
      this.#length = count
      return 0
    }
    this.#length = at + count
    return at
  }

  #schedule(urgent: boolean): void {
    if (this.#isClosed) return
    this.#options.schedule.add(this, urgent)
  }
}

function takeBlock(): Buffer {
  return spareBlocks.pop() ?? Buffer.allocUnsafeSlow(blockBytes)
}

function takeSmallBlock(): Buffer {
  return spareSmallBlocks.pop() ?? Buffer.allocUnsafeSlow(smallBlockBytes)
}

function giveBack(block: Buffer): void {
  if (block.length === blockBytes) {
    if (spareBlocks.length < spareBlocksMost) spareBlocks.push(block)
  } else if (block.length === smallBlockBytes) {
    if (spareSmallBlocks.length < spareSmallBlocksMost) spareSmallBlocks.push(block)
  }
}

/**
 * When outboxes are flushed. Urgent ones at the end of the chunk of input being handled; the others when the
 * turn of the loop ends, so that several senders share a write. Outside of a chunk, urgent means: as soon
 * as the running task is over.
 */
export class FlushSchedule {
  /** Lists through the outboxes themselves: an array would be grown anew for every chunk. */
  #urgent: Outbox | undefined
  #later: Outbox | undefined
  #isInChunk = false
  #isTaskEndDue = false

  /** The outbox must not stand on the list already. */
  add(outbox: Outbox, urgent: boolean): void {
    if (urgent) this.#addUrgent(outbox)
    else this.#addLater(outbox)
  }

  /** A chunk of input is about to be handled. */
  beginChunk(): void {
    this.#isInChunk = true
  }

  /** The chunk has been handled. */
  endChunk(): void {
    this.#isInChunk = false
    if (this.#urgent !== undefined) this.#flushUrgent()
  }

  #addUrgent(outbox: Outbox): void {
    outbox.isUrgent = true
    outbox.nextUrgent = this.#urgent
    this.#urgent = outbox
    if (this.#isInChunk || this.#isTaskEndDue) return
    this.#isTaskEndDue = true
    queueMicrotask(() => {
      this.#isTaskEndDue = false
      this.#flushUrgent()
    })
  }

  #addLater(outbox: Outbox): void {
    if (this.#later === undefined) setImmediate(() => this.#flushLater())
    outbox.isLater = true
    outbox.nextLater = this.#later
    this.#later = outbox
  }

  #flushUrgent(): void {
    let outbox = this.#urgent
    this.#urgent = undefined
    while (outbox !== undefined) {
      const next: Outbox | undefined = outbox.nextUrgent
      outbox.isUrgent = false
      outbox.nextUrgent = undefined
      outbox.flush()
      outbox = next
    }
  }

  #flushLater(): void {
    let outbox = this.#later
    this.#later = undefined
    while (outbox !== undefined) {
      const next: Outbox | undefined = outbox.nextLater
      outbox.isLater = false
      outbox.nextLater = undefined
      outbox.flush()
      outbox = next
    }
  }
}
