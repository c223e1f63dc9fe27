/**
 * Proxies for outgoing connections (HTTP CONNECT, RFC 9110 9.3.6): which one is used for an address, by the settings that
 * other programs honour as well, and a connection through it. What passes through is the peer's own TLS or HTTP.
 */

import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { BusError } from '../model/errors.ts'

/** A proxy that is configured: its URL, `off`, or undefined for what the environment says. */
export type ProxySetting = string | undefined

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The proxy for an address; undefined: none.
 * @param isSecure the environment has one proxy for TLS (`https_proxy`) and one for the rest (`http_proxy`)
 */
export function proxyFor(
  { host, port, isSecure }: { host: string; port: number; isSecure: boolean },
  setting: ProxySetting,
  environment: Environment,
): URL | undefined {
  if (setting === 'off') return undefined
  const name = isSecure ? 'https_proxy' : 'http_proxy'
  const text = setting ?? environment[name] ?? environment[name.toUpperCase()] ?? ''
  if (text === '') return undefined
  const without = environment['no_proxy'] ?? environment['NO_PROXY'] ?? ''
  if (isExcepted(host, port, without)) return undefined
  const url = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(url)) throw unusable(text)
  const proxy = new URL(url)
  if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:') throw unusable(text)
  return proxy
}

/** `a.example`, `.example` and `*.example` (its subdomains too), each with `:port` or without; `*` is everything. */
function isExcepted(host: string, port: number, list: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '')
  return list
    .split(/[\s,]+/)
    .filter((item) => item !== '')
    .some((item) => {
      if (item === '*') return true
      const match = /^(.*?)(?::(\d+))?$/.exec(item.replace(/^\*/, '').toLowerCase())
      const suffix = (match?.[1] ?? '').replace(/^\[|\]$/g, '')
      if (match?.[2] !== undefined && Number(match[2]) !== port) return false
      return name === suffix.replace(/^\./, '') || name.endsWith(`.${suffix.replace(/^\./, '')}`)
    })
}

/** `user:password` of a proxy URL; undefined without. */
export function proxyCredentials({ username, password }: URL): string | undefined {
  if (username === '') return undefined
  return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
}

/**
 * A socket to `host:port` through the proxy.
 * @throws BusError `unavailable/connection_lost` that names the proxy and what it said
 */
export function connectThroughProxy(
  proxy: URL,
  address: { host: string; port: number },
  signal: AbortSignal,
): Promise<Socket> {
  const path = `${address.host}:${address.port}`
  const credentials = proxyCredentials(proxy)
  const headers: Record<string, string> = { host: path }
  if (credentials !== undefined) {
    headers['proxy-authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`
  }
  const isSecure = proxy.protocol === 'https:'
  const options = {
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxy.port === '' ? (isSecure ? 443 : 80) : Number(proxy.port),
    method: 'CONNECT',
    path,
    headers,
    agent: false as const,
    signal,
  }
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      const text = `no connection: the proxy ${proxy.host} ${why}`
      reject(new BusError('unavailable', 'connection_lost', text))
    }
    const request = (isSecure ? httpsRequest : httpRequest)(options)
    request.once('connect', ({ statusCode, statusMessage }, socket: Socket, head: Buffer) => {
      if (statusCode !== 200) {
        socket.destroy()
        fail(`answered ${statusCode} ${statusMessage} to CONNECT ${path}`)
        return
      }
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    request.once('response', ({ statusCode }) => {
      request.destroy()
      fail(`answered ${statusCode} to CONNECT ${path}`)
    })
    request.once('error', ({ message }) => fail(`cannot be used: ${message}`))
    request.end()
  })
}

function unusable(text: string): BusError {
  // It may hold a password.
  const shown = text.replace(/\/\/.*@/, '//…@')
  const why = `proxy ${JSON.stringify(shown)} is not http://host:port`
  return new BusError('failed_precondition', 'bad_config', why)
}
