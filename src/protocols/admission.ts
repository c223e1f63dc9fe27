/**
 * Who comes in, for every protocol alike: what the connection itself proves (the certificate of its client, the process
 * at the other end of a Unix socket), what the protocol brings (passwords, tokens), and what holds for those who show
 * nothing. An adapter reads the credentials of its protocol; what they are worth is asked here, and only here.
 */

import {
  type Authentication,
  type Caller,
  type ClientCertificate,
  type Credentials,
  openAuthentication,
  type ProcessCredentials,
  type Verifiers,
} from '../core/authentication.ts'
import { BusError } from '../model/errors.ts'
import { anonymous, type Identity } from '../model/identity.ts'

/** A connection, as far as it tells who is behind it. */
export interface Newcomer {
  /** `ip:port`; undefined for a Unix socket. */
  readonly source: string | undefined
  /** Address text of the listener. */
  readonly listener: string
  readonly certificate?: ClientCertificate | undefined
  readonly process?: ProcessCredentials | undefined
  /** Proved before this protocol began: by the HTTP request that a WebSocket was made of. */
  readonly identity?: Identity | undefined
}

export class Admission {
  readonly #authentication: Authentication
  readonly #protocol: string

  /** @param protocol as callers are recorded under: `grpc`, `mqtt` … */
  constructor(authentication: Authentication | undefined, protocol: string) {
    this.#authentication = authentication ?? openAuthentication
    this.#protocol = protocol
  }

  /** Nobody needs to show anything. */
  get isOpen(): boolean {
    return this.#authentication.isOpen
  }

  /** On an open daemon, without asking anybody: whoever came with a certificate keeps the name that it states. */
  nameless(newcomer: Newcomer): Identity {
    if (newcomer.identity !== undefined) return newcomer.identity
    const user = newcomer.certificate?.commonName
    if (user === undefined || user === '') return anonymous
    return { user, groups: [], method: 'certificate' }
  }

  /**
   * Who a client is that shows nothing by its protocol. A certificate or process that no user is mapped to counts as
   * none. Undefined: it has to show something.
   * @throws BusError `resource_exhausted/too_many_logins`
   */
  async byConnection(newcomer: Newcomer): Promise<Identity | undefined> {
    if (this.isOpen) return this.nameless(newcomer)
    const proved = await this.byProof(newcomer)
    return proved ?? this.#authentication.anonymousAt(this.callerOf(newcomer))
  }

  /** As `byConnection`, without those who may come although they show nothing. */
  async byProof(newcomer: Newcomer): Promise<Identity | undefined> {
    if (newcomer.identity !== undefined) return newcomer.identity
    const { certificate, process } = newcomer
    return (
      (certificate && (await this.#known({ kind: 'certificate', certificate }, newcomer))) ??
      (process && (await this.#known({ kind: 'process', process }, newcomer)))
    )
  }

  /** Somebody who logged in before. @throws BusError `unauthenticated/bad_credentials` when that does not hold any more */
  still(identity: Identity): Identity {
    if (this.#authentication.holds(identity)) return identity
    throw wrongCredentials('log in again')
  }

  /**
   * An empty user name means that the password is a token: so it gets through programs that only know passwords.
   * @throws BusError `unauthenticated/bad_credentials`, `resource_exhausted/too_many_logins`
   */
  async byPassword(user: string, password: string, newcomer: Newcomer): Promise<Identity> {
    return user === ''
      ? this.byToken(password, newcomer)
      : this.#authenticate({ kind: 'password', user, password }, newcomer)
  }

  /** @throws as `byPassword` */
  async byToken(token: string, newcomer: Newcomer): Promise<Identity> {
    return this.#authenticate({ kind: 'token', token }, newcomer)
  }

  /**
   * By a header `authorization` (RFC 6750, RFC 7617); one that is not understood is wrong.
   * @throws as `byPassword`
   */
  async byAuthorization(header: string, newcomer: Newcomer): Promise<Identity> {
    if (this.isOpen) return this.nameless(newcomer)
    const [, scheme = '', value = ''] = /^([A-Za-z]+) +([^ ]+) *$/.exec(header) ?? []
    switch (scheme.toLowerCase()) {
      case 'bearer':
        return this.byToken(value, newcomer)
      case 'basic': {
        const pair = Buffer.from(value, 'base64').toString('utf8')
        const colon = pair.indexOf(':')
        if (colon < 0) throw wrongCredentials('Basic takes user:password in base64')
        return this.byPassword(pair.slice(0, colon), pair.slice(colon + 1), newcomer)
      }
      default:
        throw wrongCredentials('authorization takes Bearer or Basic')
    }
  }

  /** @throws BusError `resource_exhausted/too_many_logins` */
  async verifiersOf(user: string, newcomer: Newcomer): Promise<Verifiers> {
    return this.#authentication.verifiersOf(user, this.callerOf(newcomer))
  }

  /** Somebody has answered a challenge. @throws BusError `unauthenticated/bad_credentials` for nobody's name */
  proven(user: string, newcomer: Newcomer): Identity {
    const caller = this.callerOf(newcomer)
    const identity = this.#authentication.proven(user, 'challenge', caller)
    if (identity === undefined) throw wrongCredentials('the answer to the challenge is wrong')
    return identity
  }

  /** Somebody has answered a challenge, and wrongly. */
  failed(user: string, newcomer: Newcomer): void {
    this.#authentication.failed(user, this.callerOf(newcomer))
  }

  callerOf({ source, listener }: Newcomer): Caller {
    return { protocol: this.#protocol, source, listener }
  }

  async #authenticate(credentials: Credentials, newcomer: Newcomer): Promise<Identity> {
    return this.#authentication.authenticate(credentials, this.callerOf(newcomer))
  }

  async #known(credentials: Credentials, newcomer: Newcomer): Promise<Identity | undefined> {
    try {
      return await this.#authenticate(credentials, newcomer)
    } catch (error) {
      if (error instanceof BusError && error.reason === 'bad_credentials') return undefined
      throw error
    }
  }
}

/** Whoever comes has shown nothing and has to. */
export function credentialsMissing(what: string): BusError {
  const text = `this daemon serves those it knows: ${what}`
  return new BusError('unauthenticated', 'credentials_missing', text)
}

export function wrongCredentials(text: string): BusError {
  return new BusError('unauthenticated', 'bad_credentials', text)
}
