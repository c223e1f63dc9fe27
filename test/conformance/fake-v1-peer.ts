/**
 * A peer of msgbus.v1 that says what a test makes it say: a stock gRPC server with proto-loader's codec,
 * which shares no code with ours. Without a script it is an honest node that only serves.
 */

import { join } from 'node:path'
import type { TestContext } from 'node:test'
import {
  type GrpcObject,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { LogKey } from '../../src/model/message.ts'
import type { NodeId } from '../../src/model/node-id.ts'
import { packageRoot } from '../package-root.ts'

/** A message as proto-loader takes it. */
export interface FakeMessage extends LogKey {
  readonly id: string
  readonly headId: number | string
  readonly payload: Buffer
  readonly headers: Readonly<Record<string, string>>
  readonly createdAtMs: number
  readonly deleted: boolean
}

export interface FetchAsked {
  readonly topic: string
  readonly origin: NodeId
  readonly fromHeadId: number
  readonly limit: number
}

/** What it says instead of the truth; each may be changed while it runs. */
export interface Script {
  health?: (() => object) | undefined
  heads?: (() => readonly object[]) | undefined
  /** The whole answer; `FakeError` ends it with a status, `hang` never ends it. */
  fetch?: ((asked: FetchAsked) => Iterable<object | FakeError | 'hang'> | undefined) | undefined
}

export class FakeError {
  readonly code: status
  readonly details: string

  constructor(code: status, details: string) {
    this.code = code
    this.details = details
  }
}

const definition = loadSync(join(packageRoot, 'proto/msgbus/v1/msgbus.proto'), {
  longs: Number,
  defaults: true,
})

export class FakePeer {
  readonly node: NodeId
  readonly script: Script = {}
  /** Messages by log, in the order of their heads. */
  readonly logs: { readonly key: LogKey; readonly messages: FakeMessage[] }[] = []
  readonly fetches: FetchAsked[] = []
  listings = 0
  connections = 0
  endpoint = ''
  #server: Server | undefined

  constructor(node: NodeId) {
    this.node = node
  }

  /** Listens on a port of its own until the test ends. */
  static async start(t: TestContext, node: NodeId): Promise<FakePeer> {
    const peer = new FakePeer(node)
    await peer.listen('127.0.0.1:0')
    t.after(() => peer.stop())
    return peer
  }

  async listen(address: string): Promise<void> {
    const credentials = ServerCredentials.createInsecure()
    const server = new Server({ 'grpc.max_send_message_length': -1 })
    const { msgbus } = loadPackageDefinition(definition)
    const { MsgbusService } = (msgbus as GrpcObject)['v1'] as GrpcObject
    server.addService((MsgbusService as ServiceClientConstructor).service, this.#methods())
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(address, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
    this.endpoint = `http://127.0.0.1:${port}`
    this.#server = server
  }

  stop(): void {
    this.#server?.forceShutdown()
    this.#server = undefined
  }

  /** Adds messages to a log, numbered on; answers the last head. */
  add(topic: string, count: number, more: Partial<FakeMessage> = {}): number {
    const origin = more.origin ?? this.node
    let log = this.logs.find(({ key }) => key.topic === topic && key.origin === origin)
    if (log === undefined) {
      log = { key: { topic, origin }, messages: [] }
      this.logs.push(log)
    }
    for (let i = 0; i < count; i += 1) {
      const headId = log.messages.length + 1
      log.messages.push({ ...fakeMessage(topic, origin, headId), ...more })
    }
    return log.messages.length
  }

  #methods() {
    type Answer = (error: Partial<ServiceError> | null, value?: object) => void
    return {
      health: (_call: unknown, answer: Answer) => {
        this.connections += 1
        answer(null, this.script.health?.() ?? { status: 'SERVING', node: this.node })
      },
      listHeads: (_call: unknown, answer: Answer) => {
        this.listings += 1
        const heads = this.script.heads?.() ?? this.heads()
        answer(null, { heads })
      },
      fetch: (call: ServerWritableStream<FetchAsked, object>) => {
        this.fetches.push(call.request)
        this.#fetch(call)
      },
    }
  }

  heads(): object[] {
    return this.logs.map(({ key, messages }) => ({ ...key, headId: messages.length }))
  }

  /** What an honest node answers. */
  answer({ topic, origin, fromHeadId, limit }: FetchAsked): FakeMessage[] {
    const log = this.logs.find(
      ({ key }) => key.topic === topic && JSON.stringify(key.origin) === JSON.stringify(origin),
    )
    return log?.messages.slice(fromHeadId - 1, fromHeadId - 1 + limit) ?? []
  }

  #fetch(call: ServerWritableStream<FetchAsked, object>): void {
    const scripted = this.script.fetch?.(call.request)
    for (const each of scripted ?? this.answer(call.request)) {
      if (each === 'hang') return
      if (each instanceof FakeError) {
        call.emit('error', { code: each.code, details: each.details })
        return
      }
      call.write('message' in each ? each : { message: each })
    }
    call.end()
  }
}

export function fakeMessage(topic: string, origin: NodeId, headId: number): FakeMessage {
  return {
    topic,
    origin,
    id: `${origin.deviceId} ${topic} ${headId}`,
    headId,
    payload: Buffer.from(`${topic} ${headId}`),
    headers: { n: String(headId) },
    createdAtMs: 1_000_000 + headId,
    deleted: false,
  }
}
