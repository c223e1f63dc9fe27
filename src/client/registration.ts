/**
 * A procedure this program serves, for callers of every protocol. It is registered again when the
 * connection breaks; calls that were under way then fail for their callers (`unavailable/callee_gone`)
 * and are aborted here, since nobody waits for their answers.
 */

import { CallError } from '../model/call-error.ts'
import { BusError } from '../model/errors.ts'
import type { Headers } from '../model/message.ts'
import { clientServiceCalls } from '../wire/gen/msgbus-v2.ts'
import type { CallAnswer, Invocation, RegisterRequest } from '../wire/gen/msgbus-v2.ts'
import { isUnimplemented, unsupported } from './client-context.ts'
import type { ClientContext } from './client-context.ts'
import { codecs, decodePayload, payloadText, toPayload } from './payload-codec.ts'
import { toHeaders } from './publication.ts'
import type { HeadersInput } from './publication.ts'
import { ReconnectLoop } from './reconnect-loop.ts'
import { isRetryable } from './reconnect-delay.ts'
import type { ReconnectOptions } from './reconnect-delay.ts'
import { toStatusNumber } from './status-code.ts'
import type { DuplexStream } from './transport.ts'

/** A call as the procedure sees it. */
export class IncomingCall {
  readonly procedure: string
  readonly payload: Uint8Array
  readonly headers: Headers
  /** Name of the caller; empty when it has none. */
  readonly caller: string
  /** Fires when nobody waits for the answer any more. */
  readonly signal: AbortSignal

  constructor(invocation: Invocation, signal: AbortSignal) {
    this.procedure = invocation.procedure
    this.payload = invocation.payload
    this.headers = invocation.headers
    this.caller = invocation.caller
    this.signal = signal
  }

  /** The payload as UTF-8; what is not shows as U+FFFD. */
  text(): string {
    return payloadText(this.payload)
  }

  /** The payload as JSON. @throws BusError `invalid_argument/undecodable` */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller says what it is
  json<T = unknown>(): T {
    return decodePayload(codecs.json<T>(), this.payload, `the call of ${this.procedure}`)
  }
}

/** The payload alone, payload and headers, or nothing. */
export type CallReply =
  | Uint8Array
  | string
  | { readonly payload: Uint8Array | string; readonly headers?: HeadersInput | undefined }
  | undefined

/**
 * Answers a call; many run at the same time. What it throws reaches the caller: a `CallError` with name,
 * payload and headers, a `BusError` with code, reason and text, anything else as `internal` with its text.
 */
export type CallHandler = (call: IncomingCall) => CallReply | Promise<CallReply>

export interface RegisterOptions {
  /** `false`: ends with the connection. Default: reconnect for ever. */
  readonly reconnect?: ReconnectOptions | false | undefined
  /** Milliseconds until registering for the first time fails; default: that of the client. */
  readonly timeoutMs?: number | undefined
  /** Ends the registration at once; calls under way are aborted. For a soft end call `close`. */
  readonly signal?: AbortSignal | undefined
}

/** Answers in one request, at most. */
const batchAnswers = 1_000
const batchBytes = 262_144

/** Made by `client.register`. */
export class Registration {
  readonly procedure: string
  /** Resolves when it is over: with the error, or undefined when it was closed. Never rejects. */
  readonly ended: Promise<BusError | undefined>
  readonly #context: ClientContext
  readonly #handler: CallHandler
  readonly #loop: ReconnectLoop
  readonly #registered: Promise<void>
  #onRegistered: { resolve(): void; reject(error: unknown): void } | undefined
  #stream: Stream | undefined
  #isClosing = false

  constructor(
    context: ClientContext,
    procedure: string,
    handler: CallHandler,
    { reconnect, signal }: RegisterOptions,
  ) {
    this.procedure = procedure
    this.#context = context
    this.#handler = handler
    this.#loop = new ReconnectLoop(context, {
      what: `register ${procedure}`,
      reconnect,
      signal,
      attempt: (stop, onOpen) => this.#serve(stop, onOpen),
      onBroken: () => this.#broken(),
      // Most often it is our own old stream that the daemon has not given up yet.
      isPassing: (error, hasStood) =>
        isRetryable(error) || (hasStood && error.reason === 'procedure_taken'),
    })
    this.#registered = new Promise((resolve, reject) => {
      this.#onRegistered = { resolve, reject }
    })
    this.#registered.catch(() => undefined)
    this.ended = this.#loop.run().then((error) => {
      const final = error ?? new BusError('cancelled', 'cancelled', 'the registration was closed')
      this.#onRegistered?.reject(final)
      return error
    })
  }

  /**
   * Resolves when it is registered for the first time.
   * @throws BusError `deadline_exceeded/timed_out`, and it has ended then; as `client.register`
   */
  async ready(timeoutMs: number): Promise<void> {
    const text = `${this.procedure} could not be registered in time`
    const timer = this.#context.timing.after(timeoutMs, () => {
      this.#loop.stop(new BusError('deadline_exceeded', 'timed_out', text))
    })
    try {
      await this.#registered
    } finally {
      timer.cancel()
    }
  }

  /**
   * Takes no more calls, lets those under way be answered, and resolves when they are. May be called twice.
   */
  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#stream === undefined) this.#loop.stop()
    else this.#stream.withdraw()
    await this.ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #serve(signal: AbortSignal, onOpen: () => void): Promise<void> {
    const { transport } = this.#context
    if (transport.duplex === undefined) {
      throw new BusError('unimplemented', 'unsupported', 'this connection has no duplex streams')
    }
    const duplex = transport.duplex(clientServiceCalls.register, { signal })
    const stream = new Stream(duplex)
    try {
      const registration = { procedures: [this.procedure] }
      await duplex.write({ registration, answers: [], withdraw: false })
      const first = await readFirst(duplex)
      if (first === undefined) return
      onOpen()
      this.#stream = stream
      this.#onRegistered?.resolve()
      if (this.#isClosing) stream.withdraw()
      for (;;) {
        const response = await duplex.read()
        if (response === undefined) return
        for (const invocation of response.invocations) void this.#answer(stream, invocation)
        for (const { id } of response.cancellations) stream.cancel(id)
      }
    } finally {
      stream.end()
      duplex.cancel()
    }
  }

  #broken(): void {
    this.#stream = undefined
    if (this.#isClosing) this.#loop.stop()
  }

  /** Never rejects. */
  async #answer(stream: Stream, invocation: Invocation): Promise<void> {
    const { id, procedure } = invocation
    const abort = stream.begin(id)
    let outcome: CallAnswer['outcome']
    try {
      const reply = await this.#handler(new IncomingCall(invocation, abort.signal))
      outcome = { case: 'result', value: toResult(reply) }
    } catch (error) {
      outcome = toOutcome(error)
      if (!(error instanceof BusError)) this.#context.hooks.handlerFailed?.({ procedure, error })
    }
    stream.answer({ id, outcome })
  }
}

/** The calls of one Register stream, and the way of their answers. */
class Stream {
  readonly #duplex: DuplexStream<RegisterRequest, unknown>
  readonly #running = new Map<number, AbortController>()
  #answers: CallAnswer[] = []
  #mustWithdraw = false
  #isWriting = false
  #isEnded = false

  constructor(duplex: DuplexStream<RegisterRequest, unknown>) {
    this.#duplex = duplex
  }

  begin(id: number): AbortController {
    const abort = new AbortController()
    this.#running.set(id, abort)
    return abort
  }

  cancel(id: number): void {
    const abort = this.#running.get(id)
    this.#running.delete(id)
    abort?.abort()
  }

  /** Does nothing for a call that was cancelled. */
  answer(answer: CallAnswer): void {
    if (!this.#running.delete(answer.id)) return
    this.#answers.push(answer)
    this.#writeSoon()
  }

  withdraw(): void {
    this.#mustWithdraw = true
    this.#writeSoon()
  }

  /** Nobody gets answers any more. */
  end(): void {
    this.#isEnded = true
    this.#answers = []
    for (const id of this.#running.keys()) this.cancel(id)
  }

  #writeSoon(): void {
    if (this.#isWriting || this.#isEnded) return
    this.#isWriting = true
    queueMicrotask(() => void this.#writeAll())
  }

  async #writeAll(): Promise<void> {
    while (!this.#isEnded && (this.#answers.length > 0 || this.#mustWithdraw)) {
      const answers = this.#takeBatch()
      const withdraw = this.#mustWithdraw
      this.#mustWithdraw = false
      await this.#duplex.write({ registration: undefined, answers, withdraw })
    }
    this.#isWriting = false
  }

  #takeBatch(): CallAnswer[] {
    let count = 0
    let bytes = 0
    for (const { outcome } of this.#answers) {
      bytes += outcome?.case === 'refusal' ? 0 : (outcome?.value.payload.length ?? 0)
      // A larger answer goes alone.
      if (count > 0 && (count === batchAnswers || bytes > batchBytes)) break
      count += 1
    }
    return this.#answers.splice(0, count)
  }
}

async function readFirst<R>(stream: DuplexStream<RegisterRequest, R>): Promise<R | undefined> {
  try {
    return await stream.read()
  } catch (error) {
    throw isUnimplemented(error) ? unsupported('procedures', error) : error
  }
}

function toResult(reply: CallReply): { payload: Uint8Array; headers: Headers } {
  if (reply === undefined) return { payload: toPayload(''), headers: toHeaders(undefined) }
  if (typeof reply === 'string' || reply instanceof Uint8Array) {
    return { payload: toPayload(reply), headers: toHeaders(undefined) }
  }
  return { payload: toPayload(reply.payload), headers: toHeaders(reply.headers) }
}

function toOutcome(error: unknown): CallAnswer['outcome'] {
  if (error instanceof CallError) {
    const { errorName: name, message, payload, headers } = error
    return { case: 'failure', value: { name, message, payload, headers } }
  }
  if (error instanceof BusError) {
    const { code, reason, message } = error
    return { case: 'refusal', value: { code: toStatusNumber(code), reason, message } }
  }
  const message = error instanceof Error ? error.message : String(error)
  const refusal = { code: toStatusNumber('internal'), reason: 'application_error', message }
  return { case: 'refusal', value: refusal }
}
