/** The sockets that a client of BUS/RT uses: TCP, Unix, and TLS over either. */

import net from 'node:net'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { ClientTlsOptions } from '../grpc-transport.ts'
import type { BusrtAddress } from './busrt-address.ts'

// Reading and what follows are one call, and whatever is kept is copied: one buffer serves all.
const readBuffer = Buffer.allocUnsafe(65_536)

/**
 * Begins to connect.
 * @param onBytes gets what comes, as `bytes[0..length)`, borrowed for the call
 */
export function openSocket(
  address: BusrtAddress,
  options: ClientTlsOptions | undefined,
  onBytes: (bytes: Buffer, length: number) => void,
): Socket {
  const { at } = address
  if (!address.tls) {
    const callback = (length: number) => {
      onBytes(readBuffer, length)
      return true
    }
    return net.connect({ ...at, noDelay: true, onread: { buffer: readBuffer, callback } })
  }
  const { ca, cert, key, serverName } = options ?? {}
  const host = 'host' in at && net.isIP(at.host) === 0 ? at.host : undefined
  const servername = serverName ?? host
  const socket = tls.connect({
    ...at,
    // A socket file has no name that a certificate could be for, unless one is given.
    ...(servername !== undefined && { servername }),
    ...(ca !== undefined && { ca: pem(ca) }),
    ...(cert !== undefined && { cert: pem(cert) }),
    ...(key !== undefined && { key: pem(key) }),
  })
  socket.setNoDelay(true)
  socket.on('data', (bytes: Buffer) => onBytes(bytes, bytes.length))
  return socket
}

function pem(material: string | Uint8Array): string | Buffer {
  return typeof material === 'string' ? material : Buffer.from(material)
}
