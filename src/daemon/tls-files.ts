/**
 * The certificate files of the server: read and checked together, so that what is handed out is
 * always a pair that works, and read again when they change or when somebody says so. Looked at
 * every two seconds by name, not watched by handle: renewals replace files and swap links, and
 * handles then look at the old one for ever.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Logger } from '../core/logger.ts'
import type { ServerTls } from '../protocols/adapter.ts'
import type { Config } from './config-schema.ts'
import { messageOf, StartError } from './start-error.ts'

const watchIntervalMs = 2000

/** Undefined without TLS. @throws StartError that names the file and what is wrong with it */
export function readServerTls(files: Config['tls'], logger: Logger): ServerTls | undefined {
  if (files.cert === undefined || files.key === undefined) return undefined
  const clientCa = files.clientCa === undefined ? undefined : readPem(files.clientCa, 'authority')
  if (clientCa !== undefined && files.clientCa !== undefined) {
    parse(files.clientCa, 'a PEM certificate', () => new X509Certificate(clientCa))
  }
  const { clientCertificates, minVersion, handshakeTimeoutMs } = files
  const first = readPair({ cert: files.cert, key: files.key }, clientCa, logger)
  const others = files.certificates.map((pair) => readPair(pair, clientCa, logger))
  return { ...first, others, clientCa, clientCertificates, minVersion, handshakeTimeoutMs }
}

interface PairFiles {
  readonly cert: string
  readonly key: string
}

/** A certificate with its key. @throws StartError */
function readPair(files: PairFiles, clientCa: Buffer | undefined, logger: Logger) {
  const cert = readPem(files.cert, 'certificate')
  const key = readPem(files.key, 'private key')
  const certificate = parse(files.cert, 'a PEM certificate', () => new X509Certificate(cert))
  const privateKey = parse(files.key, 'an unencrypted PEM private key', () => createPrivateKey(key))
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new StartError(`${files.key} is not the key of the certificate in ${files.cert}`)
  }
  // The chain and what OpenSSL thinks of key lengths and algorithms.
  parse(files.cert, 'usable for TLS', () => createSecureContext({ cert, key, ca: clientCa }))
  if (Date.parse(certificate.validTo) < Date.now()) {
    // No reason not to start: clients that check will refuse, and a new one is taken without restart.
    logger.error('tls_certificate_expired', { file: files.cert, validTo: certificate.validTo })
  }
  return { cert, key }
}

/** Reads the files again when one changes, and on demand. Faulty files change nothing. */
export class TlsReloader {
  readonly #files: Config['tls']
  readonly #logger: Logger
  readonly #apply: (tls: ServerTls) => void
  #current: ServerTls

  /** Owns the watching until `close`. `apply` gets only pairs that work and differ from the last. */
  constructor(
    files: Config['tls'],
    current: ServerTls,
    logger: Logger,
    apply: (tls: ServerTls) => void,
  ) {
    this.#files = files
    this.#logger = logger
    this.#apply = apply
    this.#current = current
    for (const file of this.#names) {
      watchFile(file, { interval: watchIntervalMs, persistent: false }, this.reload)
    }
  }

  readonly reload = (): void => {
    try {
      const next = readServerTls(this.#files, this.#logger)
      if (next === undefined || isSame(next, this.#current)) return
      this.#apply(next)
      this.#current = next
      this.#logger.info('tls_reloaded', { file: this.#files.cert })
    } catch (error) {
      this.#logger.error('tls_reload_failed', { reason: messageOf(error) })
    }
  }

  close(): void {
    for (const file of this.#names) unwatchFile(file, this.reload)
  }

  get #names(): string[] {
    const { cert, key, clientCa, certificates } = this.#files
    const others = certificates.flatMap((pair) => [pair.cert, pair.key])
    return [cert, key, clientCa, ...others].filter((file) => file !== undefined)
  }
}

/** The files say the same. */
function isSame(a: ServerTls, b: ServerTls): boolean {
  const [one, other] = [a, b].map(({ cert, key, clientCa, others = [] }) => {
    const pairs = others.flatMap((pair) => [pair.cert, pair.key])
    return [cert, key, clientCa, ...pairs].map((bytes) => bytes?.toString('latin1')).join('\0')
  })
  return one === other
}

function readPem(file: string, what: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new StartError(`the TLS ${what} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

function parse<T>(file: string, what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new StartError(`${file} is not ${what}: ${messageOf(error)}`, { cause: error })
  }
}
