/**
 * Where a TMB server is: `host:port`, `[::1]:port`, a host alone, whose ports 4711 to 4720 are tried in
 * order (spec/tmb 8.1), or a Unix socket as `unix:/path`; `tls+` in front of any asks for TLS.
 */

import { BusError } from '../../model/errors.ts'
import { tmbLimits } from '../../wire/tmb/limits.ts'

export type TmbPlace = { readonly path: string } | { readonly host: string; readonly port: number }

export interface TmbAddress {
  /** The places to try, in order; at least one. */
  readonly places: readonly TmbPlace[]
  readonly tls: boolean
  /** As it was given, or what it stands for. */
  readonly text: string
}

/** How an address is given: as one text, or host and port apart. */
export interface TmbAddressOptions {
  /** `host:port`, `host`, `unix:/path`; `tls+` in front for TLS. Instead of `host` and `port`. */
  readonly address?: string | undefined
  /** Name or IP address without brackets; default 127.0.0.1. */
  readonly host?: string | undefined
  /** Default: the first of 4711 to 4720 at which a TMB server answers. */
  readonly port?: number | undefined
}

const { firstPort, lastPort } = tmbLimits
const defaultHost = '127.0.0.1'

/** @throws BusError `invalid_argument/bad_argument` */
export function parseTmbAddress(options: TmbAddressOptions): TmbAddress {
  const { address, host, port } = options
  if (address === undefined) {
    return tcpAddress('', host === undefined || host === '' ? defaultHost : host, port)
  }
  if (host !== undefined || port !== undefined) {
    throw badAddress(address, 'give either an address, or host and port')
  }
  const tls = address.startsWith('tls+') ? 'tls+' : ''
  const place = address.slice(tls.length)
  if (place.startsWith('unix:')) {
    // Both `unix:/path` and `unix:///path` are customary.
    const path = place.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
    if (path === '' || path.includes('\0')) {
      throw badAddress(address, 'the path of the socket is missing')
    }
    return { places: [{ path }], tls: tls !== '', text: `${tls}unix:${path}` }
  }
  if (place.startsWith('/')) return parseTmbAddress({ address: `${tls}unix:${place}` })
  const parts = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]/\s]*))(?::(\d{1,5}))?$/i.exec(place)
  if (parts === null || place === '') {
    throw badAddress(address, 'expected host:port, host, or unix:/path')
  }
  const named = parts[1] ?? parts[2]
  const given = parts[3] === undefined ? undefined : Number(parts[3])
  return tcpAddress(tls, named === undefined || named === '' ? defaultHost : named, given)
}

/** `host:port` with brackets where needed, or `unix:/path`. */
export function formatPlace(place: TmbPlace): string {
  if ('path' in place) return `unix:${place.path}`
  return `${bracketed(place.host)}:${place.port}`
}

function tcpAddress(tls: string, host: string, port: number | undefined): TmbAddress {
  const shown = `${tls}${bracketed(host)}`
  if (port === undefined) {
    const ports = Array.from({ length: lastPort - firstPort + 1 }, (_, i) => firstPort + i)
    const places = ports.map((each) => ({ host, port: each }))
    return { places, tls: tls !== '', text: `${shown}, ports ${firstPort} to ${lastPort}` }
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw badAddress(`${shown}:${port}`, 'the port must be between 1 and 65535')
  }
  return { places: [{ host, port }], tls: tls !== '', text: `${shown}:${port}` }
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

function badAddress(text: string, why: string): BusError {
  const message = `bad address ${JSON.stringify(text)}: ${why}`
  return new BusError('invalid_argument', 'bad_argument', message)
}
