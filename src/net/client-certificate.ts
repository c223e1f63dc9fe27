/**
 * The certificate that the other side of a TLS connection has shown, in the words in which users are mapped. Only one
 * that the authority of the listener vouches for counts; what else was shown is nobody's.
 */

import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { X509Certificate } from 'node:crypto'
import type { ClientCertificate } from '../core/authentication.ts'

/** Undefined: the connection is not TLS, or no certificate was shown, or it was not verified. */
export function certificateOf(socket: Socket): ClientCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
  const certificate = socket.getPeerX509Certificate()
  return certificate && toClientCertificate(certificate)
}

/** Exported for tests. */
export function toClientCertificate(certificate: X509Certificate): ClientCertificate {
  const { subject, subjectAltName, fingerprint256 } = certificate
  // Node writes one relative name a line, the most significant first, values escaped as RFC 4514 has it; texts of that
  // RFC begin with the other end, and join what belongs together without blanks.
  const names = (subject ?? '').split('\n').filter((line) => line !== '')
  return {
    subject: names
      .toReversed()
      .map((name) => name.replaceAll(' + ', '+'))
      .join(','),
    commonName: commonNameOf(names),
    names: namesOf(subjectAltName),
    fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
  }
}

/** One that names several has none: which of them counts is not for us to guess. */
function commonNameOf(names: readonly string[]): string | undefined {
  const found = names.flatMap((name) => name.split(' + ')).filter((part) => part.startsWith('CN='))
  const [only] = found
  if (only === undefined || found.length > 1) return undefined
  return unescaped(only.slice('CN='.length))
}

/** RFC 4514 3: a backslash and either the character itself or two hex digits of a byte of UTF-8. */
function unescaped(value: string): string {
  const bytes = value.replaceAll(/(?:\\[0-9a-fA-F]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('\\', ''), 'hex').toString('utf8'),
  )
  return bytes.replaceAll(/\\(.)/gs, '$1')
}

/** `DNS:a.example, URI:"x, y"`: what holds a comma or a quotation mark is quoted as JSON has it. */
function namesOf(text: string | undefined): string[] {
  const parts = (text ?? '').matchAll(/([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)
  return [...parts].map(([, kind = '', value = '']) => {
    return `${kind}:${value.startsWith('"') ? String(JSON.parse(value)) : value}`
  })
}
