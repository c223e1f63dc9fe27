/**
 * The payload of a delete marker (spec/msgbus-v1 3.3): one JSON object that tells every replica
 * which heads of a log of the marker's origin are deleted. Markers come from foreign nodes, so the
 * reader takes nothing on trust and answers undefined instead of throwing: a bad marker is skipped,
 * it never stops anything (defect L13).
 *
 * Heads are unsigned 64-bit numbers and JSON.parse rounds above 2^53, so numbers are read from the
 * text: the object is parsed twice, the second time with every number turned into a string.
 */

import type { LogKey } from '../model/message.ts'

export interface DeleteMarker extends LogKey {
  /** Infinity above 2^53-1: no head of ours is there. */
  readonly fromHead: number
  /** Inclusive. Infinity above 2^53-1: no end. */
  readonly toHead: number
  /** Time of the deletion; saturates at 2^53-1. */
  readonly createdAtMs: number
}

const maxUnsigned64 = 2n ** 64n - 1n

/** The exact bytes of 3.3. An infinite `toHead` is written as 2^64-1. */
export function formatDeleteMarker(marker: DeleteMarker): Uint8Array {
  const { topic, origin } = marker
  return new TextEncoder().encode(
    `{"topic":${JSON.stringify(topic)},"origin":{"tenant_id":${JSON.stringify(origin.tenantId)},` +
      `"bl_name":${JSON.stringify(origin.blName)},"device_id":${JSON.stringify(origin.deviceId)}},` +
      `"from_head_id":${formatHead(marker.fromHead)},"to_head_id":${formatHead(marker.toHead)},` +
      `"created_at_ms":${marker.createdAtMs}}`,
  )
}

/**
 * Undefined unless all five members are there with the right types and the range is not reversed.
 * Any order of members is fine, unknown ones are ignored. That the marker's message has the same
 * origin is for the caller to check.
 */
export function parseDeleteMarker(payload: Uint8Array): DeleteMarker | undefined {
  let plain: unknown
  let exact: unknown
  try {
    const text = strictUtf8.decode(payload)
    plain = JSON.parse(text)
    exact = JSON.parse(text.replace(stringOrNumber, (t) => (t.startsWith('"') ? t : `"${t}"`)))
  } catch {
    // Not UTF-8 or not JSON: not a marker.
    return undefined
  }
  if (!isRecord(plain) || !isRecord(exact)) return undefined
  const topic = plain['topic']
  const origin = plain['origin']
  if (!isText(topic) || !isRecord(origin)) return undefined
  const tenantId = origin['tenant_id']
  const blName = origin['bl_name']
  const deviceId = origin['device_id']
  if (!isText(tenantId) || !isText(blName) || !isText(deviceId)) return undefined
  const from = unsigned64(plain['from_head_id'], exact['from_head_id'])
  const to = unsigned64(plain['to_head_id'], exact['to_head_id'])
  const createdAt = unsigned64(plain['created_at_ms'], exact['created_at_ms'])
  if (from === undefined || to === undefined || createdAt === undefined || from > to) {
    return undefined
  }
  return {
    topic,
    origin: { tenantId, blName, deviceId },
    fromHead: toHeadNumber(from),
    toHead: toHeadNumber(to),
    createdAtMs: Math.min(Number(createdAt), Number.MAX_SAFE_INTEGER),
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Tokens of a text already known to be JSON: whatever is not in a string and begins like a number is one. */
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*/g

function formatHead(head: number): string {
  return head > Number.MAX_SAFE_INTEGER ? maxUnsigned64.toString() : String(head)
}

function toHeadNumber(head: bigint): number {
  return head > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(head)
}

/** `text` is the number as it was written; only plain digits are an integer here. */
function unsigned64(value: unknown, text: unknown): bigint | undefined {
  if (typeof value !== 'number' || typeof text !== 'string') return undefined
  if (!/^[0-9]{1,20}$/.test(text)) return undefined
  const integer = BigInt(text)
  return integer <= maxUnsigned64 ? integer : undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Escapes can spell half a surrogate pair, which no name on the wire can contain. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !/\p{Surrogate}/u.test(value)
}
