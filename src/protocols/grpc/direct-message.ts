/** Direct messages and broadcasts of gRPC clients: to the bus, and their outcome as errors. */

import type { BusClient } from '../../core/bus-client.ts'
import { BusError } from '../../model/errors.ts'
import { namedBytes } from './named-bytes.ts'

/** @throws BusError as `whyUnknown`, `permission_denied`, `resource_exhausted/slow_client` */
export function sendTo(
  { live }: BusClient,
  target: string,
  payload: Uint8Array,
  realtime: boolean,
): void {
  const end = namedBytes.put(target, payload)
  const { bytes, nameEnd } = namedBytes
  const outcome = live.send(bytes, 0, nameEnd, nameEnd, end, realtime)
  switch (outcome) {
    case 'sent':
      return
    case 'unknown':
      throw live.whyUnknown(target)
    case 'denied': {
      const text = `a rule forbids to send to ${JSON.stringify(target)}`
      throw new BusError('permission_denied', 'access_denied', text)
    }
    case 'full': {
      const text = `${JSON.stringify(target)} does not read what was sent to it`
      throw new BusError('resource_exhausted', 'slow_client', text)
    }
  }
}

/** Returns how many took it. @throws BusError `invalid_argument`, `permission_denied` */
export function broadcastTo(
  { live }: BusClient,
  mask: string,
  payload: Uint8Array,
  realtime: boolean,
): number {
  if (mask === '') throw new BusError('invalid_argument', 'name_empty', 'the mask is empty')
  return live.broadcast(mask, payload, 0, payload.length, realtime)
}
