/**
 * How a peer is reached over gRPC. Certificates are read anew for every connection, so that renewed ones
 * are used without a restart; each peer can have its own (defect L36). With `publicKey` the identity of a
 * peer is bound to its certificate: whoever else answers there is refused, whatever it says of itself.
 */

import { createHash, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { checkServerIdentity, rootCertificates, type PeerCertificate } from 'node:tls'
import { ChannelCredentials } from '@grpc/grpc-js'
import { BusError } from '../model/errors.ts'
import { dialGrpcPeer } from './grpc-peer.ts'
import type { DialV1 } from './v1-port.ts'

/** Names of PEM files. */
export interface PeerTls {
  /** Trusted besides the authorities of Node.js. */
  readonly ca?: string | undefined
  /** Shown to the peer; together with `key`. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** Name to verify instead of the host of the endpoint. */
  readonly domain?: string | undefined
  /** SHA-256 of the public key (SPKI) of the peer's certificate, lower case hex. */
  readonly publicKey?: string | undefined
}

/**
 * @param endpoint `http://host:port` or `https://host:port`; TLS is used with `https` only
 * @param envelopeBytes larger messages are not taken
 */
export function grpcDialer(endpoint: string, tls: PeerTls, envelopeBytes: number): DialV1 {
  const isSecure = /^https:/i.test(endpoint)
  // URL drops a port that is the default of the scheme.
  const address = endpoint.replace(/^https?:\/\//i, '').replace(/\/$/, '')
  const serverName = isSecure ? tls.domain : undefined
  return async (signal) => {
    const credentials = isSecure
      ? await secureCredentials(tls)
      : ChannelCredentials.createInsecure()
    return dialGrpcPeer({ address, credentials, serverName, envelopeBytes }, signal)
  }
}

async function secureCredentials(tls: PeerTls): Promise<ChannelCredentials> {
  const [ca, cert, key] = await Promise.all([
    readPem('authority', tls.ca),
    readPem('certificate', tls.cert),
    readPem('private key', tls.key),
  ])
  const roots = ca && Buffer.from([...rootCertificates, ca.toString()].join('\n'))
  const { publicKey } = tls
  const options =
    publicKey === undefined
      ? {}
      : {
          checkServerIdentity: (host: string, certificate: PeerCertificate) =>
            checkServerIdentity(host, certificate) ?? checkPublicKey(certificate, publicKey),
        }
  try {
    return ChannelCredentials.createSsl(roots ?? null, key ?? null, cert ?? null, options)
  } catch (cause) {
    throw unusable(`the TLS files for peers cannot be used: ${textOf(cause)}`, cause)
  }
}

function checkPublicKey({ raw }: PeerCertificate, expected: string): Error | undefined {
  const spki = new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' })
  const found = createHash('sha256').update(spki).digest('hex')
  if (found === expected) return undefined
  return new Error(`identity mismatch: the public key of the certificate is ${found}`)
}

async function readPem(what: string, file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined
  try {
    return await readFile(file)
  } catch (cause) {
    throw unusable(`the TLS ${what} for peers cannot be read: ${textOf(cause)}`, cause)
  }
}

function unusable(text: string, cause: unknown): BusError {
  return new BusError('failed_precondition', 'bad_config', text, { cause })
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
