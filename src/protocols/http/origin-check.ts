/**
 * Who may ask, as far as browsers tell: two checks that keep foreign web pages from using a daemon that only listens on
 * this machine.
 *  - Host: a page that lets its own name resolve to 127.0.0.1 reaches the socket, but not with a Host that is allowed.
 *  - Origin: a browser says which page sends a request. Pages of this very listener may, and those that are listed.
 * Programs that are no browsers send no Origin and are not concerned. There are no cookies, so nothing else that a
 * browser adds by itself could let a page act for somebody.
 */

import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import { HttpError } from './http-error.ts'
import type { HttpConfig } from './index.ts'

/** Where a request comes from. `none`: no browser says so. `same`: a page of this listener. */
export type RequestOrigin = 'none' | 'same' | 'listed' | 'foreign'

/** @throws HttpError 421 */
export function requireHost({ host }: IncomingHttpHeaders, config: HttpConfig): void {
  if (isAllowedHost(host, config)) return
  const text =
    'address this listener by IP or localhost, or name the host in protocols.http.allowedHosts'
  throw new HttpError(421, ['permission_denied', 'host_not_allowed'], text)
}

/** @throws HttpError 403 for a page that may not */
export function requireOrigin(headers: IncomingHttpHeaders, config: HttpConfig): RequestOrigin {
  const origin = originOf(headers, config)
  if (origin !== 'foreign') return origin
  const text = `pages of ${headers.origin} may not use this daemon; protocols.http.origins lists those that may`
  throw new HttpError(403, ['permission_denied', 'page_not_allowed'], text)
}

/** IP addresses cannot be rebound; of names only those that mean this machine, or are listed. */
function isAllowedHost(header: string | undefined, config: HttpConfig): boolean {
  // HTTP/1.0 probes send none; browsers always do.
  if (header === undefined) return true
  const host = header.replace(/:\d+$/, '').toLowerCase()
  if (isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0) return true
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  const listened = config.listen.map((address) => (address.kind === 'tcp' ? address.host : ''))
  return [...config.allowedHosts, ...listened].some((name) => name.toLowerCase() === host)
}

function originOf(headers: IncomingHttpHeaders, config: HttpConfig): RequestOrigin {
  const { origin, host } = headers
  if (origin === undefined) return 'none'
  if (config.origins.includes(origin)) return 'listed'
  // `null`, of pages that hide where they come from, is no URL.
  if (host === undefined || !URL.canParse(origin)) return 'foreign'
  const page = new URL(origin)
  // The scheme is not compared: behind a proxy that speaks TLS it is another than here.
  return page.host !== '' && sameHost(page, host) ? 'same' : 'foreign'
}

function sameHost(page: URL, host: string): boolean {
  const own = `${page.protocol}//${host}`
  // Parsing takes the default port of the scheme away from both.
  return URL.canParse(own) && new URL(own).host === page.host
}
