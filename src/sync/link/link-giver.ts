/**
 * The half of a link that gives: says what is here, and sends what the other side asked for. A log that is in step gets
 * what is committed in the turn of its commit, without reading it again; one that is behind is read from the store,
 * a batch of each log in turn. Batches leave while the other side gives credit and the transport takes what was sent,
 * so that what is urgent waits behind one batch and what a transport keeps, never behind a whole log.
 */

import type { CommitBatch, LogInfo, LogStore } from '../../core/log-store.ts'
import { contentBytes } from '../../model/content-bytes.ts'
import { BusError, ProtocolError } from '../../model/errors.ts'
import { deleteMarkerTopic, type LogKey, type StoredMessage } from '../../model/message.ts'
import { formatNodeId, type NodeId } from '../../model/node-id.ts'
import type { LinkStop, LinkStored, LinkWant } from '../../wire/gen/msgbus-link.ts'
import { storeFailed } from '../log-pull.ts'
import { LogMap } from './log-map.ts'
import { entriesPerFrame, frameBytes, type LinkWriter } from './link-writer.ts'

export interface LinkGiverOptions {
  readonly store: LogStore
  readonly writer: LinkWriter
  /** Whether the other side may have it at all. */
  readonly gives: (log: LogKey) => boolean
  /** Bytes of batches that may leave before it gives credit. */
  readonly credit: number
  /** Larger messages it cannot take. */
  readonly envelopeBytes: number
  /** Up to here it knows our heads from before; 0: nothing. */
  readonly known: number
  /** What it is known to have of a log. */
  readonly peerHead: (topic: string, origin: NodeId) => number
  readonly onFailure: (error: unknown) => void
}

/** A log as the other side sees it. */
interface GivenLog extends LogKey {
  head: number
  isAllowed: boolean
  want: Want | undefined
  /** What is to be sent in this turn. */
  fresh: StoredMessage[]
}

interface Want {
  readonly number: number
  readonly log: GivenLog
  /** The head id to send next. */
  next: number
  /** The last to be sent. */
  readonly last: number
  isQueued: boolean
  /** In the commit order here what is to be sent next comes after it; undefined: not known. */
  after: number | undefined
  stored: number
  /** Turns in which it stood behind others. */
  waited: number
}

/** Of what was sent, more than this is not added to by batches: urgent frames would wait behind it. */
const bulkMarkBytes = 65_536
/** A commit above this is read again, log by log, instead of being sent at once. */
const freshBytesMost = 1_048_576
const pageMessages = 4_000
/** Batches of other logs that a log of delete markers lets go first. */
const markerPatience = 64
const messageOverheadBytes = 128
/** Fewer logs than this are read one by one. */
const feedWantsLeast = 4
const feedBytes = 262_144

export class LinkGiver {
  readonly #options: LinkGiverOptions
  readonly #logs = new LogMap<GivenLog>()
  readonly #wants = new Map<number, Want>()
  /** Wants with something to send, in the order of turns. */
  #queue: Want[] = []
  /** Logs whose heads are to be told. */
  readonly #untold = new Set<GivenLog>()
  /** What was here when the link came up and is still to be told. */
  #listing: Iterator<LogInfo> | undefined
  readonly #listedAt: number
  #toldPosition = 0
  #credit: number
  #lastNumber = 0
  #isPumping = false
  #isClosed = false
  readonly #stopListening: () => void

  constructor(options: LinkGiverOptions) {
    const { store } = options
    this.#options = options
    this.#credit = options.credit
    this.#listing = store.logs()[Symbol.iterator]()
    this.#listedAt = store.lastSequence
    this.#stopListening = store.onCommit((batch) => this.#committed(batch))
    this.#pump()
  }

  /** Messages that the other side asked for and has not stored, as far as is known. */
  get behind(): number {
    let sum = 0
    for (const { log, stored, last } of this.#wants.values()) {
      sum += Math.max(0, Math.min(log.head, last) - stored)
    }
    return sum
  }

  close(): void {
    this.#isClosed = true
    this.#stopListening()
  }

  /** @throws ProtocolError */
  grant(bytes: number): void {
    this.#credit += bytes
    if (this.#credit > this.#options.credit) throw new ProtocolError('more credit than was used')
    this.#pump()
  }

  /** From time to time: says up to where everything was told, which spares telling it again on the next connection. */
  beat(): void {
    const { lastSequence } = this.#options.store
    if (this.#isIdle && !this.#isPumping) this.#tellPosition(lastSequence)
  }

  /** The transport took what was sent. */
  room(): void {
    this.#pump()
  }

  /** @throws ProtocolError */
  wants(wants: readonly LinkWant[]): void {
    for (const want of wants) this.#want(want)
    this.#pump()
  }

  stops(stops: readonly LinkStop[]): void {
    for (const { number } of stops) {
      const want = this.#wants.get(number)
      if (want === undefined) continue
      this.#end(number)
      // What was on its way is for nobody, and the head it told perhaps too.
      this.#untold.add(want.log)
    }
    this.#pump()
  }

  stored(stored: readonly LinkStored[]): void {
    for (const { number, headId } of stored) {
      const want = this.#wants.get(number)
      if (want !== undefined && headId > want.stored) want.stored = Math.min(headId, want.next - 1)
    }
  }

  #want({ number, topic, origin, fromHeadId, limit }: LinkWant): void {
    const { store, gives, writer } = this.#options
    if (number <= this.#lastNumber) throw new ProtocolError(`want ${number} after another`)
    this.#lastNumber = number
    if (origin === undefined || fromHeadId === 0) throw new ProtocolError('a want of nothing')
    const key = { topic, origin }
    const head = store.head(key)
    if (head === undefined || !gives(key)) {
      const text = `there is no log ${JSON.stringify(topic)} here for you`
      this.#credit -= writer.failure(number, 'not_found', text)
      return
    }
    const log = this.#logs.get(topic, origin) ?? this.#add(key, head)
    if (log.want !== undefined) this.#end(log.want.number)
    const last = limit === 0 ? Infinity : fromHeadId + limit - 1
    const stored = Math.max(0, fromHeadId - 1)
    const after = fromHeadId === 1 ? 0 : undefined
    const want = { number, log, next: fromHeadId, last, isQueued: false, after, stored, waited: 0 }
    log.want = want
    this.#wants.set(number, want)
    // By what it gets, it hears of the head.
    this.#untold.delete(log)
    if (want.next <= log.head) this.#enqueue(want)
  }

  #end(number: number): void {
    const want = this.#wants.get(number)
    if (want === undefined) return
    this.#wants.delete(number)
    if (want.log.want === want) want.log.want = undefined
  }

  #add({ topic, origin }: LogKey, head: number): GivenLog {
    const isAllowed = this.#options.gives({ topic, origin })
    const log = { topic, origin, head, isAllowed, want: undefined, fresh: [] }
    this.#logs.add(log)
    return log
  }

  #enqueue(want: Want): void {
    if (want.isQueued) return
    want.isQueued = true
    this.#queue.push(want)
  }

  #committed({ messages }: CommitBatch): void {
    let bytes = 0
    const touched: Want[] = []
    const mayPush = this.#hasRoom()
    for (const message of messages) {
      const log = this.#logs.get(message.topic, message.origin) ?? this.#add(message, 0)
      log.head = message.headId
      if (!log.isAllowed) continue
      const { want } = log
      if (want === undefined) {
        this.#untold.add(log)
        continue
      }
      bytes += message.payload.length + messageOverheadBytes
      const next = want.next + log.fresh.length
      const isInStep = !want.isQueued && next === message.headId && message.headId <= want.last
      if (mayPush && isInStep && bytes <= freshBytesMost) {
        if (log.fresh.length === 0) touched.push(want)
        log.fresh.push(message)
      } else this.#enqueue(want)
    }
    if (touched.length > 0) this.#push(touched)
    this.#pump()
  }

  /** Sends what was just committed; it is borrowed. */
  #push(touched: readonly Want[]): void {
    const { writer, envelopeBytes } = this.#options
    let isOpen = false
    for (const want of touched) {
      const { log } = want
      const messages = log.fresh
      for (let at = 0; at < messages.length;) {
        const message = messages[at] as StoredMessage
        if (!fits(message, envelopeBytes)) {
          // The way log by log says why it cannot be sent.
          want.after = undefined
          this.#enqueue(want)
          break
        }
        if (isOpen && writer.frameLength + message.payload.length > frameBytes) {
          this.#credit -= writer.endBatches()
          isOpen = false
        }
        if (!isOpen) writer.beginBatches()
        isOpen = true
        const count = writer.addBatch(want.number, messages, at, log.head)
        at += count
        want.next += count
      }
      log.fresh = []
      if (want.next > want.last) this.#end(want.number)
    }
    if (isOpen) this.#credit -= writer.endBatches()
  }

  #hasRoom(): boolean {
    return this.#credit > 0 && this.#options.writer.unsentBytes <= bulkMarkBytes
  }

  /** Tells and sends until there is nothing left, or no room. */
  #pump(): void {
    if (this.#isPumping || this.#isClosed || this.#isIdle) return
    this.#isPumping = true
    this.#run().catch(this.#options.onFailure)
  }

  get #isIdle(): boolean {
    return this.#queue.length === 0 && this.#untold.size === 0 && this.#listing === undefined
  }

  async #run(): Promise<void> {
    const { writer } = this.#options
    try {
      while (!this.#isClosed && writer.unsentBytes <= bulkMarkBytes) {
        if (this.#tellHeads()) continue
        if (this.#credit <= 0) return
        if (await this.#sendFeed()) continue
        const want = this.#next()
        if (want === undefined) return
        await this.#sendPage(want)
      }
    } finally {
      // In the turn in which it stops, so that whoever makes room next begins anew.
      this.#isPumping = false
    }
  }

  /** Some of the heads that are to be told; answers whether there may be more. */
  #tellHeads(): boolean {
    let told = 0
    while (this.#listing !== undefined && told < entriesPerFrame) {
      const next = this.#listing.next()
      if (next.done === true) {
        this.#listing = undefined
        this.#options.writer.listed()
        this.#tellPosition(this.#listedAt)
        break
      }
      const info = next.value
      if (info.lastSequence <= this.#options.known) continue
      const log = this.#logs.get(info.topic, info.origin) ?? this.#add(info, info.head)
      log.head = Math.max(log.head, info.head)
      if (log.isAllowed && log.want === undefined) this.#tell(log)
      told += 1
    }
    if (this.#listing !== undefined) return true
    for (const log of this.#untold) {
      if (told === entriesPerFrame) return true
      this.#untold.delete(log)
      // What it has, it knows.
      if (log.want !== undefined || this.#options.peerHead(log.topic, log.origin) >= log.head) {
        continue
      }
      this.#tell(log)
      told += 1
    }
    return false
  }

  #tell({ topic, origin, head }: GivenLog): void {
    this.#options.writer.head({ topic, origin, headId: head })
  }

  #tellPosition(position: number): void {
    if (position <= this.#toldPosition) return
    this.#toldPosition = position
    this.#options.writer.position(position)
  }

  /** Delete markers come behind what they may be about, if that does not take too long. */
  #next(): Want | undefined {
    for (let i = this.#queue.length; i > 0; i -= 1) {
      const want = this.#queue.shift() as Want
      if (want.log.want !== want) {
        want.isQueued = false
        continue
      }
      const isMarkers = want.log.topic === deleteMarkerTopic
      if (isMarkers && this.#queue.length > 0 && want.waited < markerPatience) {
        want.waited += 1
        this.#queue.push(want)
        if (i > 1) continue
        return this.#next()
      }
      want.waited = 0
      return want
    }
    return undefined
  }

  /**
   * When many logs are behind, reads them together in the order in which they were committed: blocks of the store hold
   * messages of many logs, and log by log each block would be read again for each. Answers whether it did.
   */
  async #sendFeed(): Promise<boolean> {
    const { store } = this.#options
    const taking = new Set<Want>()
    let after = Infinity
    for (const want of this.#queue) {
      if (want.after === undefined || want.log.want !== want) continue
      taking.add(want)
      after = Math.min(after, want.after)
    }
    if (taking.size < feedWantsLeast) return false
    const wantOf = ({ topic, origin }: LogKey): Want | undefined => {
      const want = this.#logs.get(topic, origin)?.want
      return want !== undefined && taking.has(want) ? want : undefined
    }
    const limit = { messages: pageMessages, bytes: feedBytes }
    const isWanted = (log: LogKey): boolean => wantOf(log) !== undefined
    const page = await store.readFeed(after, isWanted, limit).catch(storeFailed)
    if (this.#isClosed) return true
    const touched: Want[] = []
    for (const message of page.messages) {
      const want = wantOf(message)
      if (want?.after === undefined) continue
      const { fresh } = want.log
      const next = want.next + fresh.length
      if (message.headId < next || message.headId > want.last) continue
      if (message.headId > next) {
        // Trimmed or damaged before it: the way log by log knows what to say.
        want.after = undefined
        continue
      }
      if (fresh.length === 0) touched.push(want)
      fresh.push(message)
    }
    const hasMoved = page.nextAfter > after
    for (const want of taking) {
      if (want.after === undefined) continue
      // What is damaged does not come: without progress it is read log by log.
      want.after = hasMoved ? Math.max(want.after, page.nextAfter) : undefined
    }
    this.#push(touched)
    const queue = this.#queue
    this.#queue = []
    for (const want of queue) {
      want.isQueued = false
      if (want.log.want === want && want.next <= want.log.head) this.#enqueue(want)
    }
    return true
  }

  async #sendPage(want: Want): Promise<void> {
    const { store, writer } = this.#options
    const { log, number } = want
    const { next } = want
    const messages = Math.min(pageMessages, want.last - next + 1)
    const page = await store.read(log, next, { messages, bytes: frameBytes }).catch(storeFailed)
    if (this.#isClosed) return
    want.isQueued = false
    if (log.want !== want) return
    const refusal = this.#refusalOf(page.messages, page.damaged.length > 0, want)
    if (refusal !== undefined) {
      this.#end(number)
      this.#credit -= writer.failure(number, refusal.reason, refusal.message)
      return
    }
    for (let at = 0; at < page.messages.length;) {
      writer.beginBatches()
      const count = writer.addBatch(number, page.messages, at, log.head)
      this.#credit -= writer.endBatches()
      at += count
      want.next += count
    }
    // A stub has none.
    const sequence = page.messages.at(-1)?.sequence ?? 0
    want.after = sequence === 0 ? undefined : sequence
    if (want.next > want.last) this.#end(number)
    else if (want.next <= log.head) this.#enqueue(want)
  }

  /**
   * Why the next message cannot be sent; undefined when it can. What follows a message that cannot is cut off the page,
   * so that it comes first the next time.
   */
  #refusalOf(messages: StoredMessage[], isDamaged: boolean, want: Want): BusError | undefined {
    const { envelopeBytes } = this.#options
    const { log, next } = want
    for (const [i, message] of messages.entries()) {
      const isInOrder = message.headId === next + i
      const isSmall = fits(message, envelopeBytes)
      if (isInOrder && isSmall) continue
      messages.length = i
      if (i > 0) return undefined
      if (isInOrder) return tooLarge(message, envelopeBytes)
    }
    if (messages.length > 0) return undefined
    const where = `message ${next} of ${JSON.stringify(log.topic)} from ${formatNodeId(log.origin)}`
    const what = isDamaged ? 'is damaged here' : 'cannot be read here'
    return new BusError('data_loss', 'damaged_record', `${where} ${what}`)
  }
}

/** Whether it can be taken there; a frame has besides its contents a few numbers and what is small. */
function fits(message: StoredMessage, envelopeBytes: number): boolean {
  return contentBytes(message) <= envelopeBytes - messageOverheadBytes
}

function tooLarge({ headId, payload }: StoredMessage, envelopeBytes: number): BusError {
  const text = `message ${headId} has ${payload.length} bytes, the limit there is ${envelopeBytes}`
  return new BusError('resource_exhausted', 'payload_too_large', text)
}
