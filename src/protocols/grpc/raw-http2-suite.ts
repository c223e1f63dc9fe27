/**
 * A gRPC client of bare HTTP/2 for the suites: sends what no proper client sends, does not react to
 * GOAWAY, and stops reading when it is told to.
 */

import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2'
import { once } from 'node:events'

export interface RawAnswer {
  /** grpc-status; undefined when the call was reset. */
  readonly status: number | undefined
  /** As it was sent, percent-encoded. */
  readonly message: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface RawSession {
  readonly session: ClientHttp2Session
  /** One request message with its five bytes before it, and half-close. */
  call(path: string, message: Uint8Array, headers?: Record<string, string>): Promise<RawAnswer>
  /** Like `call`, with the bytes as they stand. */
  send(path: string, body: Uint8Array, headers?: Record<string, string>): Promise<RawAnswer>
  close(): void
}

/** @param address `host:port` */
export async function openRawSession(address: string): Promise<RawSession> {
  const session = connect(`http://${address}`)
  await once(session, 'connect')
  session.on('error', () => undefined)

  const send: RawSession['send'] = async (path, body, headers = {}) => {
    const request = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    request.on('error', () => undefined)
    const chunks: Buffer[] = []
    let received: IncomingHttpHeaders = {}
    request.on('response', (response) => (received = { ...received, ...response }))
    request.on('trailers', (trailers) => (received = { ...received, ...trailers }))
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.end(body)
    // Not `once` of node:events, which would reject when the call is reset.
    await new Promise((resolve) => request.on('close', resolve))
    const status = received['grpc-status']
    return {
      status: status === undefined ? undefined : Number(status),
      message: String(received['grpc-message'] ?? ''),
      headers: received,
      body: Buffer.concat(chunks),
    }
  }
  return {
    session,
    send,
    call: async (path, message, headers) => send(path, framed(message), headers),
    close: () => session.destroy(),
  }
}

/** A message with the prefix of gRPC: not compressed, length. */
export function framed(message: Uint8Array, compressed = 0): Buffer {
  const prefix = Buffer.from([compressed, 0, 0, 0, 0])
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}
