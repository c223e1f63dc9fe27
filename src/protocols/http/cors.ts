/** What browsers want to hear before they let a page of a listed origin use the API (Fetch, section "CORS protocol"). */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { commonHeaders } from './answer.ts'
import type { RequestOrigin } from './origin-check.ts'

/** How long a browser need not ask again; the most that Chromium keeps. */
const preflightSeconds = 7_200

/** Headers of whatever is answered. */
export function allowPage(
  request: IncomingMessage,
  response: ServerResponse,
  origin: RequestOrigin,
): void {
  response.setHeader('vary', 'origin')
  if (origin !== 'listed') return
  response.setHeader('access-control-allow-origin', request.headers.origin ?? '')
  response.setHeader('access-control-expose-headers', '*')
}

/** @param methods that the path takes */
export function answerPreflight(
  request: IncomingMessage,
  response: ServerResponse,
  methods: readonly string[],
): void {
  const allowed = [...methods, 'OPTIONS'].join(', ')
  response.setHeader('allow', allowed)
  if (response.hasHeader('access-control-allow-origin')) {
    const { headers } = request
    response.setHeader('access-control-allow-methods', allowed)
    const asked = headers['access-control-request-headers']
    if (asked !== undefined) response.setHeader('access-control-allow-headers', asked)
    // From a page on the internet to a daemon on this machine or in this house.
    if (headers['access-control-request-private-network'] === 'true') {
      response.setHeader('access-control-allow-private-network', 'true')
    }
    response.setHeader('access-control-max-age', preflightSeconds)
  }
  response.writeHead(204, { 'cache-control': 'no-store', ...commonHeaders })
  response.end()
}
