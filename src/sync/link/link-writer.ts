/**
 * What one end of a link has to say: small things are collected and leave together at the end of the turn, in one
 * frame; batches of messages are written straight from the store's objects into a frame, which takes along what waits.
 */

import { ProtoWriter } from '../../base/proto-writer.ts'
import { parseUuid } from '../../base/uuid.ts'
import { noHeaders, type StoredMessage } from '../../model/message.ts'
import type { FrameStream } from '../../net/frame-stream.ts'
import {
  encodeLinkFrame,
  type LinkFrame,
  type LinkHead,
  type LinkHello,
  type LinkStop,
  type LinkStored,
  type LinkWant,
  writeLinkFrame,
  writeNestedLinkMessage,
} from '../../wire/gen/msgbus-link.ts'

/** A batch is not continued beyond it, so only a single message can make a frame larger. */
export const frameBytes = 131_072
/** Heads and wants in one frame. */
export const entriesPerFrame = 1_000

/** What a frame with batches takes along. */
const smallBytes = 32_768

/** Fields of LinkFrame, LinkBatch: number << 3 | wire type. */
const batchesTag = (8 << 3) | 2
const batch = { number: 1 << 3, firstHeadId: 2 << 3, messages: (3 << 3) | 2, headId: 4 << 3 }

// Encoding is synchronous, so all links can share these.
const writer = new ProtoWriter()
const uuidWords = new Uint32Array(4)
const uuidBytes = new Uint8Array(uuidWords.buffer)
const empty = new Uint8Array(0)
const entry = {
  uuid: empty,
  id: '',
  payload: empty,
  headers: noHeaders,
  createdAtMs: 0,
  deleted: false,
}
let batchWidth = 3

export class LinkWriter {
  /** Bytes of all frames. */
  sentBytes = 0
  readonly #stream: FrameStream
  #live: Uint8Array[] = []
  #liveBytes = 0
  #credit = 0
  #heads: LinkHead[] = []
  #wants: LinkWant[] = []
  #stops: LinkStop[] = []
  #stored = new Map<number, LinkStored>()
  #position = 0
  #ping = 0
  #pong = 0
  #isListed = false
  #isDue = false

  constructor(stream: FrameStream) {
    this.#stream = stream
  }

  get unsentBytes(): number {
    return this.#stream.unsentBytes
  }

  hello(hello: LinkHello): void {
    this.#send(encodeLinkFrame({ hello }))
  }

  /** The last frame. */
  close(code: string, reason: string, message: string): void {
    this.#send(encodeLinkFrame({ close: { code, reason, message } }))
  }

  live(frame: Uint8Array): void {
    if (this.#liveBytes + frame.length > frameBytes) this.flush()
    this.#live.push(frame)
    this.#liveBytes += frame.length
    this.#due()
  }

  credit(bytes: number): void {
    this.#credit += bytes
    this.#due()
  }

  head(head: LinkHead): void {
    this.#heads.push(head)
    if (this.#heads.length >= entriesPerFrame) this.flush()
    else this.#due()
  }

  want(want: LinkWant): void {
    this.#wants.push(want)
    if (this.#wants.length >= entriesPerFrame) this.flush()
    else this.#due()
  }

  stop(number: number): void {
    // One that has not left yet need not leave, but then it was never asked for; both say the same.
    this.#stops.push({ number })
    this.#due()
  }

  stored(number: number, headId: number): void {
    this.#stored.set(number, { number, headId })
    this.#due()
  }

  position(position: number): void {
    this.#position = position
    this.#due()
  }

  listed(): void {
    this.#isListed = true
    this.#due()
  }

  ping(value: number): void {
    this.#ping = value
    this.#due()
  }

  pong(value: number): void {
    this.#pong = value
    this.#due()
  }

  /** A batch that says why there is none. Answers its size, which counts as that of any other. */
  failure(number: number, failure: string, failureMessage: string): number {
    this.flush()
    const frame = encodeLinkFrame({ batches: [{ number, failure, failureMessage }] })
    this.#send(frame)
    return frame.length
  }

  /** Begins a frame with batches; `addBatch` any number of times, then `endBatches`, all in one turn. */
  beginBatches(): void {
    this.#begin()
    // What is large goes alone, since a message may be as large as the other side takes at all.
    if (writer.length <= smallBytes) return
    this.#sendWritten()
  }

  /** Bytes of the frame so far. */
  get frameLength(): number {
    return writer.length
  }

  /**
   * Writes messages until there are no more, or the frame is full; at least one.
   * @param messages contiguous, from the head id of the first on
   * @param head the newest head id of the log
   * @returns how many were written
   */
  addBatch(number: number, messages: readonly StoredMessage[], from: number, head: number): number {
    const start = writer.begin(batchesTag, batchWidth)
    writer.uint32(batch.number, number)
    writer.uint64(batch.firstHeadId, messages[from]?.headId ?? 0)
    let count = 0
    for (let i = from; i < messages.length; i += 1) {
      const message = messages[i] as StoredMessage
      // A large one goes into a frame of its own.
      if (count > 0 && writer.length + message.payload.length > frameBytes) break
      writeMessage(message)
      count += 1
    }
    writer.uint64(batch.headId, head)
    batchWidth = writer.end(start, batchWidth)
    return count
  }

  /** Sends the frame; answers its size. */
  endBatches(): number {
    entry.payload = empty
    entry.headers = noHeaders
    return this.#sendWritten()
  }

  /** Sends what waits, if anything does. */
  flush(): void {
    if (!this.#hasSomething()) return
    this.#begin()
    this.#sendWritten()
  }

  #hasSomething(): boolean {
    return (
      this.#live.length > 0 ||
      this.#credit > 0 ||
      this.#heads.length > 0 ||
      this.#wants.length > 0 ||
      this.#stops.length > 0 ||
      this.#stored.size > 0 ||
      this.#position > 0 ||
      this.#isListed ||
      this.#ping > 0 ||
      this.#pong > 0
    )
  }

  #begin(): void {
    writer.reset()
    if (!this.#hasSomething()) return
    const frame: Partial<LinkFrame> = {
      live: this.#live,
      credit: this.#credit,
      heads: this.#heads,
      wants: this.#wants,
      stops: this.#stops,
      stored: [...this.#stored.values()],
      position: this.#position,
      ping: this.#ping,
      pong: this.#pong,
      listed: this.#isListed,
    }
    writeLinkFrame(writer, frame)
    this.#live = []
    this.#liveBytes = 0
    this.#credit = 0
    this.#heads = []
    this.#wants = []
    this.#stops = []
    this.#stored = new Map()
    this.#position = 0
    this.#ping = 0
    this.#pong = 0
    this.#isListed = false
  }

  #due(): void {
    if (this.#isDue) return
    this.#isDue = true
    queueMicrotask(() => {
      this.#isDue = false
      this.flush()
    })
  }

  #sendWritten(): number {
    const frame = writer.finish()
    writer.reset()
    this.#send(frame)
    return frame.length
  }

  #send(frame: Uint8Array): void {
    this.sentBytes += frame.length
    this.#stream.send(frame)
  }
}

function writeMessage(message: StoredMessage): void {
  const isUuid = parseUuid(message.id, uuidWords, 0)
  entry.uuid = isUuid ? uuidBytes : empty
  entry.id = isUuid ? '' : message.id
  entry.payload = message.payload as typeof empty
  entry.headers = message.headers
  entry.createdAtMs = message.createdAtMs
  entry.deleted = message.deleted
  writeNestedLinkMessage(writer, batch.messages, entry)
}
