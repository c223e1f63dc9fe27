/**
 * What no store can keep, whatever the configured limits say: the last check before an append, the
 * same for all engines. Requests of clients were checked against the real limits long before; this
 * is for replicated messages and for callers inside the daemon.
 */

import { BusError } from '../model/errors.ts'
import type { LogKey } from '../model/message.ts'
import { checkName } from '../model/name.ts'

/** Longest name or id a record can hold, in bytes of UTF-8. */
export const storedNameBytes = 65_535

/**
 * Why messages of this log cannot be stored, or undefined: a blank or overlong topic or node id, or
 * one that is not Unicode (half a surrogate pair would come back from disk as another character).
 * Needed once per log; a log that exists is storable.
 */
export function checkStorableLog(log: LogKey): BusError | undefined {
  const { tenantId, blName, deviceId } = log.origin
  return (
    fault('topic', log.topic) ??
    fault('tenant_id', tenantId) ??
    fault('bl_name', blName) ??
    fault('device_id', deviceId)
  )
}

/** Why a replicated message cannot be stored whatever its log, or undefined. */
export function checkStorableReplica(message: {
  readonly id: string
  readonly headId: number
  readonly createdAtMs: number
}): BusError | undefined {
  if (message.headId === 0) {
    const text = 'replicated message head_id must be greater than zero'
    return new BusError('invalid_argument', 'bad_argument', text)
  }
  if (!Number.isSafeInteger(message.headId) || message.headId < 0) {
    const text = `replicated message head_id ${message.headId} is not a number up to 2^53-1`
    return new BusError('invalid_argument', 'bad_argument', text)
  }
  if (!Number.isSafeInteger(message.createdAtMs) || message.createdAtMs < 0) {
    const text = `replicated message created_at_ms ${message.createdAtMs} is not a number up to 2^53-1`
    return new BusError('invalid_argument', 'bad_argument', text)
  }
  return fault('message_id', message.id)
}

function fault(field: Parameters<typeof checkName>[0], value: string): BusError | undefined {
  try {
    checkName(field, value, storedNameBytes)
  } catch (error) {
    if (error instanceof BusError) return error
    throw error
  }
  if (!/\p{Surrogate}/u.test(value)) return undefined
  return new BusError('invalid_argument', 'name_not_unicode', `${field} is not valid Unicode`)
}
