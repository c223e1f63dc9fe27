/**
 * A daemon whose every answer a test decides: gRPC services with the generated codec and handlers
 * given by the test. A service that is not given is not offered, so a v1-only daemon is one without
 * v2 handlers. `stop` breaks all connections at once; the same port can be served again.
 */

import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import type {
  Metadata,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  UntypedServiceImplementation,
  sendUnaryData,
} from '@grpc/grpc-js'
import * as v1 from '../../src/wire/gen/msgbus-v1.ts'
import * as v2 from '../../src/wire/gen/msgbus-v2.ts'

interface Method {
  readonly requestStream: boolean
  readonly responseStream: boolean
  readonly requestDeserialize: (bytes: Uint8Array) => unknown
  readonly responseSerialize: (message: never) => Uint8Array
}

type Request<M extends Method> = ReturnType<M['requestDeserialize']>
type Response<M extends Method> = Parameters<M['responseSerialize']>[0]

/** Fails a call. */
export class Failure extends Error {
  readonly code: status
  readonly metadata: Metadata | undefined

  constructor(code: status, message: string, metadata?: Metadata) {
    super(message)
    this.code = code
    this.metadata = metadata
  }
}

/** What a test gives for one method. */
export type Handler<M extends Method> = M['responseStream'] extends true
  ? M['requestStream'] extends true
    ? (call: ServerDuplexStream<Request<M>, Response<M>>) => void
    : (request: Request<M>, call: ServerWritableStream<Request<M>, Response<M>>) => void
  : (
      request: Request<M>,
      call: ServerUnaryCall<Request<M>, Response<M>>,
    ) => Response<M> | Promise<Response<M>>

type Handlers<S extends Record<string, Method>> = { readonly [K in keyof S]?: Handler<S[K]> }

export interface FakeServices {
  readonly v1?: Handlers<typeof v1.msgbusService>
  readonly bus?: Handlers<typeof v2.busService>
  readonly client?: Handlers<typeof v2.clientService>
  readonly queue?: Handlers<typeof v2.queueService>
  readonly admin?: Handlers<typeof v2.adminService>
}

export interface FakeDaemon {
  readonly address: string
  readonly port: number
  /** Breaks every connection and frees the port. */
  stop(): void
}

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'fake' }

const health: Handler<typeof v1.msgbusService.health> = () => ({ status: 'SERVING', node })

/** @param port 0: any free one */
export async function startFakeDaemon(services: FakeServices, port = 0): Promise<FakeDaemon> {
  const server = new Server({ 'grpc.max_receive_message_length': 4_194_304 })
  offer(server, v1.msgbusService, { health, ...services.v1 })
  if (services.bus) offer(server, v2.busService, services.bus)
  if (services.client) offer(server, v2.clientService, services.client)
  if (services.queue) offer(server, v2.queueService, services.queue)
  if (services.admin) offer(server, v2.adminService, services.admin)
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, chosen) =>
      error === null ? resolve(chosen) : reject(error),
    )
  })
  return { address: `127.0.0.1:${bound}`, port: bound, stop: () => server.forceShutdown() }
}

function offer(server: Server, service: Record<string, Method>, handlers: object): void {
  const implementation: UntypedServiceImplementation = {}
  for (const [name, handler] of Object.entries(handlers) as [string, Handler<Method>][]) {
    const method = service[name]
    if (method !== undefined) implementation[name] = adapt(method, handler)
  }
  // The library wants Buffers; the generated codec makes them on Node.js.
  server.addService(service as unknown as ServiceDefinition, implementation)
}

function adapt(method: Method, handler: unknown): UntypedServiceImplementation[string] {
  const plain = handler as (request: unknown, call: unknown) => unknown
  if (method.requestStream) return handler as UntypedServiceImplementation[string]
  if (method.responseStream) {
    return (call: ServerWritableStream<unknown, unknown>) => {
      try {
        plain(call.request, call)
      } catch (error) {
        call.emit('error', error)
      }
    }
  }
  return (call: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>) => {
    Promise.resolve()
      .then(() => plain(call.request, call))
      .then(
        (response) => done(null, response),
        (error: Error) => done(error),
      )
  }
}
