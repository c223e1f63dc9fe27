/**
 * What the result codes of a BUS/RT broker mean for a program (spec/busrt 1.3, 3.2): errors of the bus,
 * with what to do next in their text.
 */

import { BusError } from '../../model/errors.ts'
import type { BusErrorCode, ErrorReason } from '../../model/errors.ts'
import { opcodes, results, secondaryMark } from '../../wire/busrt/frames.ts'

/** What was asked of the broker, for error texts. */
export interface Operation {
  readonly opcode: number
  /** The target, mask, topic or topics; several parts are divided by U+0000. */
  readonly head: string
}

const kinds: ReadonlyMap<number, readonly [BusErrorCode, ErrorReason]> = new Map([
  [results.notRegistered, ['not_found', 'unknown_client']],
  [results.badData, ['invalid_argument', 'undecodable']],
  [results.io, ['unavailable', 'connection_lost']],
  [results.other, ['unknown', 'internal']],
  [results.notSupported, ['unimplemented', 'unsupported']],
  [results.busy, ['already_exists', 'name_taken']],
  [results.notDelivered, ['resource_exhausted', 'slow_client']],
  [results.timeout, ['deadline_exceeded', 'timed_out']],
  [results.denied, ['permission_denied', 'access_denied']],
  // Of a client that is just leaving (spec/busrt 3.2).
  [0xff, ['not_found', 'unknown_client']],
])

/** Code and reason of a result other than `ok`; codes that nobody knows are `unknown`. */
export function kindOfResult(result: number): readonly [BusErrorCode, ErrorReason] {
  return kinds.get(result) ?? ['unknown', 'internal']
}

/** The broker has refused an operation. */
export function operationError(result: number, operation: Operation): BusError {
  const [code, reason] = kindOfResult(result)
  return new BusError(code, reason, operationText(result, operation))
}

/** `the message to "a"`, `subscribing to "b", "c"` */
export function operationName({ opcode, head }: Operation): string {
  const quoted = head
    .split('\0')
    .map((part) => JSON.stringify(part))
    .join(', ')
  switch (opcode) {
    case opcodes.message:
      return `the message to ${quoted}`
    case opcodes.broadcast:
      return `the broadcast to ${quoted}`
    case opcodes.publish:
    case opcodes.publishFor:
      return `the publication on ${quoted.replace(', ', ' for ')}`
    case opcodes.subscribe:
      return `subscribing to ${quoted}`
    case opcodes.unsubscribe:
      return `unsubscribing from ${quoted}`
    case opcodes.exclude:
      return `excluding ${quoted}`
    default:
      return `un-excluding ${quoted}`
  }
}

function operationText(result: number, operation: Operation): string {
  const name = operationName(operation)
  switch (result) {
    case results.notRegistered:
      return `${name} was not sent: no client has this name; check it, or wait until it has joined (the broker publishes that on .broker/info)`
    case 0xff:
      return `${name} was not sent: that client is just leaving; try again when it has joined anew`
    case results.notDelivered:
      return `${name} was not delivered: that client does not read what waits for it; send less, or try again later`
    case results.denied:
      return `${name} is not allowed to this client: ask for it in the access rules of the broker`
    default:
      return `${name} failed with result 0x${result.toString(16)}`
  }
}

/** The broker has not let the client in. `result` is undefined when it closed without a word. */
export function registrationError(
  result: number | undefined,
  name: string,
  address: string,
): BusError {
  const primary = name.split(secondaryMark, 1)[0] ?? ''
  const who = `${JSON.stringify(name)} at ${address}`
  switch (result) {
    case undefined:
      return new BusError(
        'unavailable',
        'connection_lost',
        `the broker closed the connection before ${who} was registered; try again`,
      )
    case results.notRegistered:
      return new BusError(
        'failed_precondition',
        'primary_missing',
        `${who} was refused: its primary ${JSON.stringify(primary)} is not connected; connect that first`,
      )
    case results.badData:
      return new BusError(
        'invalid_argument',
        'bad_argument',
        `${who} was refused: the broker does not take this name`,
      )
    case results.notSupported:
      return new BusError(
        'unimplemented',
        'unsupported',
        `${who} was refused: the broker speaks another version of BUS/RT`,
      )
    case results.busy:
      return new BusError(
        'already_exists',
        'name_taken',
        `${who} was refused: another client has this name; choose another one, or end that client`,
      )
    case results.denied:
      return new BusError(
        'permission_denied',
        'access_denied',
        `${who} was refused: the broker does not let this name in from this host`,
      )
    default: {
      const [code, reason] = kindOfResult(result)
      return new BusError(code, reason, `${who} was refused with result 0x${result.toString(16)}`)
    }
  }
}

/** What happened to a socket and what to do, from the words of the network stack. */
export function socketError(cause: NodeJS.ErrnoException, address: string): BusError {
  return new BusError('unavailable', 'connection_lost', socketText(cause, address), { cause })
}

function socketText(cause: NodeJS.ErrnoException, address: string): string {
  switch (cause.code ?? '') {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return `nothing listens at ${address}: start the broker, or name the address it listens on`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host of ${address} is not known: check the address`
    case 'EACCES':
    case 'EPERM':
      return `this user may not open ${address}: check the permissions of the socket file`
    default:
      return /certificate|self-signed|altnames|ssl|tls|EPROTO/i.test(cause.message)
        ? `no TLS connection to ${address}: ${cause.message}`
        : `the connection to ${address} broke: ${cause.message}`
  }
}
