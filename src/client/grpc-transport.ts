/**
 * The transport for Node.js: gRPC over HTTP/2 with @grpc/grpc-js. It works on the library's channel
 * and call objects instead of its client classes: a read asks for exactly one message, so flow
 * control reaches the daemon message by message, and a unary call costs neither event emitters nor
 * captured stacks.
 *
 * The channel's own reconnecting is kept out of the way: when the channel is in a failed state the
 * next call gets a fresh one, so it tries at once, and how often to try is decided in one place
 * (reconnect-delay.ts).
 */

import { Channel, ChannelCredentials, Metadata, connectivityState, status } from '@grpc/grpc-js'
import type { ChannelOptions } from '@grpc/grpc-js'
import { BusError, toBusError } from '../model/errors.ts'
import { onAbort } from './abort-listeners.ts'
import { authorizationOf, type LoginOptions } from './login.ts'
import { toErrorCode, toErrorReason } from './status-code.ts'
import { formatTarget, parseTarget } from './target.ts'
import type { Target } from './target.ts'
import {
  abortedError,
  closedError,
  decodeResponse,
  encodeRequest,
  missingResponse,
  timedOutError,
} from './transport-errors.ts'
import type { CallOptions, DuplexStream, ResponseStream, Rpc, Transport } from './transport.ts'

/** PEM material as text or bytes. */
export interface ClientTlsOptions {
  /** Authorities to trust; default: those of Node.js. */
  readonly ca?: string | Uint8Array | undefined
  /** Client certificate, for daemons that ask for one; together with `key`. */
  readonly cert?: string | Uint8Array | undefined
  readonly key?: string | Uint8Array | undefined
  /** Name to verify instead of the host of the target. */
  readonly serverName?: string | undefined
}

/** Who the client is; without TLS it goes over the network in clear. */
export interface GrpcTransportOptions extends LoginOptions {
  /** TLS; `true` for the usual authorities. `https://` targets use TLS without it. */
  readonly tls?: ClientTlsOptions | boolean | undefined
  /** Largest response taken, bytes; default 256 MiB, since a daemon may allow large messages. */
  readonly maxResponseBytes?: number | undefined
  /** A connection silent for so long is probed, milliseconds; default 30,000. */
  readonly keepAliveMs?: number | undefined
}

type Call = ReturnType<Channel['createCall']>

interface FinalStatus {
  readonly code: status
  readonly details: string
  readonly metadata: Metadata
}

/** Per stream; larger than a batch, so that the daemon need not wait for the reader's every step. */
const flowControlWindowBytes = 1_048_576

export function createGrpcTransport(target: string, options: GrpcTransportOptions = {}): Transport {
  return new GrpcTransport(target, options)
}

class GrpcTransport implements Transport {
  readonly target: string
  readonly #address: string
  readonly #credentials: ChannelCredentials
  readonly #options: ChannelOptions
  readonly #authorization: string | undefined
  readonly #calls = new Set<GrpcCall<unknown>>()
  #channel: Channel | undefined
  readonly #stop = new AbortController()

  constructor(target: string, options: GrpcTransportOptions) {
    const parsed = parseTarget(target)
    const tls = options.tls === undefined || options.tls === false ? parsed.tls : options.tls
    if (options.tls === false && parsed.tls) {
      throw new BusError(
        'invalid_argument',
        'bad_argument',
        `${target} asks for TLS, the options forbid it`,
      )
    }
    this.target = target
    this.#authorization = authorizationOf(options)
    this.#address = grpcAddress(parsed)
    this.#credentials =
      tls === false ? ChannelCredentials.createInsecure() : sslCredentials(tls === true ? {} : tls)
    const serverName = typeof tls === 'object' ? tls.serverName : undefined
    this.#options = {
      'grpc.max_receive_message_length': options.maxResponseBytes ?? 268_435_456,
      'grpc.max_send_message_length': -1,
      'grpc.keepalive_time_ms': options.keepAliveMs ?? 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      // Retrying is decided above, where it is known what may be repeated.
      'grpc.enable_retries': 0,
      'grpc.enable_channelz': 0,
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      // A pool of its own: no other channel's back-off applies to this one.
      'grpc.use_local_subchannel_pool': 1,
      'grpc-node.flow_control_window': flowControlWindowBytes,
      ...(serverName === undefined
        ? {}
        : {
            'grpc.ssl_target_name_override': serverName,
            'grpc.default_authority': serverName,
          }),
    }
  }

  get closed(): AbortSignal {
    return this.#stop.signal
  }

  unary<Q, R>(rpc: Rpc<Q, R>, request: Q, options: CallOptions): Promise<R> {
    return new Promise((resolve, reject) => {
      const bytes = encodeRequest(rpc, request)
      let response: R | undefined
      const call = this.#start<R>(rpc, options, {
        onMessage: (message) => {
          response = message
        },
        onEnd: (error) => {
          if (error !== undefined) reject(error)
          else if (response === undefined) reject(missingResponse(rpc.path))
          else resolve(response)
        },
      })
      if (call === undefined) return
      call.pull()
      call.send(bytes, () => call.halfClose())
    })
  }

  stream<Q, R>(rpc: Rpc<Q, R>, request: Q, options: CallOptions): ResponseStream<R> {
    const bytes = encodeRequest(rpc, request)
    const stream = new PulledStream<Q, R>(rpc)
    stream.call = this.#start<R>(rpc, options, stream)
    stream.call?.send(bytes, () => stream.call?.halfClose())
    return stream
  }

  duplex<Q, R>(rpc: Rpc<Q, R>, options: CallOptions): DuplexStream<Q, R> {
    const stream = new PulledStream<Q, R>(rpc)
    stream.call = this.#start<R>(rpc, options, stream)
    return stream
  }

  close(): void {
    this.#stop.abort()
    for (const call of this.#calls) call.cancel()
    this.#channel?.close()
    this.#channel = undefined
  }

  /** Undefined when the call failed before it began; the receiver was told. */
  #start<R>(
    rpc: Rpc<never, R>,
    options: CallOptions,
    receiver: Receiver<R>,
  ): GrpcCall<R> | undefined {
    const { signal, timeoutMs } = options
    if (this.#stop.signal.aborted) {
      receiver.onEnd(closedError())
      return undefined
    }
    if (signal?.aborted === true) {
      receiver.onEnd(abortedError(signal))
      return undefined
    }
    const deadline = timeoutMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs
    const call = new GrpcCall<R>({
      call: this.#liveChannel().createCall(rpc.path, deadline, undefined, null, undefined),
      rpc,
      target: this.target,
      signal,
      receiver,
      onEnd: () => this.#calls.delete(call),
    })
    this.#calls.add(call)
    const authorization = this.#authorization
    const metadata =
      authorization === undefined ? options.metadata : { ...options.metadata, authorization }
    call.start(metadata, options.onOpen)
    return call
  }

  #liveChannel(): Channel {
    const channel = this.#channel
    if (channel !== undefined) {
      if (channel.getConnectivityState(false) !== connectivityState.TRANSIENT_FAILURE)
        return channel
      channel.close()
    }
    this.#channel = new Channel(this.#address, this.#credentials, this.#options)
    return this.#channel
  }
}

interface Receiver<R> {
  onMessage(message: R): void
  /** Called once, last. */
  onEnd(error: BusError | undefined): void
}

interface GrpcCallOptions<R> {
  readonly call: Call
  readonly rpc: Rpc<never, R>
  readonly target: string
  readonly signal: AbortSignal | undefined
  readonly receiver: Receiver<R>
  readonly onEnd: () => void
}

/** One call: decodes, watches the signal, and turns the final status into an error. */
class GrpcCall<R> {
  readonly #options: GrpcCallOptions<R>
  #unlisten: (() => void) | undefined
  #ended = false

  constructor(options: GrpcCallOptions<R>) {
    this.#options = options
  }

  start(entries: CallOptions['metadata'], onOpen: CallOptions['onOpen']): void {
    const metadata = new Metadata()
    if (entries !== undefined) {
      for (const key of Object.keys(entries)) metadata.set(key, entries[key] ?? '')
    }
    this.#options.call.start(metadata, {
      onReceiveMetadata: () => onOpen?.(),
      onReceiveMessage: (bytes: Buffer) => this.#onMessage(bytes),
      onReceiveStatus: (final) => this.#onStatus(final),
    })
    this.#unlisten = onAbort(this.#options.signal, () => {
      this.#options.call.cancelWithStatus(status.CANCELLED, 'aborted')
    })
  }

  /** Asks for one more message. */
  pull(): void {
    if (!this.#ended) this.#options.call.startRead()
  }

  /** One at a time: the library holds only one message until the call has found its connection. */
  send(bytes: Uint8Array, onSent: () => void): void {
    if (this.#ended) return onSent()
    const message = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#options.call.sendMessageWithContext({ callback: onSent }, message)
  }

  halfClose(): void {
    if (!this.#ended) this.#options.call.halfClose()
  }

  cancel(): void {
    if (!this.#ended)
      this.#options.call.cancelWithStatus(status.CANCELLED, 'cancelled by the client')
  }

  #onMessage(bytes: Buffer): void {
    if (this.#ended) return
    let message: R
    try {
      const { rpc, target } = this.#options
      message = decodeResponse(rpc, bytes, target)
    } catch (error) {
      this.#end(toBusError(error))
      this.#options.call.cancelWithStatus(status.CANCELLED, 'undecodable answer')
      return
    }
    this.#options.receiver.onMessage(message)
  }

  #onStatus(final: FinalStatus): void {
    const { signal, target, rpc } = this.#options
    if (final.code === status.OK) this.#end(undefined)
    else if (final.code === status.CANCELLED && signal?.aborted) this.#end(abortedError(signal))
    else this.#end(fromStatus(final, target, rpc.path))
  }

  #end(error: BusError | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#unlisten?.()
    this.#options.onEnd()
    this.#options.receiver.onEnd(error)
  }
}

/** Turns what a call receives into reads. */
class PulledStream<Q, R> implements DuplexStream<Q, R>, Receiver<R> {
  readonly #rpc: Rpc<Q, R>
  call: GrpcCall<R> | undefined
  #reader: { resolve(message: R | undefined): void; reject(error: BusError): void } | undefined
  #writer: (() => void) | undefined
  #ended: { readonly error: BusError | undefined } | undefined

  constructor(rpc: Rpc<Q, R>) {
    this.#rpc = rpc
  }

  read(): Promise<R | undefined> {
    if (this.#ended !== undefined) {
      const { error } = this.#ended
      return error === undefined ? Promise.resolve(undefined) : Promise.reject(error)
    }
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      this.call?.pull()
    })
  }

  write(request: Q): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended !== undefined || this.call === undefined) return resolve()
      // A stream that ends answers no write any more.
      this.#writer = resolve
      this.call.send(encodeRequest(this.#rpc, request), resolve)
    })
  }

  end(): void {
    this.call?.halfClose()
  }

  cancel(): void {
    this.call?.cancel()
  }

  onMessage(message: R): void {
    const reader = this.#reader
    this.#reader = undefined
    reader?.resolve(message)
  }

  onEnd(error: BusError | undefined): void {
    this.#ended = { error }
    this.#writer?.()
    const reader = this.#reader
    this.#reader = undefined
    if (error === undefined) reader?.resolve(undefined)
    else reader?.reject(error)
  }
}

function grpcAddress(target: Target): string {
  return target.socketPath === undefined
    ? `dns:${formatTarget(target)}`
    : `unix:${target.socketPath}`
}

function sslCredentials(tls: ClientTlsOptions): ChannelCredentials {
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new BusError(
      'invalid_argument',
      'bad_argument',
      'TLS certificate and key belong together',
    )
  }
  return ChannelCredentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert))
}

function pem(material: string | Uint8Array | undefined): Buffer | null {
  return material === undefined ? null : Buffer.from(material as Uint8Array)
}

function fromStatus(final: FinalStatus, target: string, path: string): BusError {
  const code = toErrorCode(final.code)
  const word = final.metadata.get('msgbus-reason')[0]
  const reason = toErrorReason(code, typeof word === 'string' ? word : undefined)
  const cause = Object.assign(
    new Error(`${final.code} ${status[final.code]}: ${final.details}`),
    final,
  )
  if (code === 'unavailable' && word === undefined) {
    return new BusError(code, reason, unreachable(target, final.details), { cause })
  }
  if (code === 'deadline_exceeded') {
    return timedOutError(target, path, cause)
  }
  return new BusError(code, reason, final.details, { cause })
}

/** What happened and what to do, from the words of the network stack. */
function unreachable(target: string, details: string): string {
  if (details.includes('ECONNREFUSED') || details.includes('ENOENT')) {
    return `nothing listens at ${target}: start msgbusd, or name the address it printed at its start`
  }
  if (details.includes('ENOTFOUND') || details.includes('Name resolution failed')) {
    return `the host of ${target} is not known: check the address`
  }
  if (/certificate|self-signed|altnames|ssl|tls|EPROTO/i.test(details)) {
    return `no TLS connection to ${target}: ${details}`
  }
  return `the connection to ${target} failed: ${details}`
}
