/** Answers: the headers that all of them have, and their forms. */

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { toBusError } from '../../model/errors.ts'
import { HttpError } from './http-error.ts'
import { statusOf, toErrorJson } from './translate.ts'

/** What the target of a request names, without the query. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}

/**
 * On every answer: content is what it says it is, no page of another origin may embed it, and pages do not tell others
 * where their readers come from.
 */
export const commonHeaders: OutgoingHttpHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
}

/** One line of JSON, never cached. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: OutgoingHttpHeaders = {},
): void {
  send(response, status, `${JSON.stringify(body)}\n`, {
    'content-type': 'application/json',
    ...headers,
  })
}

/** Never cached unless the headers say otherwise. */
export function send(
  response: ServerResponse,
  status: number,
  body: string | Uint8Array,
  headers: OutgoingHttpHeaders,
): void {
  response.writeHead(status, {
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...commonHeaders,
    ...headers,
  })
  // Node leaves the body of an answer to HEAD out by itself.
  response.end(body)
}

/** What is not a `BusError` shows nothing of itself. */
export function sendError(response: ServerResponse, error: unknown): void {
  const busError = toBusError(error)
  const headers = error instanceof HttpError ? error.headers : {}
  sendJson(response, statusOf(busError), toErrorJson(busError), headers)
}
