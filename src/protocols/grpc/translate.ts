/**
 * Between the shapes of the wire and those of the model. The two share their field names on purpose,
 * so a stored message is encoded as it stands; what is left are origins, positions and errors.
 */

import { Metadata, status } from '@grpc/grpc-js'
import type { DamagedRange } from '../../core/log-store.ts'
import { checkWritableTopic } from '../../core/message-checks.ts'
import {
  BusError,
  type BusErrorCode,
  errorReasons,
  type ErrorReason,
  toBusError,
} from '../../model/errors.ts'
import type { Limits } from '../../model/limits.ts'
import { checkName } from '../../model/name.ts'
import { nodeIdEquals, type NodeId } from '../../model/node-id.ts'
import { encodeStatus } from '../../wire/web-socket/tunnel-frame.ts'
import type { MetadataReader } from './incoming-call.ts'

/** google.rpc.Code of every code of the bus. */
export const statusCodes = {
  cancelled: status.CANCELLED,
  unknown: status.UNKNOWN,
  invalid_argument: status.INVALID_ARGUMENT,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  permission_denied: status.PERMISSION_DENIED,
  resource_exhausted: status.RESOURCE_EXHAUSTED,
  failed_precondition: status.FAILED_PRECONDITION,
  aborted: status.ABORTED,
  out_of_range: status.OUT_OF_RANGE,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
  unavailable: status.UNAVAILABLE,
  data_loss: status.DATA_LOSS,
  unauthenticated: status.UNAUTHENTICATED,
} as const satisfies Record<BusErrorCode, number>

const codesByStatus = new Map(
  Object.entries(statusCodes).map(([code, number]) => [number as number, code as BusErrorCode]),
)

const ended = { code: status.OK, reason: '', message: '' }

/** Trailer with the stable word for the reason, for clients that branch on more than the code. */
export const reasonTrailer = 'msgbus-reason'

/** Any error as grpc-js takes it; what is not a `BusError` shows nothing of itself. */
export function toStatus(error: unknown): { code: number; details: string; metadata: Metadata } {
  const { code, reason, message } = toBusError(error)
  const metadata = new Metadata()
  metadata.set(reasonTrailer, reason)
  // grpc-js encodes the text as a URI, which throws for a lone surrogate.
  const details = message.replace(/\p{Surrogate}/gu, '\ufffd')
  return { code: statusCodes[code], details, metadata }
}

/** How a call through the tunnel ended; undefined: well. What is our own defect shows nothing of itself. */
export function encodeEnd(error: BusError | undefined): Uint8Array {
  return encodeStatus(error === undefined ? ended : toRefusal(error))
}

/** An error as it is answered for one item of a batch. */
export function toRefusal(error: unknown): { code: number; reason: string; message: string } {
  const { code, reason, message } = toBusError(error)
  return { code: statusCodes[code], reason, message }
}

/** What a callee refuses with, as its caller gets it. */
export function fromRefusal(refusal: { code: number; reason: string; message: string }): BusError {
  const code = codesByStatus.get(refusal.code) ?? 'unknown'
  const { reason, message } = refusal
  // A defect of the callee is none of ours, and words that we do not know are the application's.
  const isKnown = Object.hasOwn(errorReasons, reason) && reason !== 'internal'
  return new BusError(code, isKnown ? (reason as ErrorReason) : 'application_error', message)
}

/** A node id that is absent, or present with three empty parts, which means the same (2.2). */
export function isAbsent(node: NodeId | undefined): node is undefined {
  return node === undefined || (node.tenantId === '' && node.blName === '' && node.deviceId === '')
}

/** @throws BusError `invalid_argument` for a partly filled or otherwise bad id */
export function checkNodeId(node: NodeId, limits: Limits): void {
  checkName('tenant_id', node.tenantId, limits.nodeIdPartBytes)
  checkName('bl_name', node.blName, limits.nodeIdPartBytes)
  checkName('device_id', node.deviceId, limits.nodeIdPartBytes)
}

/** The origin a read is about: any node, this one when absent. @throws BusError */
export function readOrigin(origin: NodeId | undefined, own: NodeId, limits: Limits): NodeId {
  if (isAbsent(origin)) return own
  checkNodeId(origin, limits)
  return origin
}

/** Writes must name this node or none. @throws BusError */
export function checkWriteOrigin(origin: NodeId | undefined, own: NodeId, limits: Limits): void {
  if (isAbsent(origin) || nodeIdEquals(origin, own)) return
  checkNodeId(origin, limits)
  const text = 'writes must use the local daemon origin'
  throw new BusError('permission_denied', 'foreign_origin', text)
}

/**
 * What comes before the origin in the order of checks (spec/msgbus-v1 2.3). The bus checks the topic
 * itself, so only a request with a bad origin pays for it here.
 *
 * @throws BusError
 */
export function checkWrite(
  topic: string,
  origin: NodeId | undefined,
  own: NodeId,
  limits: Limits,
): void {
  if (isAbsent(origin) || nodeIdEquals(origin, own)) return
  checkWritableTopic(topic, limits)
  checkWriteOrigin(origin, own, limits)
}

/** A head or bound of a request: what the wire saturated at 2^53-1 means "no bound". */
export function unbounded(value: number): number {
  return value >= Number.MAX_SAFE_INTEGER ? Infinity : value
}

/** Ends a read of one log at a record that cannot be served; names where to go on. */
export function damagedError({ topic, fromHead, toHead }: DamagedRange): BusError {
  const heads = fromHead === toHead ? `message ${fromHead}` : `messages ${fromHead} to ${toHead}`
  const text = `${heads} of ${JSON.stringify(topic)} cannot be read; go on from ${toHead + 1}`
  return new BusError('data_loss', 'damaged_record', text)
}

export function toWireDamage({ topic, origin, fromHead, toHead }: DamagedRange) {
  return { topic, origin, fromHeadId: fromHead, toHeadId: toHead }
}

export function stoppingError(): BusError {
  return new BusError('unavailable', 'shutting_down', 'the daemon is shutting down')
}

/** The value of a metadata key; undefined when absent or empty. Of several the first counts. */
export function singleValue(metadata: MetadataReader, key: string): string | undefined {
  const [value] = metadata.get(key)
  return value === undefined || value.length === 0 ? undefined : String(value)
}
