/**
 * Calls between clients, and calls of the broker (spec/busrt 6), as programs see them. From its first
 * use on a client takes direct messages as RPC, as all BUS/RT clients with this layer do: replies find
 * their call, requests and notifications their handler; what is none of these stays a plain frame.
 */

import { opcodes } from '../../wire/busrt/frames.ts'
import {
  encodeNotification,
  encodeRequest,
  noReplyId,
  rpcErrorCodes,
} from '../../wire/busrt/rpc.ts'
import { toPayload } from '../payload-codec.ts'
import { checkText } from './checked-text.ts'
import type { Connection, OperationOptions } from './connection.ts'
import { readCursor } from './cursor-reader.ts'
import type { CursorOptions } from './cursor-reader.ts'
import { pack, unpack } from './msgpack.ts'
import type { RpcCalls } from './rpc-calls.ts'
import { RpcError } from './rpc-error.ts'
import type { NotificationHandler, RpcCall, RpcHandler, RpcHandlers } from './rpc-handlers.ts'

/** A handler with parameters and result as MessagePack; no parameters are `undefined`. */
export type PackedRpcHandler = (params: unknown, call: RpcCall) => unknown

const noBytes = new Uint8Array(0)

export class BusrtRpc {
  readonly #connection: () => Connection
  readonly #calls: RpcCalls
  readonly #handlers: RpcHandlers

  /** @param connection the one that stands; throws when there is none */
  constructor(connection: () => Connection, calls: RpcCalls, handlers: RpcHandlers) {
    this.#connection = connection
    this.#calls = calls
    this.#handlers = handlers
  }

  /**
   * Calls a method of another client, or of `.broker`, and resolves with its result.
   * @param options `timeoutMs` is for the whole call, default that of the client, Infinity for none;
   *   `qos` is that of the request
   * @throws RpcError what the callee answered; BusError `not_found/unknown_client` when it is not there,
   *   `permission_denied`, `deadline_exceeded`, `cancelled`, `unavailable` when the connection broke
   */
  async call(
    target: string,
    method: string,
    params: Uint8Array | string = noBytes,
    options: OperationOptions = {},
  ): Promise<Uint8Array> {
    checkText('the target', target)
    checkText('the method', method)
    return this.#calls.call(this.#connection(), target, method, toPayload(params), options)
  }

  /**
   * `call` with parameters and result as MessagePack; `undefined` is no bytes, both ways. The type is
   * what the program says; nothing checks it.
   * @throws BusError also `invalid_argument/undecodable`
   */
  async callPacked<T = unknown>(
    target: string,
    method: string,
    params?: unknown,
    options: OperationOptions = {},
  ): Promise<T> {
    const result = await this.call(target, method, pack(params), options)
    return unpack(result, `the result of ${method} of ${target}`) as T
  }

  /**
   * Reads the records of a cursor that `method` opens: one by one, or many with each call.
   * @throws what `callPacked` throws; RpcError -32001 when the cursor has expired
   */
  cursor<T = unknown>(
    target: string,
    method: string,
    params?: unknown,
    options?: CursorOptions,
  ): AsyncGenerator<T, undefined> {
    return readCursor<T>(this, target, method, params, options)
  }

  /** Calls without wanting a reply; resolves when the broker has handed the request on. */
  async call0(
    target: string,
    method: string,
    params: Uint8Array | string = noBytes,
    options: OperationOptions = {},
  ): Promise<void> {
    checkText('the target', target)
    checkText('the method', method)
    const request = encodeRequest(noReplyId, method, toPayload(params))
    await this.#connection().operate(opcodes.message, target, request, options)
  }

  /** Sends a notification; resolves when the broker has handed it on. */
  async notify(
    target: string,
    payload: Uint8Array | string,
    options: OperationOptions = {},
  ): Promise<void> {
    checkText('the target', target)
    const notification = encodeNotification(toPayload(payload))
    await this.#connection().operate(opcodes.message, target, notification, options)
  }

  /**
   * Serves a method. Handlers run at the same time and may call and send over this client. Returns how
   * to stop serving.
   * @throws BusError `already_exists/procedure_taken` when this client serves it already
   */
  handle(method: string, handler: RpcHandler): () => void {
    return this.#handlers.add(method, handler)
  }

  /** `handle` with parameters and result as MessagePack; undecodable parameters are answered -32700. */
  handlePacked(method: string, handler: PackedRpcHandler): () => void {
    return this.#handlers.add(method, async (call) => {
      const params = unpackParams(call)
      return pack(await handler(params, call))
    })
  }

  /** Serves every method without a handler. Undefined: they are answered -32601, as at first. */
  handleOthers(handler: RpcHandler | undefined): void {
    this.#handlers.others = handler
  }

  /** Takes notifications, begun in their order. Undefined: they are dropped, as at first. */
  handleNotifications(handler: NotificationHandler | undefined): void {
    this.#handlers.notifications = handler
  }
}

function unpackParams(call: RpcCall): unknown {
  try {
    return unpack(call.params, 'the parameters')
  } catch (error) {
    throw new RpcError(rpcErrorCodes.parse, error instanceof Error ? error.message : '')
  }
}
