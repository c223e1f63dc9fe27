/** A refusal in the words of HTTP: a status that its code alone does not say, and headers that belong to it. */

import type { OutgoingHttpHeaders } from 'node:http'
import { BusError, type BusErrorCode, type ErrorReason } from '../../model/errors.ts'

export class HttpError extends BusError {
  readonly status: number
  readonly headers: OutgoingHttpHeaders

  constructor(
    status: number,
    [code, reason]: readonly [BusErrorCode, ErrorReason],
    message: string,
    headers: OutgoingHttpHeaders = {},
  ) {
    super(code, reason, message)
    this.name = 'HttpError'
    this.status = status
    this.headers = headers
  }
}

export function noSuchPath(path: string, hint: string): HttpError {
  const text = `there is nothing at ${JSON.stringify(path)}; ${hint}`
  return new HttpError(404, ['not_found', 'not_found'], text)
}

/** @param allowed as the header `allow` has them */
export function methodNotAllowed(path: string, allowed: string): HttpError {
  const text = `${path} takes ${allowed}`
  return new HttpError(405, ['unimplemented', 'unsupported'], text, { allow: allowed })
}

export function bodyTooLarge(maxBytes: number): HttpError {
  const text = `the body has more than ${maxBytes} bytes`
  // What follows of it is not read, so nothing else can be asked on this connection.
  const headers = { connection: 'close' }
  return new HttpError(413, ['resource_exhausted', 'payload_too_large'], text, headers)
}

export function unsupportedMediaType(message: string): HttpError {
  return new HttpError(415, ['invalid_argument', 'unsupported'], message)
}
