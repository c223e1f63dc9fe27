/**
 * Outgoing connections of protocols that are a stream of bytes: TCP, Unix sockets and TLS, in the shape of accepted
 * ones, so that what serves those serves these as well.
 */

import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { formatHostPort } from './address.ts'
import { ByteConnection } from './byte-connection.ts'
import type { FlushSchedule } from './outbox.ts'
import { readFrom } from './read-buffer.ts'

export type DialTarget =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** PEM material of a client. */
export interface DialTls {
  /** Trusted instead of the authorities of the system. */
  readonly ca: Buffer | undefined
  readonly cert: Buffer | undefined
  readonly key: Buffer | undefined
  /** Name that the certificate must have; undefined: the host. */
  readonly serverName: string | undefined
}

export interface DialOptions {
  readonly target: DialTarget
  /** Undefined: without TLS. */
  readonly tls: DialTls | undefined
  readonly schedule: FlushSchedule
  /** High mark of the outbox. */
  readonly highBytes: number
  /** Gives up, also in the middle of a TLS handshake. */
  readonly signal: AbortSignal
}

/**
 * Resolves when the other side is there and, with TLS, is who it should be. Nothing is handed on before the turn in which
 * it resolves is over, so that its owner can be set.
 * @throws the system's error; what TLS says of the certificate
 */
export async function dialBytes(options: DialOptions): Promise<ByteConnection> {
  const { target, tls, schedule, highBytes, signal } = options
  const socket = open(target, tls)
  const isReady = tls === undefined ? 'connect' : 'secureConnect'
  await new Promise<void>((resolve, reject) => {
    const giveUp = () => {
      socket.destroy(new Error('no connection in time'))
    }
    const settle = (then: () => void) => () => {
      signal.removeEventListener('abort', giveUp)
      socket.removeListener('error', failed).removeListener(isReady, connected)
      then()
    }
    let error: Error = new Error('the connection was closed')
    const failed = (why: Error) => {
      error = why
      settle(() => reject(error))()
    }
    const connected = settle(resolve)
    socket.on('error', failed).on(isReady, connected)
    signal.addEventListener('abort', giveUp)
    if (signal.aborted) giveUp()
  })
  const connection = new ByteConnection({
    socket,
    transport: target.kind === 'unix' ? 'local_ipc' : 'tcp',
    source: target.kind === 'unix' ? undefined : formatHostPort(target.host, target.port),
    listener: '',
    schedule,
    highBytes,
  })
  readFrom(socket, 'events', (bytes, length) => connection.receive(bytes, length))
  return connection
}

function open(target: DialTarget, tls: DialTls | undefined): Socket {
  const where =
    target.kind === 'unix'
      ? { path: target.path }
      : { host: target.host, port: target.port, noDelay: true }
  if (tls === undefined) return connect(where)
  const { ca, cert, key, serverName } = tls
  const name = serverName ?? (target.kind === 'tcp' ? target.host : undefined)
  // An address is no name that could be asked for; the certificate is checked against it all the same.
  const isName = name !== undefined && !/^[\d.]+$|:/.test(name)
  return connectTls({
    ...where,
    ca,
    cert,
    key,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['mqtt'],
    ...(isName && { servername: name }),
  })
}
