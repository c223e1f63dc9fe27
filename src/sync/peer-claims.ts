/**
 * Checks what a peer claims, before anything of it is used. What no honest peer says throws
 * `ProtocolError`: that peer is cut off and nothing of the answer is kept (reliability N3, defect
 * L29). What an honest peer can have and we cannot take throws `BusError`: it concerns one log, and
 * the others go on (spec/msgbus-v1 2.1, 5.6).
 */

import { checkStorableLog, checkStorableReplica } from '../core/storable.ts'
import { BusError, ProtocolError } from '../model/errors.ts'
import type { LogKey, StoredMessage } from '../model/message.ts'
import { formatNodeId, nodeIdEquals, nodeKey, type NodeId } from '../model/node-id.ts'
import type { HealthResponse, MessageEnvelope, TopicHead } from '../wire/gen/msgbus-v1.ts'

/** A message as `LogStore.replicate` takes it. */
export type Replica = Omit<StoredMessage, 'sequence'>

/** A log that a peer says it has. */
export interface OfferedLog extends LogKey {
  /** Unambiguous, for maps. */
  readonly key: string
  readonly head: number
  /** Why its messages cannot be stored here, whatever they are. */
  readonly refusal: BusError | undefined
}

/** Logs of one peer that are looked at; more are a failure of that peer as a whole. */
export const offeredLogsMost = 250_000

/** An unambiguous text for a log (defect L25). */
export function logKey({ topic, origin }: LogKey): string {
  return `${nodeKey(origin)}${topic}`
}

/**
 * Who answers. @throws ProtocolError when it does not say so;
 * @throws BusError `failed_precondition` when it is this node (`peer_is_self`) or not the one that is
 * expected there (`peer_not_expected`)
 */
export function checkIdentity(
  { node }: Pick<HealthResponse, 'node'>,
  own: NodeId,
  pin: NodeId | undefined,
): NodeId {
  if (node === undefined) throw new ProtocolError('the peer does not say which node it is')
  if (checkStorableLog({ topic: 'any', origin: node }) !== undefined) {
    throw new ProtocolError('the peer says a node id that is none')
  }
  if (nodeIdEquals(node, own)) {
    const text = `the peer reports the local node identity ${formatNodeId(own)}`
    throw new BusError('failed_precondition', 'peer_is_self', text)
  }
  if (pin !== undefined && !nodeIdEquals(node, pin)) {
    const text = `identity mismatch: expected ${formatNodeId(pin)}, got ${formatNodeId(node)}`
    throw new BusError('failed_precondition', 'peer_not_expected', text)
  }
  return { ...node }
}

/** @throws ProtocolError, or BusError `resource_exhausted/quota_exceeded` when they are too many */
export function checkOffer(heads: readonly TopicHead[]): OfferedLog[] {
  if (heads.length > offeredLogsMost) {
    const text = `the peer lists ${heads.length} logs, the limit is ${offeredLogsMost}`
    throw new BusError('resource_exhausted', 'quota_exceeded', text)
  }
  const seen = new Set<string>()
  return heads.map((head) => {
    const log = checkHead(head)
    if (seen.has(log.key)) throw new ProtocolError(`${shown(log.topic)} is listed twice`)
    seen.add(log.key)
    return log
  })
}

/** A log that a peer says it has. @throws ProtocolError */
export function checkHead({ topic, origin, headId }: TopicHead): OfferedLog {
  if (origin === undefined) throw new ProtocolError(`a head of ${shown(topic)} has no origin`)
  const refusal = checkStorableLog({ topic, origin })
  if (refusal !== undefined) throwIfNoName(refusal)
  if (headId === 0) throw new ProtocolError(`${shown(topic)} is listed with head 0`)
  // What the wire saturates at; no log of anybody is that long.
  if (headId >= Number.MAX_SAFE_INTEGER) {
    throw new ProtocolError(`${shown(topic)} is listed with a head above 2^53-2`)
  }
  return { topic, origin, key: logKey({ topic, origin }), head: headId, refusal }
}

/**
 * A message of a Fetch answer.
 *
 * @throws ProtocolError when it is not the one with `headId` of `log`, or not a message at all
 * @throws BusError `invalid_argument` when it cannot be stored here
 */
export function checkMessage(
  message: MessageEnvelope | null,
  log: LogKey,
  headId: number,
): Replica {
  const where = `${shown(log.topic)} from ${formatNodeId(log.origin)}`
  if (message === null) throw new ProtocolError(`an answer for ${where} holds no message`)
  const { origin } = message
  if (origin === undefined || !nodeIdEquals(origin, log.origin) || message.topic !== log.topic) {
    throw new ProtocolError(`asked for ${where}, got a message of another log`)
  }
  if (message.headId !== headId) {
    const text = `asked for message ${headId} of ${where}, got ${message.headId}`
    throw new ProtocolError(text)
  }
  const fault = checkStorableReplica(message)
  if (fault !== undefined) {
    throwIfNoName(fault)
    throw fault
  }
  const { id, payload, headers, createdAtMs, deleted } = message
  const { topic } = log
  return { topic, origin: log.origin, id, headId, payload, headers, createdAtMs, deleted }
}

/** Names that no node accepts from its clients: nobody has such a log or message. */
export function throwIfNoName(fault: BusError): void {
  if (fault.reason === 'name_empty' || fault.reason === 'name_contains_nul') {
    throw new ProtocolError(fault.message)
  }
}

/** Text of others in our own: quoted, without control characters, and cut. */
function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
