/**
 * What msgbusd stores, read over BUS/RT: methods of `.broker` that other brokers do not have; there they
 * fail with `unimplemented/no_such_procedure`. For everything else that can be done with stored messages
 * there is the main client of this package.
 */

import type { Headers } from '../../model/message.ts'
import type { NodeId } from '../../model/node-id.ts'
import type { LogInfo } from '../daemon-info.ts'
import { toWireHead } from '../head-id.ts'
import type { HeadIdInput } from '../head-id.ts'
import { AnswerMap } from './answer-map.ts'
import type { BusrtRpc } from './busrt-rpc.ts'
import type { OperationOptions } from './connection.ts'

/** A message as the log has it. */
export interface StoredMessage {
  readonly topic: string
  /** The daemon that first stored it. */
  readonly origin: NodeId
  /** Place in the log of this topic and origin: 1, 2, 3 … */
  readonly headId: bigint
  /** Place in the commit order of the asked daemon. */
  readonly sequence: number
  readonly id: string
  /** Empty when deleted. */
  readonly payload: Uint8Array
  readonly headers: Headers
  /** Wall clock of the origin, milliseconds since 1970. */
  readonly createdAtMs: number
  /** Name of the client that published it; empty when it had none. */
  readonly publisher: string
  readonly deleted: boolean
}

export interface LogOptions extends OperationOptions {
  /** Default: the asked daemon itself. */
  readonly origin?: NodeId | undefined
}

export interface LogFetchOptions extends LogOptions {
  /** Default 1. */
  readonly from?: HeadIdInput | undefined
  /** Messages at most; default 100. There may be fewer, since an answer has a limit in bytes. */
  readonly limit?: number | undefined
}

export interface LogPage {
  readonly messages: readonly StoredMessage[]
  /** Where the next page begins. */
  readonly next: bigint
}

/** One of these; without, only what is published from now on. */
export type LogSubscribeFrom =
  | { readonly all: true }
  /** Of a topic without wildcards. */
  | { readonly from: HeadIdInput }
  /** What follows this place in the commit order. */
  | { readonly after: number }

export interface LogSubscribed {
  /** What is delivered lies behind this place in the commit order; up to `until` it is history. */
  readonly after: number
  readonly until: number
  /** The store in which these places are valid. */
  readonly epoch: string
}

const broker = '.broker'

export class BrokerLog {
  readonly #rpc: BusrtRpc

  constructor(rpc: BusrtRpc) {
    this.#rpc = rpc
  }

  /** @param filter of topics, by the rules of BUS/RT; default: all */
  async list(filter?: string, options?: OperationOptions): Promise<LogInfo[]> {
    const answer = await this.#call('log.list', { filter }, options)
    return answer.maps('logs').map((log) => ({
      topic: log.text('topic'),
      origin: nodeOf(log),
      headId: BigInt(log.number('head')),
      trimmedTo: BigInt(log.number('trimmed_to')),
      storedBytes: log.number('bytes'),
    }))
  }

  /** The last head id; undefined when there is no such log. */
  async head(topic: string, options: LogOptions = {}): Promise<bigint | undefined> {
    const { origin, ...call } = options
    const answer = await this.#call('log.head', { topic, origin: partsOf(origin) }, call)
    const head = answer.optionalNumber('head')
    return head === undefined ? undefined : BigInt(head)
  }

  async fetch(topic: string, options: LogFetchOptions = {}): Promise<LogPage> {
    const { origin, from, limit, ...call } = options
    const start = from === undefined ? undefined : toWireHead(from, 'from')
    const params = { topic, origin: partsOf(origin), from: start, limit }
    const answer = await this.#call('log.fetch', params, call)
    return { messages: answer.maps('messages').map(messageOf), next: BigInt(answer.number('next')) }
  }

  /**
   * Subscribes this client to a filter from some place on: it gets, as ordinary publications, what is
   * stored and then what follows, without gap or repeat. Unlike `subscribe` it does not come again after
   * a new connection: on `connected`, ask anew from where the program is.
   */
  async subscribe(
    filter: string,
    start?: LogSubscribeFrom,
    options?: OperationOptions,
  ): Promise<LogSubscribed> {
    const from =
      start !== undefined && 'from' in start ? { from: toWireHead(start.from, 'from') } : start
    const answer = await this.#call('log.subscribe', { topic: filter, ...from }, options)
    return {
      after: answer.number('after'),
      until: answer.number('until'),
      epoch: answer.text('epoch'),
    }
  }

  /** The last value of a topic; undefined when it has none. */
  async last(topic: string, options?: OperationOptions): Promise<StoredMessage | undefined> {
    const last = await this.#rpc.callPacked(broker, 'topic.last', { topic }, options)
    return last === null ? undefined : messageOf(new AnswerMap('topic.last', last))
  }

  async #call(
    method: string,
    params: object,
    options: OperationOptions | undefined,
  ): Promise<AnswerMap> {
    return new AnswerMap(method, await this.#rpc.callPacked(broker, method, params, options))
  }
}

function messageOf(map: AnswerMap): StoredMessage {
  return {
    topic: map.text('topic'),
    origin: nodeOf(map),
    headId: BigInt(map.number('head')),
    sequence: map.number('sequence'),
    id: map.text('id'),
    payload: map.bytes('payload'),
    headers: map.texts('headers'),
    createdAtMs: map.number('created_at_ms'),
    publisher: map.text('publisher'),
    deleted: map.boolean('deleted'),
  }
}

function nodeOf(map: AnswerMap): NodeId {
  const [tenantId, blName, deviceId] = map.list('origin')
  return { tenantId: String(tenantId), blName: String(blName), deviceId: String(deviceId) }
}

function partsOf(node: NodeId | undefined): readonly string[] | undefined {
  return node && [node.tenantId, node.blName, node.deviceId]
}
