/**
 * A client of the bus with a name: others send to it, in any protocol, and it sends under its name.
 * Direct messages are not stored: what comes while the connection is broken is lost, and what is sent
 * then fails. A program that takes its time holds back those who send to it.
 */

import { BusError } from '../model/errors.ts'
import { BatchQueue } from './batch-queue.ts'
import { callProcedure } from './call-procedure.ts'
import type { CallFields, CallResult } from './call-procedure.ts'
import type { ClientContext, RequestOptions } from './client-context.ts'
import { DirectMessage } from './direct-message.ts'
import { JoinLink } from './join-link.ts'
import { LivePublisher } from './live-publisher.ts'
import type { LiveFields } from './live-publisher.ts'
import { MessageSender } from './message-sender.ts'
import { codecs } from './payload-codec.ts'
import type { PayloadCodec } from './payload-codec.ts'
import { encodeArgument, encodeValue } from './publication.ts'
import type { CodecOption } from './publication.ts'
import type { ReconnectOptions } from './reconnect-delay.ts'

export interface JoinOptions<T> {
  /** Take the name over from whoever has it. Default: fail with `already_exists/name_taken`. */
  readonly replace?: boolean | undefined
  /** What `message.value` is; default: the payload bytes. */
  readonly codec?: PayloadCodec<T> | undefined
  /** `false`: ends with the connection. Default: reconnect for ever. */
  readonly reconnect?: ReconnectOptions | false | undefined
  /** Messages held ready at most; default 10,000. */
  readonly bufferMessages?: number | undefined
  /** Payload bytes held ready at most; default 8 MiB. */
  readonly bufferBytes?: number | undefined
  /** Gives the name back: iterating throws `cancelled`. For a quiet end call `close`. */
  readonly signal?: AbortSignal | undefined
}

export interface SendFields {
  /** Deliver without delay, rather than in larger writes. */
  readonly realtime?: boolean | undefined
}

export interface SendOptions extends SendFields {
  /** Stops waiting with `cancelled`; the message may arrive all the same. */
  readonly signal?: AbortSignal | undefined
}

/** An async iterable of messages; made by `client.join`. */
export class Participant<T = Uint8Array> implements AsyncIterable<DirectMessage<T>> {
  readonly name: string
  readonly #context: ClientContext
  readonly #link: JoinLink
  readonly #queue: BatchQueue<DirectMessage<T>>
  readonly #codec: PayloadCodec<T>
  readonly #sender: MessageSender
  #publisher: LivePublisher | undefined

  /** Opens at once. @throws BusError for a bad name */
  constructor(context: ClientContext, name: string, options: JoinOptions<T>) {
    if (name === '') throw new BusError('invalid_argument', 'name_empty', 'the name is empty')
    const { replace = false, reconnect, signal } = options
    this.name = name
    this.#context = context
    this.#sender = new MessageSender(context, name)
    this.#codec = options.codec ?? (codecs.bytes as PayloadCodec<unknown> as PayloadCodec<T>)
    this.#queue = new BatchQueue<DirectMessage<T>>({
      maxItems: options.bufferMessages ?? 10_000,
      maxBytes: options.bufferBytes ?? 8_388_608,
      onClosed: () => this.#link.stop(),
    })
    this.#link = new JoinLink(context, {
      what: `join ${name}`,
      name,
      replace,
      presence: '',
      reconnect,
      signal,
      onResponse: ({ messages }) => {
        let bytes = 0
        for (const { payload } of messages) bytes += payload.length
        return this.#queue.push(
          messages.map((message) => new DirectMessage(message, this.#codec)),
          bytes,
        )
      },
      onEnd: (error) => {
        this.#sender.close()
        this.#publisher?.close()
        // An abort ends it at once; what came before the daemon ended it can still be taken.
        if (error === undefined || error.reason === 'cancelled') this.#queue.close(error)
        else this.#queue.end(error)
      },
    })
    this.#link.start()
  }

  /** Resolves when the name is taken for the first time. @throws BusError `already_exists/name_taken` … */
  ready(): Promise<void> {
    return this.#link.ready()
  }

  /** One iteration per participant: a second iterator shares the messages with the first. */
  [Symbol.asyncIterator](): AsyncIterator<DirectMessage<T>, undefined> {
    return {
      next: () => this.#queue.next(),
      return: () => {
        this.close()
        return Promise.resolve({ value: undefined, done: true })
      },
    }
  }

  /**
   * Sends to the client of a name, in order. Resolves when that client's outbox at the daemon has it, which
   * waits while there is no room. Nothing is repeated: after `unavailable` it may have arrived or not.
   *
   * @throws BusError `not_found/unknown_client` when nobody has the name, `unavailable`, `permission_denied`
   */
  send(target: string, payload: Uint8Array | string, options?: SendOptions): Promise<void>
  send<U>(target: string, value: U, options: SendOptions & CodecOption<U>): Promise<void>
  async send<U>(
    target: string,
    value: U,
    options: SendOptions & Partial<CodecOption<U>> = {},
  ): Promise<void> {
    await this.#dispatch({ case: 'target', value: target }, value, options)
  }

  /** As `send`, to everybody whose name matches; resolves with how many that were. */
  broadcast(mask: string, payload: Uint8Array | string, options?: SendOptions): Promise<number>
  broadcast<U>(mask: string, value: U, options: SendOptions & CodecOption<U>): Promise<number>
  async broadcast<U>(
    mask: string,
    value: U,
    options: SendOptions & Partial<CodecOption<U>> = {},
  ): Promise<number> {
    return this.#dispatch({ case: 'mask', value: mask }, value, options)
  }

  /** As `client.call`; the callee learns the name. */
  call(
    procedure: string,
    payload?: Uint8Array | string,
    options?: CallFields & RequestOptions,
  ): Promise<CallResult>
  call<U>(
    procedure: string,
    value: U,
    options: CallFields & CodecOption<U> & RequestOptions,
  ): Promise<CallResult>
  async call<U>(
    procedure: string,
    value?: U,
    options: CallFields & Partial<CodecOption<U>> & RequestOptions = {},
  ): Promise<CallResult> {
    await this.#link.standing()
    const payload = encodeArgument(value, options.codec)
    return callProcedure(this.#context, { procedure, payload, from: this.name, options })
  }

  /** As `client.publish` with `stored: false`; subscribers of other protocols see the name. */
  publish(topic: string, payload: Uint8Array | string, options?: LiveFields): Promise<void>
  publish<U>(topic: string, value: U, options: LiveFields & CodecOption<U>): Promise<void>
  async publish<U>(
    topic: string,
    value: U,
    options: LiveFields & Partial<CodecOption<U>> = {},
  ): Promise<void> {
    await this.#link.standing()
    this.#publisher ??= new LivePublisher(this.#context, this.name)
    return this.#publisher.publish(topic, encodeValue(value, options.codec), options)
  }

  /** Gives the name back at once; iterating ends quietly. May be called twice. */
  close(): void {
    this.#queue.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async #dispatch<U>(
    to: { case: 'target' | 'mask'; value: string },
    value: U,
    { codec, realtime = false, signal }: SendOptions & Partial<CodecOption<U>>,
  ): Promise<number> {
    const payload = encodeValue(value, codec)
    await this.#link.standing()
    return this.#sender.send({ to, payload, realtime }, signal)
  }
}
