/** How a peer is reached over gRPC: what its endpoint and settings mean for the channel. */

import process from 'node:process'
import { ChannelCredentials } from '@grpc/grpc-js'
import { dialGrpcPeer } from './grpc-peer.ts'
import { proxyFor, type ProxySetting } from './http-proxy.ts'
import { type PeerTls, readAuthorization, readPeerTls, unusable } from './peer-secrets.ts'
import type { DialV1 } from './v1-port.ts'

export interface DialSettings {
  readonly tls: PeerTls
  /** File with the token that is shown to the peer. */
  readonly tokenFile?: string | undefined
  readonly proxy?: ProxySetting
  /** Larger messages are not taken. */
  readonly envelopeBytes: number
}

/** @param endpoint `http://host:port` or `https://host:port`; TLS is used with `https` only */
export function grpcDialer(endpoint: string, settings: DialSettings): DialV1 {
  const { tls, tokenFile, envelopeBytes } = settings
  const isSecure = /^https:/i.test(endpoint)
  // URL drops a port that is the default of the scheme.
  const address = endpoint.replace(/^https?:\/\//i, '').replace(/\/$/, '')
  const serverName = isSecure ? tls.domain : undefined
  const split = address.lastIndexOf(':')
  const target = { host: address.slice(0, split), port: Number(address.slice(split + 1)), isSecure }
  return async (signal) => {
    const proxy = proxyFor(target, settings.proxy, process.env)
    const authorization = await readAuthorization(tokenFile)
    const credentials = isSecure
      ? await secureCredentials(tls)
      : ChannelCredentials.createInsecure()
    const options = { address, credentials, serverName, envelopeBytes, proxy, authorization }
    return dialGrpcPeer(options, signal)
  }
}

async function secureCredentials(tls: PeerTls): Promise<ChannelCredentials> {
  const { roots, key, cert, checkIdentity } = await readPeerTls(tls)
  const options = tls.publicKey === undefined ? {} : { checkServerIdentity: checkIdentity }
  try {
    return ChannelCredentials.createSsl(roots ?? null, key ?? null, cert ?? null, options)
  } catch (cause) {
    throw unusable('the TLS files for peers cannot be used', cause)
  }
}
