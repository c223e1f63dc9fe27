/**
 * What is needed to reach a peer and is kept in files: certificates, a token. They are read anew for every connection,
 * so that renewed ones are used without a restart; each peer can have its own (defect L36).
 */

import { createHash, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { checkServerIdentity, type PeerCertificate, rootCertificates } from 'node:tls'
import { BusError } from '../model/errors.ts'

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

/** The contents of the files. */
export interface PeerTlsMaterial {
  /** All authorities that are trusted; undefined: those of Node.js. */
  readonly roots: Buffer | undefined
  readonly cert: Buffer | undefined
  readonly key: Buffer | undefined
  /**
   * With a public key the peer is bound to its certificate: whoever else answers there is refused, whatever it says of
   * itself.
   */
  readonly checkIdentity: (host: string, certificate: PeerCertificate) => Error | undefined
}

/** @throws BusError `failed_precondition/bad_config` when a file cannot be read */
export async function readPeerTls({ ca, cert, key, publicKey }: PeerTls): Promise<PeerTlsMaterial> {
  const [authority, certificate, privateKey] = await Promise.all([
    read('TLS authority', ca),
    read('TLS certificate', cert),
    read('TLS private key', key),
  ])
  return {
    roots: authority && Buffer.from([...rootCertificates, authority.toString()].join('\n')),
    cert: certificate,
    key: privateKey,
    checkIdentity: (host, shown) =>
      checkServerIdentity(host, shown) ??
      (publicKey === undefined ? undefined : checkPublicKey(shown, publicKey)),
  }
}

/** The value of the header `authorization`; undefined without a file. @throws as `readPeerTls` */
export async function readAuthorization(
  tokenFile: string | undefined,
): Promise<string | undefined> {
  const token = (await read('token', tokenFile))?.toString().trim()
  return token === undefined ? undefined : `Bearer ${token}`
}

export function unusable(text: string, cause: unknown): BusError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new BusError('failed_precondition', 'bad_config', `${text}: ${why}`, { cause })
}

function checkPublicKey({ raw }: PeerCertificate, expected: string): Error | undefined {
  const spki = new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' })
  const found = createHash('sha256').update(spki).digest('hex')
  if (found === expected) return undefined
  return new Error(`identity mismatch: the public key of the certificate is ${found}`)
}

async function read(what: string, file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined
  try {
    return await readFile(file)
  } catch (cause) {
    throw unusable(`the ${what} for peers cannot be read`, cause)
  }
}
