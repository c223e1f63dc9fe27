/**
 * Where a BUS/RT broker is. The rule of the protocol (spec/busrt 1.1): a text that begins with `/`, or
 * ends with `.sock`, `.socket` or `.ipc`, is the path of a Unix socket, everything else is `host:port`.
 * On top of it the grammar of the other addresses of msgbus: `unix:/path`, `[::1]:port`, `:port`.
 */

import { BusError } from '../../model/errors.ts'

export type BusrtAddress =
  { readonly path: string } | { readonly host: string; readonly port: number }

/** @throws BusError `invalid_argument/bad_argument` */
export function parseBusrtAddress(text: string): BusrtAddress {
  if (text.startsWith('unix:')) {
    // Both `unix:/path` and `unix:///path` are customary.
    return unixAddress(text, text.slice('unix:'.length).replace(/^\/\/(?=\/)/, ''))
  }
  // A web socket may well have a path that ends like a socket file.
  if (/^wss?:\/\//i.test(text)) {
    throw badAddress(text, 'this client speaks TCP and Unix sockets, not WebSocket')
  }
  if (/^\/|\.(?:sock|socket|ipc)$/.test(text)) return unixAddress(text, text)
  const parts = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]/\s]*)):(\d{1,5})$/i.exec(text)
  if (parts === null)
    throw badAddress(text, 'expected host:port, unix:/path or the path of a socket')
  const port = Number(parts[3])
  if (port < 1 || port > 65_535) throw badAddress(text, 'the port must be between 1 and 65535')
  return { host: parts[1] ?? (parts[2] || '127.0.0.1'), port }
}

function unixAddress(text: string, path: string): BusrtAddress {
  if (path === '' || path.includes('\0'))
    throw badAddress(text, 'the path of the socket is missing')
  return { path }
}

function badAddress(text: string, why: string): BusError {
  return new BusError(
    'invalid_argument',
    'bad_argument',
    `bad address ${JSON.stringify(text)}: ${why}`,
  )
}
