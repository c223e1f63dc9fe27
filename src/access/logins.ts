/**
 * Who somebody is, by what they show. Whatever is wrong, the answer is the same and comes after the same work, and
 * attempts are bounded per user and address (login-throttle.ts).
 */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Authentication, Caller, Credentials, Verifiers } from '../core/authentication.ts'
import type { Clock } from '../core/clock.ts'
import { BusError } from '../model/errors.ts'
import { anonymous, type Identity } from '../model/identity.ts'
import { reservedUsers, type UserSetting } from './access-schema.ts'
import type { AuditLog } from './audit-log.ts'
import { verifiersFor } from './challenge-verifiers.ts'
import type { Identities } from './identities.ts'
import type { JwtVerifier } from './jwt-verifier.ts'
import { addressOf, LoginThrottle } from './login-throttle.ts'
import type { PasswordHasher } from './password-hasher.ts'
import { isOwnToken, type TokenTable } from './token-table.ts'
import type { UserTable } from './user-table.ts'

export interface LoginsOptions {
  readonly clock: Clock
  /** From which answers about unknown users are made up. */
  readonly secret: () => Uint8Array
  readonly users: UserTable
  readonly tokens: TokenTable
  readonly identities: Identities
  readonly hasher: PasswordHasher
  readonly audit: AuditLog
  readonly jwt: () => JwtVerifier
  readonly isOpen: () => boolean
  readonly letsAnonymousIn: () => boolean
  readonly certificateUsers: () => 'commonName' | 'listed'
}

const userCharactersMost = 256
const passwordCharactersMost = 1_024
const rememberedPasswords = 10_000
/** Verified for users without a password, and for those that are not there: the cost is that of a new hash. */
const nobodysHash =
  '$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmUhIQ$dRzY82fgceWJKqstlAB6sn56dYrekptRpYPqbR1lZQg'

export class Logins implements Authentication {
  readonly #options: LoginsOptions
  readonly #throttle: LoginThrottle
  /** Of this process; what is remembered means nothing elsewhere. */
  readonly #key = randomBytes(32)
  /** By user: a keyed digest of the password that was right, and the hash it was right for. */
  readonly #right = new Map<string, { readonly hash: string; readonly digest: Buffer }>()

  #knownSecret: Uint8Array | undefined

  constructor(options: LoginsOptions) {
    this.#options = options
    this.#throttle = new LoginThrottle(options.clock)
  }

  get isOpen(): boolean {
    return this.#options.isOpen()
  }

  anonymousAt(): Identity | undefined {
    return this.#options.isOpen() || this.#options.letsAnonymousIn() ? anonymous : undefined
  }

  async authenticate(credentials: Credentials, caller: Caller): Promise<Identity> {
    if (this.isOpen) return anonymous
    switch (credentials.kind) {
      case 'password':
        return this.#byPassword(credentials.user, credentials.password, caller)
      case 'token':
        return this.#byToken(credentials.token, caller)
      case 'certificate':
        return this.#byCertificate(credentials, caller)
      case 'process': {
        const { identities, users } = this.#options
        const user = users.byProcess(credentials.process)
        if (user !== undefined) return identities.ofProcess(user, credentials.process)
        // No attempt: the kernel says it of everybody who connects.
        throw badCredentials()
      }
    }
  }

  async verifiersOf(user: string, caller: Caller): Promise<Verifiers> {
    this.#begin(user.slice(0, userCharactersMost), caller)
    return verifiersFor(this.#options.users.get(user), user, this.#secret())
  }

  proven(name: string, method: Identity['method'], caller?: Caller): Identity | undefined {
    const user = this.#options.users.get(name)
    if (user !== undefined && caller !== undefined) {
      this.#throttle.succeeded(name, addressOf(caller.source))
    }
    return user && this.#options.identities.proven(user, method)
  }

  holds(identity: Identity): boolean {
    return this.#options.identities.isValid(identity)
  }

  failed(user: string, caller: Caller): void {
    this.#refused(user, caller)
  }

  async #byPassword(name: string, password: string, caller: Caller): Promise<Identity> {
    const { users, hasher, identities } = this.#options
    if (name.length > userCharactersMost || password.length > passwordCharactersMost) {
      throw this.#refused('', caller)
    }
    const address = addressOf(caller.source)
    const isKnown = this.#throttle.isKnown(name, address)
    this.#begin(name, caller)
    const user = users.get(name)
    if (user !== undefined && this.#isRemembered(user, password)) {
      this.#throttle.succeeded(name, address)
      return identities.ofPassword(user)
    }
    const isRight = await hasher
      .verify(password, user?.password ?? nobodysHash, isKnown)
      .catch((error: unknown) => {
        this.#throttle.giveBack(name, address)
        throw error
      })
    // It may have been changed or taken away meanwhile.
    const now = users.get(name)
    if (!isRight || user?.password === undefined || now?.password !== user.password) {
      throw this.#refused(name, caller)
    }
    this.#throttle.succeeded(name, address)
    this.#remember(user, password)
    return identities.ofPassword(now)
  }

  async #byToken(token: string, caller: Caller): Promise<Identity> {
    const { clock, tokens, identities, jwt } = this.#options
    const row = tokens.find(token)
    if (row !== undefined && (row.expiresAtMs ?? Infinity) > clock.now()) {
      return identities.ofToken(row)
    }
    if (!isOwnToken(token) && jwt().size > 0) {
      const found = await jwt().verify(token, clock.now())
      if (found !== undefined && !reservedUsers.has(found.user)) return identities.ofJwt(found)
    }
    throw this.#refused(row?.user ?? '', caller)
  }

  #byCertificate(
    { certificate }: Extract<Credentials, { readonly kind: 'certificate' }>,
    caller: Caller,
  ): Identity {
    const { identities, certificateUsers } = this.#options
    const nameNow = (): string | undefined => {
      const listed = this.#options.users.byCertificate(certificate)
      if (listed !== undefined) return listed.name
      return certificateUsers() === 'commonName' ? certificate.commonName : undefined
    }
    const name = nameNow()
    if (name === undefined || name === '' || reservedUsers.has(name)) {
      throw this.#refused(certificate.subject, caller)
    }
    return identities.ofCertificate(name, certificate, () => nameNow() === name)
  }

  /** @throws BusError `resource_exhausted/too_many_logins` */
  #begin(user: string, caller: Caller): void {
    const waitMs = this.#throttle.begin(user, addressOf(caller.source))
    if (waitMs === 0) return
    this.#record('login_held_up', user, caller)
    const text = `too many attempts to log in; the next one in ${Math.ceil(waitMs / 1000)} s`
    throw new BusError('resource_exhausted', 'too_many_logins', text)
  }

  #refused(user: string, caller: Caller): BusError {
    this.#record('login_refused', user, caller)
    return badCredentials()
  }

  /** What was given as a user that is none may be a password typed in the wrong place: it is not recorded. */
  #record(event: string, user: string, { protocol, source }: Caller): void {
    const isKnown = this.#options.users.get(user) !== undefined
    this.#options.audit.refusal({
      event,
      user: isKnown ? user : '(unknown)',
      protocol,
      // Ports differ each time; the same again is to be counted.
      source: addressOf(source),
    })
  }

  /** Made with the first question, so that a daemon without users writes nothing. */
  #secret(): Uint8Array {
    return (this.#knownSecret ??= this.#options.secret())
  }

  /** So that whoever connects often is not hashed each time. The hash still decides when this says no. */
  #isRemembered({ name, password: hash }: UserSetting, password: string): boolean {
    const known = this.#right.get(name)
    return (
      known !== undefined &&
      known.hash === hash &&
      timingSafeEqual(known.digest, this.#digest(password))
    )
  }

  #remember({ name, password: hash }: UserSetting, password: string): void {
    if (hash === undefined) return
    this.#right.delete(name)
    this.#right.set(name, { hash, digest: this.#digest(password) })
    if (this.#right.size <= rememberedPasswords) return
    const [oldest] = this.#right.keys()
    if (oldest !== undefined) this.#right.delete(oldest)
  }

  #digest(password: string): Buffer {
    return createHmac('sha256', this.#key).update(password).digest()
  }
}

function badCredentials(): BusError {
  const text = 'user, password, token or certificate is not one that is known here'
  return new BusError('unauthenticated', 'bad_credentials', text)
}
