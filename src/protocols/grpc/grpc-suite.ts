/**
 * What the gRPC suites stand on: a bus with a store, the adapter on a port of its own, and clients
 * that share no code with ours: grpc-js with proto-loader's codec, or bare HTTP/2.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client, credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js'
import type {
  CallOptions,
  ChannelCredentials,
  ClientDuplexStream,
  ClientOptions,
  ClientReadableStream,
  ServiceError,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/logger.ts'
import type { LogStore, LogStoreOptions } from '../../core/log-store.ts'
import { MsgBus, type MsgBusOptions } from '../../core/msg-bus.ts'
import { defaultLimits, type Limits } from '../../model/limits.ts'
import { openMemoryLogStore } from '../../stores/memory/memory-log-store.ts'
import type { AdapterContext, ProtocolAdapter, ServerTls } from '../adapter.ts'
import { grpcSettings, startGrpcAdapter } from './index.ts'

export const testNode = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }

export type OpenStore = (options: LogStoreOptions) => Promise<LogStore>

export interface TestDaemonOptions {
  readonly open?: OpenStore
  readonly limits?: Partial<Limits>
  readonly tls?: ServerTls
  /** In the grammar of `--listen`. */
  readonly listen?: string
  /** Holds the store; the caller removes it. Default: one of its own, removed by `stop`. */
  readonly folder?: string
  /** False: the bus has no store until `attach` is called. */
  readonly isAttached?: boolean
  readonly bus?: Partial<MsgBusOptions>
  readonly settings?: Record<string, unknown>
  readonly context?: Partial<AdapterContext>
  readonly store?: Partial<LogStoreOptions>
}

export interface TestDaemon {
  readonly bus: MsgBus
  readonly store: LogStore
  readonly adapter: ProtocolAdapter
  /** `127.0.0.1:port`. */
  readonly address: string
  readonly folder: string
  attach(): void
  /** A new channel to the daemon; `stop` closes it. */
  connect(service: string, options?: ClientOptions, secure?: ChannelCredentials): TestClient
  /** Stops the adapter as the daemon does. */
  shutdown(graceMs: number): Promise<void>
  /** Closes everything; may follow `shutdown`. */
  stop(): Promise<void>
}

export async function startTestDaemon(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'msgbus-grpc-')))
  const limits = { ...defaultLimits, ...options.limits }
  const { publishIdWindowMs, publishIdCount } = limits
  const open = options.open ?? openMemoryLogStore
  const store = await open({
    folder,
    node: testNode,
    durability: 'os',
    clock: systemClock,
    logger: silentLogger,
    publishIdWindowMs,
    publishIdCount,
    ...options.store,
  })
  const bus = new MsgBus({
    node: testNode,
    limits,
    clock: systemClock,
    logger: silentLogger,
    ...options.bus,
  })
  if (options.isAttached !== false) bus.attach(store)
  const settings = grpcSettings.parse({ listen: '127.0.0.1:0', ...options.settings })
  const context: AdapterContext = {
    bus,
    logger: silentLogger,
    version: '0.0.0-test',
    tls: options.tls,
    metricsText: async () => 'msgbus_up 1\n',
    ...options.context,
  }
  const adapter = await startGrpcAdapter(context, settings)
  const address = adapter.listeners[0]?.address ?? ''
  const clients: TestClient[] = []
  const shutdown = async (graceMs: number) => {
    await bus.shutdown()
    await adapter.stop(graceMs)
  }
  return {
    bus,
    store,
    adapter,
    address,
    folder,
    attach: () => bus.attach(store),
    connect: (service, clientOptions, secure) => {
      const client = new TestClient(service, address, clientOptions, secure)
      clients.push(client)
      return client
    },
    shutdown,
    stop: async () => {
      for (const client of clients) client.close()
      await shutdown(0)
      await store.close()
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}

function packageRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : packageRoot(dirname(folder))
}

const definition = loadSync(['msgbus/v1/msgbus.proto', 'msgbus/v2/msgbus.proto'], {
  includeDirs: [join(packageRoot(import.meta.dirname), 'proto')],
  longs: Number,
  defaults: true,
  oneofs: true,
})
loadPackageDefinition(definition)

/** Plain objects as proto-loader makes them, typed loosely: tests state what they expect. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Plain = any

/** Calls methods by name, with promises. */
export class TestClient {
  readonly #client: Client
  readonly #service: Record<string, Plain>

  constructor(
    service: string,
    address: string,
    options: ClientOptions = {},
    secure: ChannelCredentials = credentials.createInsecure(),
  ) {
    const ownConnection = { 'grpc.use_local_subchannel_pool': 1 }
    this.#client = new Client(address, secure, { ...ownConnection, ...options })
    this.#service = definition[service] as Record<string, Plain>
  }

  async call(
    method: string,
    request: object = {},
    metadata: Readonly<Record<string, string>> = {},
    options: CallOptions = {},
    signal?: AbortSignal,
  ): Promise<Plain> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        toMetadata(metadata),
        options,
        (error, response) => (error ? reject(error) : resolve(response)),
      )
      signal?.addEventListener('abort', () => call.cancel())
    })
  }

  stream(
    method: string,
    request: object = {},
    metadata: Readonly<Record<string, string>> = {},
    options: CallOptions = {},
  ): TestStream {
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    return new TestStream(
      this.#client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        toMetadata(metadata),
        options,
      ),
    )
  }

  /** All responses of a streaming method that ends by itself. */
  async collect(
    method: string,
    request: object = {},
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<Plain[]> {
    const responses: Plain[] = []
    for await (const response of this.stream(method, request, metadata).call) {
      responses.push(response)
    }
    return responses
  }

  duplex(method: string): ClientDuplexStream<object, Plain> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    return this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
  }

  close(): void {
    this.#client.close()
  }

  #method(name: string): Plain {
    const method: unknown = this.#service[name]
    if (method === undefined) throw new Error(`no method ${name}`)
    return method
  }
}

/** One server stream, read one response at a time: what nobody reads stays in the transport. */
export class TestStream {
  readonly call: ClientReadableStream<Plain>
  readonly #responses: AsyncIterator<Plain>
  /** How the call ended; never rejects. */
  readonly status: Promise<ServiceError | undefined>

  constructor(call: ClientReadableStream<Plain>) {
    this.call = call
    this.status = new Promise((resolve) => {
      call.on('error', (error: ServiceError) => resolve(error))
      call.on('status', ({ code }: { code: number }) => {
        if (code === 0) resolve(undefined)
      })
    })
    this.#responses = call[Symbol.asyncIterator]()
  }

  /** The next response. @throws when there is none */
  async next(): Promise<Plain> {
    const { done, value } = await this.#responses.next()
    if (done === true) throw new Error('the stream has ended')
    return value
  }

  async take(count: number): Promise<Plain[]> {
    const responses: Plain[] = []
    while (responses.length < count) responses.push(await this.next())
    return responses
  }

  cancel(): void {
    this.call.cancel()
  }
}

function toMetadata(entries: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata()
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value)
  return metadata
}

/** What a call that must fail failed with. */
export async function failure(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call
  } catch (error) {
    return error as ServiceError
  }
  throw new Error('the call succeeded')
}

/** A store with some of its methods replaced, for what real ones do only on bad days. */
export function withMethods(store: LogStore, methods: Partial<LogStore>): LogStore {
  return new Proxy(store, {
    get: (target, key) => {
      const own: unknown = Reflect.get(key in methods ? methods : target, key)
      return typeof own === 'function' && !(key in methods) ? own.bind(target) : own
    },
  })
}

/** Resolves when `isTrue` holds; looks once per turn of the event loop. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve))
}
