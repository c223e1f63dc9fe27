/**
 * What both ends of a TLS connection know and nobody between them does, for proofs that are bound to it (RFC 5929,
 * RFC 9266): whoever passes on somebody else's proof has another connection.
 */

import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

const bytes = 32

/**
 * 32 octets; undefined: no TLS, or this version of it has none of that kind.
 * @param kind `tls-exporter`: keying material for the label of RFC 9266, of TLS 1.3 alone; `tls-unique`: SHA-256 of the
 *   first Finished message of the handshake, up to TLS 1.2
 */
export function channelIdOf(socket: Socket, kind: string): Uint8Array | undefined {
  if (!(socket instanceof TLSSocket)) return undefined
  const isNewest = socket.getProtocol() === 'TLSv1.3'
  if (kind === 'tls-exporter' && isNewest) {
    return socket.exportKeyingMaterial(bytes, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
  }
  if (kind !== 'tls-unique' || isNewest) return undefined
  // The client is the first to finish, but for a session that is resumed.
  const first = socket.isSessionReused() ? socket.getFinished() : socket.getPeerFinished()
  return first === undefined ? undefined : createHash('sha256').update(first).digest()
}
