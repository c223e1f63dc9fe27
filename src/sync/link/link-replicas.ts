/** Messages of a batch as the store takes them, checked one by one. */

import { formatUuid } from '../../base/uuid.ts'
import { checkStorableReplica } from '../../core/storable.ts'
import { type BusError, ProtocolError } from '../../model/errors.ts'
import type { LogKey } from '../../model/message.ts'
import type { LinkMessage } from '../../wire/gen/msgbus-link.ts'
import { type Replica, throwIfNoName } from '../peer-claims.ts'

const uuidWords = new Uint32Array(4)
const uuidBytes = new Uint8Array(uuidWords.buffer)

/** @throws ProtocolError for what no honest peer has; the rest is the fault of one log */
export function toReplicas(
  messages: readonly LinkMessage[],
  { topic, origin }: LogKey,
  next: number,
): { replicas: Replica[]; fault: BusError | undefined } {
  const replicas: Replica[] = []
  for (const message of messages) {
    const { uuid, payload, headers, createdAtMs, deleted } = message
    const headId = next + replicas.length
    const id = uuid.length === 0 ? message.id : uuidText(uuid)
    const replica = { topic, origin, id, headId, payload, headers, createdAtMs, deleted }
    const fault = checkStorableReplica(replica)
    if (fault !== undefined) {
      throwIfNoName(fault)
      return { replicas, fault }
    }
    replicas.push(replica)
  }
  return { replicas, fault: undefined }
}

function uuidText(uuid: Uint8Array): string {
  if (uuid.length !== uuidBytes.length) throw new ProtocolError(`a UUID of ${uuid.length} bytes`)
  uuidBytes.set(uuid)
  return formatUuid(uuidWords, 0)
}
