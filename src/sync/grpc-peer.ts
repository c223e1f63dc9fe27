/**
 * A msgbus.v1 peer over gRPC: one HTTP/2 connection, our own codec, and reads that ask for exactly one
 * message, so that flow control reaches the peer message by message.
 *
 * The channel's own reconnecting is kept out: a connection that broke is over, and when to make a fresh
 * one is decided in one place (peer-link.ts). Sizes are checked here, on the bytes, before anything is
 * built from them.
 */

import type { Socket } from 'node:net'
import {
  Channel,
  type ChannelCredentials,
  connectivityState,
  Metadata,
  status,
} from '@grpc/grpc-js'
import { ProtoDecodeError, ProtoReader } from '../base/proto-reader.ts'
import { BusError, busErrorCodes, ProtocolError } from '../model/errors.ts'
import {
  type FetchRequest,
  type HealthResponse,
  type MessageEnvelope,
  msgbusService,
  type TopicHead,
} from '../wire/gen/msgbus-v1.ts'
import { proxyCredentials } from './http-proxy.ts'
import { offeredLogsMost } from './peer-claims.ts'
import type { FrameStream } from '../net/frame-stream.ts'
import { linkService } from '../wire/gen/msgbus-link.ts'
import { GrpcFrameStream } from './grpc-frame-stream.ts'
import type { V1Fetch, V1Peer } from './v1-port.ts'

export interface GrpcPeerOptions {
  /** `host:port`, an IPv6 address in brackets. */
  readonly address: string
  /** Made for this connection alone. */
  readonly credentials: ChannelCredentials
  /** Name to verify instead of the host of the address. */
  readonly serverName: string | undefined
  /** Larger messages are not taken (`limits.envelopeBytes`). */
  readonly envelopeBytes: number
  /** Through which the connection is made. */
  readonly proxy?: URL | undefined
  /** Metadata `authorization` of every call. */
  readonly authorization?: string | undefined
}

/** Of ListHeads, which has no pages: 250,000 logs with names of 100 bytes; also what one hostile answer can take. */
const answerBytesMost = 33_554_432
/** Per stream; read ahead by the connection while a group is being stored. */
const windowBytes = 1_048_576

type Call = ReturnType<Channel['createCall']>

const healthCall = msgbusService.health

/** @throws BusError `unavailable/connection_lost` when there is no connection to be had */
export async function dialGrpcPeer(options: GrpcPeerOptions, signal: AbortSignal): Promise<V1Peer> {
  const { address, credentials, serverName, proxy, authorization } = options
  const sockets = new Set<Socket>()
  holdSockets(credentials, sockets)
  const channel = new Channel(
    `dns:${proxy === undefined ? address : proxyAddress(proxy)}`,
    credentials,
    {
      'grpc.max_receive_message_length': Math.max(answerBytesMost, options.envelopeBytes),
      'grpc.max_send_message_length': -1,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.enable_retries': 0,
      'grpc.enable_channelz': 0,
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc-node.flow_control_window': windowBytes,
      ...(serverName === undefined
        ? {}
        : {
            'grpc.ssl_target_name_override': serverName,
            'grpc.default_authority': serverName,
          }),
      ...(proxy === undefined ? {} : throughProxy(proxy, address, serverName)),
    },
  )
  const metadata = new Metadata()
  if (authorization !== undefined) metadata.set('authorization', authorization)
  const peer = new GrpcPeer(channel, sockets, options.envelopeBytes, metadata)
  const close = (): void => peer.close()
  signal.addEventListener('abort', close)
  try {
    if (signal.aborted) throw lost('given up')
    await peer.connected()
    return peer
  } catch (error) {
    peer.close()
    throw error
  } finally {
    signal.removeEventListener('abort', close)
  }
}

/** @throws BusError: grpc-js speaks to proxies without TLS only */
function proxyAddress({ protocol, host, hostname, port }: URL): string {
  if (protocol === 'http:') return port === '' ? `${hostname}:80` : host
  const text = `the proxy ${host} is reached by https, which gRPC cannot; use a wss:// endpoint`
  throw new BusError('failed_precondition', 'bad_config', text)
}

/** What makes grpc-js ask the proxy for a tunnel; the name of the server stays that of the peer. */
function throughProxy(proxy: URL, address: string, serverName: string | undefined) {
  const credentials = proxyCredentials(proxy)
  return {
    'grpc.http_connect_target': `dns:${address}`,
    ...(credentials === undefined ? {} : { 'grpc.http_connect_creds': credentials }),
    ...(serverName === undefined ? { 'grpc.default_authority': address } : {}),
  }
}

class GrpcPeer implements V1Peer {
  readonly #channel: Channel
  readonly #sockets: ReadonlySet<Socket>
  readonly #envelopeBytes: number
  readonly #metadata: Metadata
  readonly #calls = new Set<{ cancel(): void }>()
  #isClosed = false
  /** The bytes of the last list. */
  #listed: Buffer | undefined

  constructor(
    channel: Channel,
    sockets: ReadonlySet<Socket>,
    envelopeBytes: number,
    metadata: Metadata,
  ) {
    this.#channel = channel
    this.#sockets = sockets
    this.#envelopeBytes = envelopeBytes
    this.#metadata = metadata
  }

  /** Resolves once the connection stands. @throws BusError `unavailable` that says why it does not */
  async connected(): Promise<void> {
    for (;;) {
      // A closed channel that is asked to connect does so.
      if (this.#isClosed) throw lost('given up')
      const state = this.#channel.getConnectivityState(true)
      if (state === connectivityState.READY) return
      // A state says nothing of the reason; a call fails with it.
      if (state === connectivityState.TRANSIENT_FAILURE) throw await this.#whyNot()
      else {
        await new Promise<void>((resolve) => {
          this.#channel.watchConnectivityState(state, Infinity, () => resolve())
        })
      }
    }
  }

  async health(): Promise<HealthResponse> {
    const bytes = await this.#unary(healthCall.path, healthCall.requestSerialize({}))
    return decode(healthCall.path, () => healthCall.responseDeserialize(bytes))
  }

  async listHeads(): Promise<readonly TopicHead[] | undefined> {
    const { path, requestSerialize, responseDeserialize } = msgbusService.listHeads
    const bytes = await this.#unary(path, requestSerialize({}))
    if (this.#listed?.equals(bytes) === true) return undefined
    const { heads } = decode(path, () => {
      checkCount(bytes)
      return responseDeserialize(bytes)
    })
    this.#listed = bytes
    return heads
  }

  fetch(request: FetchRequest): V1Fetch {
    const { path, requestSerialize, responseDeserialize } = msgbusService.fetch
    const envelopeBytes = this.#envelopeBytes
    const call = this.#start(path, requestSerialize(request))
    return {
      read: async (): Promise<MessageEnvelope | null | undefined> => {
        const bytes = await call.read()
        if (bytes === undefined) return undefined
        if (bytes.length > envelopeBytes) {
          const text = `a message takes ${bytes.length} bytes, limits.envelopeBytes is ${envelopeBytes}`
          throw new BusError('resource_exhausted', 'payload_too_large', text)
        }
        return decode(path, () => responseDeserialize(bytes)).message ?? null
      },
      cancel: () => call.cancel(),
    }
  }

  openLink(): FrameStream {
    const isThere = this.#channel.getConnectivityState(false) === connectivityState.READY
    if (!isThere || this.#isClosed) throw lost('the connection was closed')
    const { path } = linkService.connect
    const call = this.#channel.createCall(path, Infinity, undefined, null, undefined)
    const toError = (error: [status, string]) => statusError(...error, path)
    const stream = new GrpcFrameStream(call, this.#metadata.clone(), toError, () => this.close())
    this.#calls.add(stream)
    return stream
  }

  close(): void {
    this.#isClosed = true
    for (const call of this.#calls) call.cancel()
    this.#channel.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  /** How a call fails when there is no connection. */
  async #whyNot(): Promise<BusError> {
    try {
      await this.#begin(healthCall.path, healthCall.requestSerialize({})).read()
    } catch (error) {
      if (error instanceof BusError) return error
      throw error
    }
    return lost('the connection does not stand')
  }

  async #unary(path: string, request: Uint8Array): Promise<Buffer> {
    const call = this.#start(path, request)
    const bytes = await call.read()
    if (bytes === undefined) throw new ProtocolError(`${path} was answered with nothing`)
    // The status comes last, and decides.
    const more = await call.read()
    if (more !== undefined) {
      call.cancel()
      throw new ProtocolError(`${path} was answered twice`)
    }
    return bytes
  }

  #start(path: string, request: Uint8Array): PulledCall {
    // Without this the channel would connect again by itself, to whoever listens there now.
    const isThere = this.#channel.getConnectivityState(false) === connectivityState.READY
    if (!isThere || this.#isClosed) throw lost('the connection was closed')
    return this.#begin(path, request)
  }

  #begin(path: string, request: Uint8Array): PulledCall {
    const call = this.#channel.createCall(path, Infinity, undefined, null, undefined)
    const pulled = new PulledCall(call, path, () => this.#calls.delete(pulled))
    this.#calls.add(pulled)
    pulled.start(request, this.#metadata.clone())
    return pulled
  }
}

/**
 * Remembers the sockets that a channel opens. Closing a channel only says goodbye on them, and waits for
 * a peer that may be silent for ever: without this each attempt to reach such a peer would cost a socket.
 */
function holdSockets(credentials: ChannelCredentials, sockets: Set<Socket>): void {
  // The one place where a channel lets others see its sockets; the version of the package is exact.
  // oxlint-disable-next-line no-underscore-dangle
  const create = credentials._createSecureConnector.bind(credentials)
  // oxlint-disable-next-line no-underscore-dangle
  credentials._createSecureConnector = (...args) => {
    const connector = create(...args)
    return {
      connect: (socket) => {
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
        return connector.connect(socket)
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    }
  }
}

/** One call whose answers are asked for one by one, as bytes. */
class PulledCall {
  readonly #call: Call
  readonly #path: string
  readonly #onEnd: () => void
  #reader: { resolve(bytes: Buffer | undefined): void; reject(error: Error): void } | undefined
  #ended: { readonly error: BusError | undefined } | undefined

  constructor(call: Call, path: string, onEnd: () => void) {
    this.#call = call
    this.#path = path
    this.#onEnd = onEnd
  }

  start(request: Uint8Array, metadata: Metadata): void {
    this.#call.start(metadata, {
      onReceiveMetadata: () => undefined,
      onReceiveMessage: (bytes: Buffer) => {
        const reader = this.#reader
        this.#reader = undefined
        reader?.resolve(bytes)
      },
      onReceiveStatus: ({ code, details }) => {
        this.#end(code === status.OK ? undefined : statusError(code, details, this.#path))
      },
    })
    const message = Buffer.from(request.buffer, request.byteOffset, request.byteLength)
    this.#call.sendMessageWithContext({ callback: () => this.#call.halfClose() }, message)
  }

  read(): Promise<Buffer | undefined> {
    if (this.#ended !== undefined) {
      const { error } = this.#ended
      return error === undefined ? Promise.resolve(undefined) : Promise.reject(error)
    }
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      this.#call.startRead()
    })
  }

  cancel(): void {
    if (this.#ended !== undefined) return
    this.#call.cancelWithStatus(status.CANCELLED, 'not wanted any more')
    this.#end(new BusError('cancelled', 'cancelled', `${this.#path} was cancelled`))
  }

  #end(error: BusError | undefined): void {
    if (this.#ended !== undefined) return
    this.#ended = { error }
    this.#onEnd()
    const reader = this.#reader
    this.#reader = undefined
    if (error === undefined) reader?.resolve(undefined)
    else reader?.reject(error)
  }
}

/** Counts the logs of a ListHeads answer before an object is made for each. @throws BusError, ProtoDecodeError */
function checkCount(bytes: Uint8Array): void {
  const reader = new ProtoReader(bytes)
  let count = 0
  while (reader.position < bytes.length) {
    reader.skip(reader.tag(), bytes.length)
    count += 1
  }
  if (count <= offeredLogsMost) return
  const text = `the peer lists ${count} logs, the limit is ${offeredLogsMost}`
  throw new BusError('resource_exhausted', 'quota_exceeded', text)
}

/** @throws ProtocolError when the bytes are not what the contract says */
function decode<T>(path: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    if (!(cause instanceof ProtoDecodeError)) throw cause
    throw new ProtocolError(`the answer to ${path} cannot be decoded: ${cause.message}`, { cause })
  }
}

function statusError(code: status, details: string, path: string): BusError {
  if (code === status.UNAVAILABLE) return lost(details)
  const method = path.slice(path.lastIndexOf('/') + 1)
  const text = `${method} failed with ${status[code]}: ${details}`
  return new BusError(busErrorCodes[code - 1] ?? 'unknown', 'peer_refused', text)
}

function lost(details: string): BusError {
  return new BusError('unavailable', 'connection_lost', `no connection: ${details}`)
}
