/**
 * Where a daemon is: `host:port`, `:port`, `[::1]:port`, `http://host:port`, `https://host:port`
 * (TLS) or `unix:/path`. A missing port is 50051, the daemon's default.
 */

import { BusError } from '../model/errors.ts'

export interface Target {
  /** Host names and addresses without brackets; undefined for `unix:`. */
  readonly host: string | undefined
  /** 0 for `unix:`. */
  readonly port: number
  /** Path of the socket; undefined otherwise. */
  readonly socketPath: string | undefined
  /** TLS was asked for by `https://`. */
  readonly tls: boolean
}

export const defaultTarget = '127.0.0.1:50051'

const defaultPort = 50_051

/** @throws BusError `invalid_argument/bad_argument` */
export function parseTarget(text: string): Target {
  if (text.startsWith('unix:')) {
    // Both `unix:/path` and `unix:///path` are customary.
    const socketPath = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
    if (socketPath === '') throw badTarget(text, 'the path of the socket is missing')
    return { host: undefined, port: 0, socketPath, tls: false }
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)
  const name = scheme?.[1]?.toLowerCase()
  if (name !== undefined && name !== 'http' && name !== 'https') {
    throw badTarget(text, `the scheme ${name} is not one of http, https, unix`)
  }
  const rest = text.slice(scheme?.[0].length ?? 0).replace(/\/$/, '')
  const parts = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]/\s]*))(?::(\d{1,5}))?$/i.exec(rest)
  if (parts === null || rest === '') throw badTarget(text, 'expected host:port')
  const port = parts[3] === undefined ? defaultPort : Number(parts[3])
  if (port < 1 || port > 65_535) throw badTarget(text, 'the port must be between 1 and 65535')
  const host = parts[1] ?? (parts[2] === '' ? '127.0.0.1' : parts[2])
  return { host, port, socketPath: undefined, tls: name === 'https' }
}

/** `host:port` with brackets where needed, or `unix:/path`. */
export function formatTarget(target: Target): string {
  if (target.socketPath !== undefined) return `unix:${target.socketPath}`
  const host = target.host ?? ''
  return `${host.includes(':') ? `[${host}]` : host}:${target.port}`
}

function badTarget(text: string, why: string): BusError {
  return new BusError(
    'invalid_argument',
    'bad_argument',
    `bad address ${JSON.stringify(text)}: ${why}`,
  )
}
