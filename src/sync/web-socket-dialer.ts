/**
 * How a peer is reached by WebSocket, on its HTTP port: `ws://host:port` or `wss://host`, through a proxy where one is
 * set. Only links pass there; a peer that knows none cannot be reached so.
 */

import type { Socket } from 'node:net'
import process from 'node:process'
import { connect as connectTls } from 'node:tls'
import { WebSocket } from 'ws'
import { BusError } from '../model/errors.ts'
import type { FrameStream } from '../net/frame-stream.ts'
import { tunnelPath, tunnelProtocol } from '../wire/web-socket/tunnel-frame.ts'
import type { DialSettings } from './grpc-dialer.ts'
import { connectThroughProxy, proxyFor } from './http-proxy.ts'
import { type PeerTls, readAuthorization, readPeerTls } from './peer-secrets.ts'
import { TunnelFrameStream } from './tunnel-frame-stream.ts'
import type { DialV1, V1Peer } from './v1-port.ts'

/** What a message of the tunnel has besides the largest message of a log. */
const messageOverheadBytes = 262_144

export function webSocketDialer(endpoint: string, settings: DialSettings): DialV1 {
  const url = new URL(endpoint)
  // Where no path is named it is where msgbus offers it; a reverse proxy may have put it elsewhere.
  if (url.pathname === '/') url.pathname = tunnelPath
  const isSecure = url.protocol === 'wss:'
  const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port)
  const target = { host: url.hostname, port, isSecure }
  return async (signal) => {
    const { tls, tokenFile, envelopeBytes } = settings
    const proxy = proxyFor(target, settings.proxy, process.env)
    const authorization = await readAuthorization(tokenFile)
    const tunnel = proxy && (await connectThroughProxy(proxy, target, signal))
    const socket = isSecure ? await secure(tunnel, target, tls) : tunnel
    const webSocket = new WebSocket(url, [tunnelProtocol], {
      perMessageDeflate: false,
      maxPayload: 2 * (envelopeBytes + messageOverheadBytes),
      ...(authorization === undefined ? {} : { headers: { authorization } }),
      ...(socket === undefined ? {} : { createConnection: () => socket }),
    })
    // Until the stream listens.
    webSocket.on('error', () => undefined)
    return new WebSocketPeer(webSocket, signal)
  }
}

/** TLS to the peer, straight or through what stands already. */
async function secure(
  tunnel: Socket | undefined,
  { host, port }: { host: string; port: number },
  tls: PeerTls,
): Promise<Socket> {
  const { roots, cert, key, checkIdentity } = await readPeerTls(tls)
  const name = tls.domain ?? host.replace(/^\[|\]$/g, '')
  return connectTls({
    ...(tunnel === undefined ? { host: host.replace(/^\[|\]$/g, ''), port } : { socket: tunnel }),
    // An address is no name to ask for.
    ...(/^[\d.]+$|:/.test(name) ? {} : { servername: name }),
    ...(roots === undefined ? {} : { ca: roots }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ALPNProtocols: ['http/1.1'],
    checkServerIdentity: (_host, certificate) => checkIdentity(name, certificate),
  })
}

class WebSocketPeer implements V1Peer {
  readonly #webSocket: WebSocket

  constructor(webSocket: WebSocket, signal: AbortSignal) {
    this.#webSocket = webSocket
    const close = (): void => this.close()
    signal.addEventListener('abort', close)
    webSocket.once('close', () => signal.removeEventListener('abort', close))
    if (signal.aborted) close()
  }

  openLink(): FrameStream {
    return new TunnelFrameStream(this.#webSocket)
  }

  health(): Promise<never> {
    return Promise.reject(linksOnly())
  }

  listHeads(): Promise<never> {
    return Promise.reject(linksOnly())
  }

  fetch(): never {
    throw linksOnly()
  }

  close(): void {
    this.#webSocket.terminate()
  }
}

function linksOnly(): BusError {
  const text =
    'the peer knows no links, and nothing else passes through a WebSocket; name its gRPC port'
  return new BusError('unimplemented', 'unsupported', text)
}
