/** How links end, in the words of both sides. */

import {
  BusError,
  type ErrorReason,
  errorReasons,
  ProtocolError,
  toBusError,
  busErrorCodes,
} from '../../model/errors.ts'
import type { LinkClose } from '../../wire/gen/msgbus-link.ts'
import { StoreFailure } from '../log-pull.ts'
import { shortText } from '../short-text.ts'

/** What is told to the other side. */
export function toClose(why: unknown): BusError {
  if (why === undefined) return new BusError('unavailable', 'shutting_down', 'the link is closed')
  if (why instanceof ProtocolError) {
    return new BusError('invalid_argument', 'undecodable', why.message)
  }
  if (why instanceof StoreFailure) return toBusError(why.cause)
  return toBusError(why)
}

/** What the other side said when it closed. It is its word; we only make sure of the reason. */
export function closeError({ code, reason, message }: LinkClose): BusError {
  const text = shortText(message)
  if (reason === 'already_linked') return alreadyLinked()
  const isKnown = Object.hasOwn(errorReasons, reason)
  const known: ErrorReason = isKnown ? (reason as ErrorReason) : 'peer_refused'
  const status = busErrorCodes.find((one) => one === code) ?? 'unavailable'
  return new BusError(status, known, `the peer closed the link: ${text}`)
}

export function alreadyLinked(): BusError {
  const text = 'there is another link to this node'
  return new BusError('failed_precondition', 'already_linked', text)
}

export function lost(text: string): BusError {
  return new BusError('unavailable', 'connection_lost', `no link: ${text}`)
}
