/**
 * Where a BUS/RT broker is. The rule of the protocol (spec/busrt 1.1): a text that begins with `/`, or
 * ends with `.sock`, `.socket` or `.ipc`, is the path of a Unix socket, everything else is `host:port`.
 * On top of it the grammar of the other addresses of msgbus: `unix:/path`, `[::1]:port`, `:port`, and
 * `tls+` in front of any for TLS.
 */

import { BusError } from '../../model/errors.ts'

export interface BusrtAddress {
  readonly at: { readonly path: string } | { readonly host: string; readonly port: number }
  readonly tls: boolean
}

/** @throws BusError `invalid_argument/bad_argument` */
export function parseBusrtAddress(text: string): BusrtAddress {
  const tls = text.startsWith('tls+')
  return { at: parsePlace(text, tls ? text.slice('tls+'.length) : text), tls }
}

/** @param text the whole address, for the error */
function parsePlace(text: string, place: string): BusrtAddress['at'] {
  if (place.startsWith('unix:')) {
    // Both `unix:/path` and `unix:///path` are customary.
    return unixPlace(text, place.slice('unix:'.length).replace(/^\/\/(?=\/)/, ''))
  }
  // A web socket may well have a path that ends like a socket file.
  if (/^wss?:\/\//i.test(place)) {
    throw badAddress(text, 'this client speaks TCP, TLS and Unix sockets, not WebSocket')
  }
  if (/^\/|\.(?:sock|socket|ipc)$/.test(place)) return unixPlace(text, place)
  const parts = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]/\s]*)):(\d{1,5})$/i.exec(place)
  if (parts === null) {
    throw badAddress(text, 'expected host:port, unix:/path or the path of a socket')
  }
  const port = Number(parts[3])
  if (port < 1 || port > 65_535) throw badAddress(text, 'the port must be between 1 and 65535')
  const host = parts[1] ?? parts[2]
  return { host: host === undefined || host === '' ? '127.0.0.1' : host, port }
}

function unixPlace(text: string, path: string): { readonly path: string } {
  if (path !== '' && !path.includes('\0')) return { path }
  throw badAddress(text, 'the path of the socket is missing')
}

function badAddress(text: string, why: string): BusError {
  return new BusError(
    'invalid_argument',
    'bad_argument',
    `bad address ${JSON.stringify(text)}: ${why}`,
  )
}
