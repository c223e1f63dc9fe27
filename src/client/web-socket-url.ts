/** Where the tunnel of a daemon is, from what a program says about it. */

import { BusError } from '../model/errors.ts'
import { tunnelPath } from '../wire/web-socket/tunnel-frame.ts'

/**
 * @param target `ws://…`, `wss://…`, `http://…`, `https://…`, `host:port`, `/path` at the page's own host, or nothing:
 *   `/msgbus` there. Where no path is given it is `/msgbus`.
 * @param page origin of the page, `http://host:port`; undefined where there is no page
 * @throws BusError `invalid_argument/bad_argument`
 */
export function toWebSocketUrl(
  target: string = '',
  page: string | undefined = pageOrigin(),
): string {
  const isPathOnly = target === '' || target.startsWith('/')
  if (isPathOnly && page === undefined) {
    throw badAddress(target, 'there is no page to take the host from: say ws://host:port')
  }
  const scheme = page?.startsWith('https:') === true ? 'wss' : 'ws'
  const text = isPathOnly
    ? `${page}${target}`
    : /^[a-z][a-z0-9+.-]*:\/\//i.test(target)
      ? target
      : `${scheme}://${target}`
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw badAddress(target, 'expected ws://host:port')
  }
  if (url.protocol === 'http:') url.protocol = 'ws:'
  if (url.protocol === 'https:') url.protocol = 'wss:'
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw badAddress(
      target,
      `the scheme ${url.protocol.slice(0, -1)} is not one of ws, wss, http, https`,
    )
  }
  if (url.pathname === '/') url.pathname = tunnelPath
  // A WebSocket's address has none.
  url.hash = ''
  return url.href
}

/** Not the address: that of a worker made from a blob names no host. */
function pageOrigin(): string | undefined {
  const { location } = globalThis as { readonly location?: { readonly origin?: string } }
  const origin = location?.origin
  return origin?.startsWith('http') === true ? origin : undefined
}

/** The origin of the page, when it is another than that of the address: a daemon must be told to let it in. */
export function foreignPage(
  url: string,
  page: string | undefined = pageOrigin(),
): string | undefined {
  if (page === undefined || new URL(page).host === new URL(url).host) return undefined
  return page
}

function badAddress(text: string, why: string): BusError {
  return new BusError(
    'invalid_argument',
    'bad_argument',
    `bad address ${JSON.stringify(text)}: ${why}`,
  )
}
