/**
 * A msgbus.v1 client that shares no code with the daemon: the stock codec of proto-loader on
 * grpc-js. Numbers come as JavaScript numbers, absent fields as their defaults.
 */

import { join } from 'node:path'
import {
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { packageRoot } from '../../src/daemon/version.ts'
import { cleanUp, type Scope } from './clean-up.ts'

export interface Envelope {
  readonly id: string
  readonly topic: string
  readonly head_id: number
  readonly payload: Buffer
  readonly deleted: boolean
}

export interface FifoMessage {
  readonly id: string
  readonly sequence: number
  readonly attempts: number
}

export interface V1Client {
  /** A unary RPC by its name in the contract. Rejects with the ServiceError of grpc-js. */
  call<Answer>(rpc: string, request?: object): Promise<Answer>
  /** A server stream; the caller cancels it. */
  open(rpc: string, request?: object): ClientReadableStream<{ readonly message: Envelope }>
  /** A server stream to its end. */
  collect(rpc: string, request?: object): Promise<Envelope[]>
  close(): void
}

const definition = loadSync(join(packageRoot, 'proto/msgbus/v1/msgbus.proto'), {
  keepCase: true,
  longs: Number,
  defaults: true,
})

/** Closed after the test. */
export function connectV1(
  t: Scope,
  address: string,
  channel: ChannelCredentials = credentials.createInsecure(),
): V1Client {
  const { msgbus } = loadPackageDefinition(definition)
  const { MsgbusService } = (msgbus as GrpcObject)['v1'] as GrpcObject
  const client = new (MsgbusService as ServiceClientConstructor)(address, channel)
  cleanUp(t, () => client.close())
  const method = (rpc: string) => {
    const found: unknown = client[rpc]
    if (typeof found !== 'function') throw new Error(`${rpc} is not in the contract`)
    return found.bind(client) as (...args: unknown[]) => unknown
  }
  const open = (rpc: string, request: object = {}) =>
    method(rpc)(request) as ReturnType<V1Client['open']>
  return {
    call: (rpc, request = {}) =>
      new Promise((resolve, reject) => {
        method(rpc)(request, (error: ServiceError | null, answer: unknown) => {
          if (error === null) resolve(answer as never)
          else reject(error)
        })
      }),
    open,
    async collect(rpc, request) {
      const messages: Envelope[] = []
      for await (const { message } of open(rpc, request) as AsyncIterable<{ message: Envelope }>) {
        messages.push(message)
      }
      return messages
    },
    close: () => Client.prototype.close.call(client),
  }
}
