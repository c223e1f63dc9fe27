/**
 * Upgrades to anything but WebSocket. Some clients (Java's) offer `h2c` with their first request, and mean it to be
 * ignored by those who do not know it (RFC 9110 7.8). Node hands every request with an upgrade over with its bare
 * connection, so such a request is put back in front of what follows, without the offer, and read again.
 */

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

export function isWebSocketUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * The connection is as if the request had just begun; whoever serves connections has to take it.
 * @param head what of the connection was read after the header of the request
 */
export function putBackWithoutUpgrade(
  request: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
): void {
  const { method = '', url = '', httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    const value = rawHeaders[i + 1] ?? ''
    const kept = keptValue(name.toLowerCase(), value)
    if (kept !== undefined) lines.push(`${name}: ${kept}`)
  }
  // Node reads the bytes of a header as Latin-1.
  const begin = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  socket.unshift(Buffer.concat([begin, head]))
}

/** Undefined for what belongs to the upgrade. */
function keptValue(name: string, value: string): string | undefined {
  if (name === 'upgrade' || name === 'http2-settings') return undefined
  if (name !== 'connection') return value
  const others = value
    .split(',')
    .map((option) => option.trim())
    .filter((option) => !/^(upgrade|http2-settings)$/i.test(option))
  return others.length === 0 ? undefined : others.join(', ')
}
