/**
 * A certificate authority for development and small networks: made once per folder, and certificates signed by it.
 * Keys are RSA of 2,048 bits made by Node.js; the certificates are X.509 v3 with what current TLS libraries ask for
 * (RFC 5280: basic constraints, key usage, extended key usage, subject alternative names, key identifiers).
 */

import forge from 'node-forge'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'

const dayMs = 86_400_000

export interface PemPair {
  readonly certificate: string
  readonly key: string
}

export interface CertificateOptions {
  readonly commonName: string
  /** Of a server: DNS names and IP addresses; the first is usually the common name. */
  readonly hosts: readonly string[]
  readonly use: 'server' | 'client'
  readonly days: number
}

/** An authority that may sign servers and clients and nothing above them. */
export function makeAuthority(commonName: string, days: number): PemPair {
  const { keys, key } = makeKeys()
  const certificate = newCertificate(keys.publicKey, commonName, days)
  certificate.setIssuer(certificate.subject.attributes)
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
    { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
    { name: 'subjectKeyIdentifier' },
  ])
  certificate.sign(keys.privateKey, forge.md.sha256.create())
  return { certificate: pemOf(certificate), key }
}

/** @throws Error when the authority is no PEM that can be read */
export function issueCertificate(
  authority: PemPair,
  { commonName, hosts, use, days }: CertificateOptions,
): PemPair {
  const issuer = forge.pki.certificateFromPem(authority.certificate)
  const issuerKey = forge.pki.privateKeyFromPem(authority.key)
  const { keys, key } = makeKeys()
  const certificate = newCertificate(keys.publicKey, commonName, days)
  certificate.setIssuer(issuer.subject.attributes)
  const altNames = hosts.map((host) =>
    isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host },
  )
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: false },
    { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
    { name: 'extKeyUsage', serverAuth: use === 'server', clientAuth: use === 'client' },
    { name: 'subjectKeyIdentifier' },
    {
      name: 'authorityKeyIdentifier',
      keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes(),
    },
    ...(altNames.length === 0 ? [] : [{ name: 'subjectAltName', altNames }]),
  ])
  certificate.sign(issuerKey, forge.md.sha256.create())
  return { certificate: pemOf(certificate), key }
}

function makeKeys() {
  // PKCS 1 is what the certificate library reads, and what every TLS library does.
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const keys = {
    publicKey: forge.pki.publicKeyFromPem(publicKey),
    privateKey: forge.pki.privateKeyFromPem(privateKey),
  }
  return { keys, key: privateKey }
}

function newCertificate(
  publicKey: forge.pki.PublicKey,
  commonName: string,
  days: number,
): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = publicKey
  // 127 random bits: positive, and never the same twice.
  const serial = randomBytes(16)
  serial[0] = (serial[0] ?? 0) & 0x7f
  certificate.serialNumber = serial.toString('hex')
  const now = Date.now()
  // Clocks of small devices are behind.
  certificate.validity.notBefore = new Date(now - dayMs)
  certificate.validity.notAfter = new Date(now + days * dayMs)
  certificate.setSubject([{ name: 'commonName', value: commonName }])
  return certificate
}

function pemOf(certificate: forge.pki.Certificate): string {
  return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n')
}
