/**
 * The one grammar for the addresses listeners bind to (architecture 9): `host:port`, `[::1]:port`,
 * `:port`, `unix:/path`, each with `tls+` in front for TLS. Parsing looks at the text only; nothing
 * is resolved or bound here. Ruled out: guessing (a bare port, an IPv6 address without brackets),
 * because a listener on the wrong interface is a hole, not a typing error.
 */

import { BlockList, isIP } from 'node:net'

/** What holds for one listener where it is not what holds for all. */
export interface ListenerSettings {
  /** Whether clients of a TLS listener show certificates; default: as `tls.clientCertificates` says. */
  readonly clientCertificates?: 'off' | 'optional' | 'required' | undefined
  /** What a connection itself proves and counts as who the client is; default: both. */
  readonly identifyBy?: readonly ConnectionProof[] | undefined
  /** Connections at a time; default 100,000. */
  readonly maxConnections?: number | undefined
  /** Connections at a time from one IP address; default: as many as there may be. */
  readonly maxConnectionsPerAddress?: number | undefined
}

/** The client certificate of a TLS connection, or the process at the other end of a Unix socket. */
export type ConnectionProof = 'certificate' | 'process'

/** Where a listener binds. `tls` means: with the server certificate of the daemon. */
export type ListenAddress = { readonly settings?: ListenerSettings | undefined } & (
  | {
      readonly kind: 'tcp'
      /** IP address without brackets or host name; empty: every interface. */
      readonly host: string
      /** 0: the system chooses. */
      readonly port: number
      readonly tls: boolean
    }
  | { readonly kind: 'unix'; readonly path: string; readonly tls: boolean }
)

/** The text is not an address; the message says what was expected, for people to read. */
export class AddressError extends Error {
  constructor(text: string, why: string) {
    super(`${JSON.stringify(text)}: ${why}`)
    this.name = 'AddressError'
  }
}

// sun_path of unix(7) holds 108 bytes on Linux and 104 elsewhere, the closing zero included.
const unixPathBytes = process.platform === 'linux' ? 107 : 103
const hostName =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i

/** @throws AddressError */
export function parseListenAddress(text: string): ListenAddress {
  const trimmed = text.trim()
  const tls = trimmed.startsWith('tls+')
  const rest = tls ? trimmed.slice(4) : trimmed
  if (rest.startsWith('unix:')) return { kind: 'unix', path: parseUnixPath(text, rest), tls }
  if (rest.includes('://')) throw new AddressError(text, 'an address to listen on has no scheme')

  const colon = rest.lastIndexOf(':')
  if (colon === -1) {
    const hint = /^\d+$/.test(rest) ? `; for every interface write :${rest}` : ''
    throw new AddressError(text, `expected host:port, [::1]:port, :port or unix:/path${hint}`)
  }
  return {
    kind: 'tcp',
    host: parseHost(text, rest.slice(0, colon)),
    port: parsePort(text, rest.slice(colon + 1)),
    tls,
  }
}

/** `host:port`, `[::1]:port`, `:port` or `unix:/path`, with `tls+` in front; parsing gives it back. */
export function formatListenAddress(address: ListenAddress): string {
  const prefix = address.tls ? 'tls+' : ''
  if (address.kind === 'unix') return `${prefix}unix:${address.path}`
  return `${prefix}${formatHostPort(address.host, address.port)}`
}

/** `host:port` with the brackets an IPv6 address needs. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')
loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6')

/**
 * Whether only this machine can reach the address. A host name other than `localhost` counts as
 * reachable from outside: what it resolves to may change.
 */
export function isLocalOnly(address: ListenAddress): boolean {
  if (address.kind === 'unix') return true
  if (/^localhost\.?$/i.test(address.host)) return true
  return isLoopback(address.host)
}

/** Whether this IP address is one of this machine alone. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  return family !== 0 && loopback.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

/** Whether binding failed because somebody else has the address; looks through causes and wrappers. */
export function isAddressInUse(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) {
    if (('code' in e && e.code === 'EADDRINUSE') || e.message.includes('EADDRINUSE')) return true
  }
  return false
}

function parseUnixPath(text: string, rest: string): string {
  const path = rest.slice('unix:'.length)
  if (path === '' || path.includes('\0')) throw new AddressError(text, 'unix: needs a path')
  const bytes = Buffer.byteLength(path)
  if (bytes > unixPathBytes) {
    throw new AddressError(text, `the path has ${bytes} bytes, a socket takes ${unixPathBytes}`)
  }
  return path
}

function parseHost(text: string, host: string): string {
  if (host === '') return ''
  if (host.startsWith('[') && host.endsWith(']')) {
    const inner = host.slice(1, -1)
    if (isIP(inner) !== 6) throw new AddressError(text, `${inner} is not an IPv6 address`)
    return inner
  }
  if (host.includes(':')) {
    throw new AddressError(text, `an IPv6 address needs brackets: [${host}]:port`)
  }
  // What looks like an IPv4 address must be one: 1.2.3.400 is not a host name.
  if (/^[\d.]+$/.test(host) ? isIP(host) !== 4 : !hostName.test(host)) {
    throw new AddressError(text, `${JSON.stringify(host)} is neither an IP address nor a host name`)
  }
  return host
}

function parsePort(text: string, digits: string): number {
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : NaN
  if (!(port <= 65_535)) {
    throw new AddressError(text, `port ${JSON.stringify(digits)} is not a number from 0 to 65535`)
  }
  return port
}
