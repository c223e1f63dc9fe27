/**
 * Reads a subscription from a daemon that only speaks v1: one topic of one origin, followed by head
 * ids. Such daemons replay a limited number of messages and may drop live ones (defects L1, L2, L4),
 * so the reader first fetches up to the head, then subscribes behind it, and fetches whatever a jump
 * of the head ids shows to be missing before it goes on.
 */

import type { NodeId } from '../model/node-id.ts'
import { msgbusServiceCalls } from '../wire/gen/msgbus-v1.ts'
import type { MessageEnvelope } from '../wire/gen/msgbus-v1.ts'
import type { BatchQueue } from './batch-queue.ts'
import { callOnce } from './client-context.ts'
import type { ClientContext } from './client-context.ts'
import { fetchLog, requireMessage } from './log-fetch.ts'
import type { PayloadCodec } from './payload-codec.ts'
import { emptyNode, fromEnvelope } from './received-message.ts'
import type { Message } from './received-message.ts'

/** `last`: the newest message, then what follows. A number is the first head wanted. */
export type LogReaderStart = 'now' | 'last' | number

export interface LogReaderOptions<T> {
  readonly topic: string
  /** Undefined: the daemon's own. */
  readonly origin: NodeId | undefined
  readonly start: LogReaderStart
  readonly codec: PayloadCodec<T>
  readonly queue: BatchQueue<Message<T>>
  readonly signal: AbortSignal
  /** The stream stands, or stands again. */
  readonly onOpen: () => void
}

/** The largest page a v1 daemon replays; what comes between fetch and subscribe fits easily. */
const replayLimit = 10_000

export class LogReader<T> {
  readonly #context: ClientContext
  readonly #options: LogReaderOptions<T>
  /** The next head to deliver; undefined until the start is known. */
  #next: number | undefined

  constructor(context: ClientContext, options: LogReaderOptions<T>) {
    this.#context = context
    this.#options = options
    if (typeof options.start === 'number') this.#next = Math.max(1, options.start)
  }

  /** Reads until the stream ends. @throws BusError with which it ended */
  async read(): Promise<void> {
    const { topic, origin, queue, signal, onOpen } = this.#options
    this.#next ??= await this.#firstHead()
    await this.#fetch(Number.POSITIVE_INFINITY)
    if (queue.closed) return
    const request = { topic, origin, fromHeadId: this.#next, replayLimit }
    const stream = this.#context.transport.stream(msgbusServiceCalls.subscribe, request, {
      signal,
      onOpen,
    })
    try {
      for (;;) {
        const response = await stream.read()
        if (response === undefined) return
        onOpen()
        const message = requireMessage(response.message)
        if (message.headId > this.#next) await this.#fillGap(message)
        // What the gap brought, or a daemon repeats.
        if (message.headId < this.#next) continue
        await this.#deliver([message])
        if (queue.closed) return
      }
    } finally {
      stream.cancel()
    }
  }

  async #firstHead(): Promise<number> {
    const { topic, origin, signal, start } = this.#options
    const request = { topic, origin }
    const { headId } = await callOnce(this.#context, msgbusServiceCalls.getHead, request, {
      signal,
    })
    return start === 'last' ? Math.max(1, headId) : headId + 1
  }

  async #fillGap({ headId, origin = emptyNode }: MessageEnvelope): Promise<void> {
    const { topic } = this.#options
    const from = this.#next ?? 1
    await this.#fetch(headId - from)
    const toHead = BigInt(headId - 1)
    this.#context.hooks.gapFilled?.({ topic, origin, fromHead: BigInt(from), toHead })
    // What cannot be fetched is gone; waiting for it would stop the subscription for good.
    this.#next = Math.max(this.#next ?? 1, headId)
  }

  async #fetch(limit: number): Promise<void> {
    const { topic, origin, queue, signal } = this.#options
    const fromHead = this.#next ?? 1
    for await (const batch of fetchLog(this.#context.transport, {
      topic,
      origin,
      fromHead,
      limit,
      signal,
    })) {
      await this.#deliver(batch)
      if (queue.closed) return
    }
  }

  async #deliver(batch: readonly MessageEnvelope[]): Promise<void> {
    const { topic, codec, queue } = this.#options
    const last = batch.at(-1)
    if (last === undefined) return
    let bytes = 0
    const messages = batch.map((envelope) => {
      bytes += envelope.payload.length
      return fromEnvelope(envelope, codec, { epoch: '', sequence: envelope.headId })
    })
    this.#next = last.headId + 1
    this.#context.hooks.batchReceived?.({ filter: topic, messages: messages.length, bytes })
    const room = queue.push(messages, bytes)
    if (room !== undefined) await room
  }
}
