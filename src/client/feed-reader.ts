/**
 * Reads a v2 subscription: batches in commit order of many logs, each with the position after it.
 * A broken stream continues after the last position received, so nothing is lost or repeated. When
 * the daemon's store was made anew that position means nothing any more; then the subscription
 * starts from the beginning (or where the caller wants) and leaves out what it has delivered, log by
 * log, where the last message seen is still found.
 */

import { BusError } from '../model/errors.ts'
import type { NodeId } from '../model/node-id.ts'
import { msgbusServiceCalls } from '../wire/gen/msgbus-v1.ts'
import { busServiceCalls } from '../wire/gen/msgbus-v2.ts'
import type { Start, SubscribeResponse } from '../wire/gen/msgbus-v2.ts'
import type { BatchQueue } from './batch-queue.ts'
import type { ClientContext } from './client-context.ts'
import { KnownLogs } from './known-logs.ts'
import type { KnownLog } from './known-logs.ts'
import type { PayloadCodec } from './payload-codec.ts'
import type { Position } from './position.ts'
import { Message, emptyNode } from './received-message.ts'

/** What to do when the position belongs to a store that no longer exists. */
export type HistoryChange = 'earliest' | 'now' | 'fail'

export interface FeedReaderOptions<T> {
  readonly filter: string
  /** Undefined: every origin. */
  readonly origin: NodeId | undefined
  readonly start: Start
  readonly maxBatch: number
  readonly headsOnly: boolean
  readonly storedOnly: boolean
  readonly codec: PayloadCodec<T>
  readonly historyChanged: HistoryChange
  readonly queue: BatchQueue<Message<T>>
  readonly signal: AbortSignal
  /** The stream stands, or stands again. */
  readonly onOpen: () => void
}

export class FeedReader<T> {
  readonly #context: ClientContext
  readonly #options: FeedReaderOptions<T>
  readonly #known = new KnownLogs()
  #start: Start
  #position: Position | undefined
  /** The store was made anew: what to leave out is decided already. */
  #isAnew = false
  /** A start at a head id beyond the head leaves out what comes before it. */
  #firstHead = 0

  constructor(context: ClientContext, options: FeedReaderOptions<T>) {
    this.#context = context
    this.#options = options
    this.#start = options.start
    if (options.start.at?.case === 'headId') this.#firstHead = options.start.at.value
  }

  /** Reads until the stream ends. @throws BusError with which it ended, `unimplemented` on v1 daemons */
  async read(): Promise<void> {
    const { filter, origin, maxBatch, headsOnly, storedOnly, queue, signal, onOpen } = this.#options
    const start = this.#nextStart()
    const request = { filter, origin, start, maxBatch, headsOnly, storedOnly }
    const stream = this.#context.transport.stream(busServiceCalls.subscribe, request, {
      signal,
      onOpen,
    })
    try {
      for (;;) {
        const response = await stream.read()
        if (response === undefined) return
        onOpen()
        const room = this.#accept(response)
        if (room !== undefined) await room
        if (queue.closed) return
      }
    } catch (error) {
      if (!(error instanceof BusError) || error.reason !== 'bad_position') throw error
      await this.#startAnew(error)
      throw new BusError('unavailable', 'bad_position', error.message, { cause: error })
    } finally {
      stream.cancel()
    }
  }

  #nextStart(): Start {
    if (this.#position !== undefined) return { at: { case: 'after', value: this.#position } }
    // Broken off before there was a position: begin again and leave out what came already.
    if (this.#isAnew) this.#isAnew = false
    else this.#known.skipSeen()
    return this.#start
  }

  #accept(response: SubscribeResponse): Promise<void> | undefined {
    const { codec, queue, filter } = this.#options
    // The position comes with the last of several responses; in between the sequence of a message is
    // its position as well, but for the last values of a start at `last`.
    const epoch = response.position?.epoch ?? this.#position?.epoch
    const messages: Message<T>[] = []
    let log: KnownLog | undefined
    let bytes = 0
    for (const wire of response.messages) {
      // Absent names repeat those of the message before.
      if (log === undefined || wire.topic !== '' || wire.origin !== undefined) {
        const topic = wire.topic === '' ? (log?.topic ?? '') : wire.topic
        log = this.#known.find(topic, wire.origin ?? log?.origin ?? emptyNode)
      }
      // Head 0: not stored, so it has no place and moves none.
      if (wire.headId > 0) {
        if (wire.headId <= log.skipTo || wire.headId < this.#firstHead) continue
        log.lastHead = wire.headId
        log.lastId = wire.id
        if (epoch !== undefined) this.#position = { epoch, sequence: wire.sequence }
      }
      bytes += wire.payload.length
      const { topic, origin } = log
      messages.push(new Message(wire, { topic, origin, codec, position: this.#position }))
    }
    if (response.position !== undefined) this.#position = response.position
    for (const { topic, origin = emptyNode, fromHeadId, toHeadId } of response.damaged) {
      const fromHead = BigInt(fromHeadId)
      this.#context.hooks.damaged?.({ topic, origin, fromHead, toHead: BigInt(toHeadId) })
    }
    if (messages.length === 0) return undefined
    this.#context.hooks.batchReceived?.({ filter, messages: messages.length, bytes })
    return queue.push(messages, bytes)
  }

  async #startAnew(error: BusError): Promise<void> {
    const { filter, historyChanged } = this.#options
    this.#context.hooks.historyChanged?.({ filter })
    if (historyChanged === 'fail') throw error
    this.#position = undefined
    this.#isAnew = true
    this.#firstHead = 0
    this.#start = { at: { case: historyChanged, value: {} } }
    if (historyChanged === 'earliest') await this.#known.skipConfirmed((log) => this.#idAt(log))
  }

  async #idAt(log: KnownLog): Promise<string | undefined> {
    const { topic, origin, lastHead } = log
    const { signal } = this.#options
    const { timeoutMs } = this.#context
    const request = { topic, origin, fromHeadId: lastHead, limit: 1 }
    const stream = this.#context.transport.stream(msgbusServiceCalls.fetch, request, {
      signal,
      timeoutMs,
    })
    const response = await stream.read()
    stream.cancel()
    return response?.message?.headId === lastHead ? response.message.id : undefined
  }
}
