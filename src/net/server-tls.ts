/**
 * TLS of listeners, the same for every protocol: which certificate is shown (by the name that the client asks for, SNI),
 * whether clients must show one of their own, and all of it exchangeable while connections stand.
 */

import { X509Certificate } from 'node:crypto'
import type { Server, TLSSocket } from 'node:tls'
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls'
import type { ListenerSettings } from './address.ts'

/** PEM material of a server. */
export interface TlsMaterial {
  /** Shown to whoever asks for no name, or for one that none is for. */
  readonly cert: Buffer
  readonly key: Buffer
  /** Further certificates, for the names that they are made out to. */
  readonly others?: readonly { readonly cert: Buffer; readonly key: Buffer }[] | undefined
  /** Present: clients show a certificate of this authority. */
  readonly clientCa: Buffer | undefined
  /** Whether they must; default: they must. A listener of its own mind wins. */
  readonly clientCertificates?: ClientCertificates | undefined
  /** Default TLSv1.2; nothing older is spoken. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
  /** Time for a handshake, milliseconds; default 10,000. A protocol may have less. */
  readonly handshakeTimeoutMs?: number | undefined
}

/**
 * `optional`: whoever shows none may come, and whoever shows one that is not good may not. `off`: nobody is asked.
 */
export type ClientCertificates = 'off' | 'optional' | 'required'

const defaultHandshakeTimeoutMs = 10_000

/** One per server. */
export class ListenerTls {
  readonly #settings: ListenerSettings
  readonly #handshakeTimeoutMs: number
  #contexts: NamedContexts
  #material: TlsMaterial

  /** @throws the system's error when the material does not work */
  constructor(
    material: TlsMaterial,
    settings: ListenerSettings = {},
    handshakeTimeoutMs = defaultHandshakeTimeoutMs,
  ) {
    this.#material = material
    this.#settings = settings
    this.#handshakeTimeoutMs = Math.min(
      handshakeTimeoutMs,
      material.handshakeTimeoutMs ?? defaultHandshakeTimeoutMs,
    )
    this.#contexts = new NamedContexts(material)
  }

  /** What the server is made with, then `guard` it. */
  get serverOptions(): TlsOptions {
    return {
      ...this.#contextOptions,
      requestCert: this.#clientCertificates !== 'off',
      rejectUnauthorized: this.#clientCertificates === 'required',
      handshakeTimeout: this.#handshakeTimeoutMs,
      SNICallback: (name, done) => done(null, this.#contexts.for(name)),
    }
  }

  /**
   * Sees to it that a certificate that was shown is a good one, also where none has to be. Whoever else listens to the
   * server's connections comes behind this, and finds those that were refused destroyed.
   */
  guard(server: Server): void {
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      if (this.#clientCertificates !== 'optional' || socket.authorized) return
      if (socket.getPeerX509Certificate() === undefined) return
      const { authorizationError } = socket
      socket.on('error', () => undefined)
      socket.destroy()
      server.emit('tlsClientError', refused(String(authorizationError)), socket)
    })
  }

  /** New handshakes see it. @throws the system's error when the material does not work; nothing has changed then */
  reload(material: TlsMaterial, server: Server): void {
    const contexts = new NamedContexts(material)
    const before = this.#material
    this.#material = material
    try {
      server.setSecureContext(this.#contextOptions)
    } catch (error) {
      this.#material = before
      throw error
    }
    this.#contexts = contexts
  }

  get #contextOptions() {
    const { cert, key, clientCa, minVersion = 'TLSv1.2' } = this.#material
    return { cert, key, minVersion, ...(clientCa !== undefined && { ca: clientCa }) }
  }

  /** Without an authority nobody can be asked. */
  get #clientCertificates(): ClientCertificates {
    const { clientCa, clientCertificates = 'required' } = this.#material
    if (clientCa === undefined) return 'off'
    return this.#settings.clientCertificates ?? clientCertificates
  }
}

function refused(reason: string): Error {
  return new Error(`the client's certificate was refused: ${reason}`)
}

/** The certificates by the names that they are for. */
class NamedContexts {
  readonly #default: X509Certificate | undefined
  readonly #named: { readonly certificate: X509Certificate; readonly context: SecureContext }[] = []

  constructor({ cert, others = [], clientCa, minVersion = 'TLSv1.2' }: TlsMaterial) {
    if (others.length === 0) return
    this.#default = new X509Certificate(cert)
    for (const { cert: own, key } of others) {
      const certificate = new X509Certificate(own)
      const ca = clientCa === undefined ? {} : { ca: clientCa }
      const context = createSecureContext({ cert: own, key, minVersion, ...ca })
      this.#named.push({ certificate, context })
    }
  }

  /** Undefined: the one that is shown to everybody. */
  for(name: string): SecureContext | undefined {
    if (this.#default === undefined || this.#default.checkHost(name) !== undefined) return undefined
    return this.#named.find(({ certificate }) => certificate.checkHost(name) !== undefined)?.context
  }
}
