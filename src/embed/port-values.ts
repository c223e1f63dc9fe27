/**
 * What goes over a message port now and then, as whole values in the serialisation of structured clones:
 * requests with their answers, errors, the welcome. Both ends are threads of one process and of one
 * build, so the shapes are those of the code.
 */

import { deserialize, serialize } from 'node:v8'
import type { BusClient, LogOperations, QueueOperations } from '../core/bus-client.ts'
import type { ClientInfo } from '../core/live.ts'
import { CallError } from '../model/call-error.ts'
import { BusError, type BusErrorCode, type ErrorReason, ProtocolError } from '../model/errors.ts'
import type { Headers } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import { type Frame, type FrameKind, type FrameWriter } from './port-frames.ts'

/** First frame of a bus. */
export interface PortWelcome {
  readonly protocol: number
  readonly name: string
  readonly node: NodeId
  readonly epoch: string
}

/** Requests by name, with what they take and answer. */
export interface PortRequests {
  fetch: LogOperations['fetch']
  head: LogOperations['head']
  list: LogOperations['list']
  deleteRange: LogOperations['deleteRange']
  enqueue: QueueOperations['enqueue']
  peek: QueueOperations['peek']
  ack: QueueOperations['ack']
  reject: QueueOperations['reject']
  settle: QueueOperations['settle']
  listQueues: QueueOperations['list']
  purge: QueueOperations['purge']
  clients: () => ClientInfo[]
  subscribeLive: (filter: string) => void
  unsubscribeLive: (filter: string) => void
}

export type PortMethod = keyof PortRequests

/** How the bus serves them. */
export function portRequests(
  client: BusClient,
  own: Pick<PortRequests, 'clients' | 'subscribeLive' | 'unsubscribeLive'>,
): PortRequests {
  const { log, queue } = client
  return {
    fetch: (...args) => log.fetch(...args),
    head: (...args) => log.head(...args),
    list: (...args) => log.list(...args),
    deleteRange: (...args) => log.deleteRange(...args),
    enqueue: (...args) => queue.enqueue(...args),
    peek: (...args) => queue.peek(...args),
    ack: (...args) => queue.ack(...args),
    reject: (...args) => queue.reject(...args),
    settle: (...args) => queue.settle(...args),
    listQueues: () => queue.list(),
    purge: (...args) => queue.purge(...args),
    ...own,
  }
}

interface Failure {
  readonly code: BusErrorCode
  readonly reason: ErrorReason
  readonly message: string
  /** Present for a `CallError`. */
  readonly call?: { readonly name: string; readonly payload: Uint8Array; readonly headers: Headers }
}

/** A frame whose body is one value. @throws Error for what cannot be cloned, before anything is written */
export function writeValue(writer: FrameWriter, kind: FrameKind, id: number, value: unknown): void {
  const bytes = serialize(value)
  writer.add(kind, 0, id, '', bytes, 0, bytes.length)
}

/** @throws ProtocolError */
export function readValue({ bytes, start, end }: Frame): unknown {
  return toValue(bytes.subarray(start, end))
}

/** @throws ProtocolError */
export function toValue(bytes: Uint8Array): unknown {
  try {
    return deserialize(bytes)
  } catch (cause) {
    throw new ProtocolError('a value cannot be read', { cause })
  }
}

/** The error without its cause, which stays in the thread where it happened. */
export function writeFailure(
  writer: FrameWriter,
  kind: FrameKind,
  id: number,
  error: BusError,
): void {
  const { code, reason, message } = error
  const call =
    error instanceof CallError
      ? { name: error.errorName, payload: error.payload, headers: error.headers }
      : undefined
  writeValue(writer, kind, id, { code, reason, message, ...(call && { call }) } satisfies Failure)
}

/** @throws ProtocolError */
export function readFailure(frame: Frame): BusError {
  const { code, reason, message, call } = readValue(frame) as Failure
  if (call === undefined) return new BusError(code, reason, message)
  const { name, payload, headers } = call
  return new CallError(name, { message, payload, headers })
}
