/**
 * The identities that were given out. All connections that proved the same thing the same way share one object, by
 * which the bus remembers what they may do; and each knows what has to be true for it to hold any longer.
 */

import type { ClientCertificate, ProcessCredentials } from '../core/authentication.ts'
import type { Clock } from '../core/clock.ts'
import type { Identity } from '../model/identity.ts'
import type { UserSetting } from './access-schema.ts'
import type { JwtIdentity } from './jwt-verifier.ts'
import type { TokenRow, TokenTable } from './token-table.ts'
import type { UserTable } from './user-table.ts'

interface Origin {
  holds(): boolean
  groups(): readonly string[]
}

/** Objects that are shared; more are given out without being shared. */
const sharedMost = 100_000

export class Identities {
  readonly #users: UserTable
  readonly #tokens: TokenTable
  readonly #clock: Clock
  readonly #shared = new Map<string, Identity>()
  readonly #origins = new WeakMap<Identity, Origin>()

  constructor(users: UserTable, tokens: TokenTable, clock: Clock) {
    this.#users = users
    this.#tokens = tokens
    this.#clock = clock
  }

  ofPassword(user: UserSetting): Identity {
    const { name, password } = user
    return this.#share(`password ${name} ${password ?? ''}`, name, 'password', {
      holds: () => this.#users.get(name)?.password === password,
      groups: () => this.#users.get(name)?.groups ?? [],
    })
  }

  /** Of a user that answered a challenge or whom something outside has proven. */
  proven(user: UserSetting, method: Identity['method']): Identity {
    const { name } = user
    const proof = proofOf(user)
    return this.#share(`${method} ${name} ${proof}`, name, method, {
      holds: () => {
        const now = this.#users.get(name)
        return now !== undefined && proofOf(now) === proof
      },
      groups: () => this.#users.get(name)?.groups ?? [],
    })
  }

  /** @param holds whether the certificate still is this user */
  ofCertificate(name: string, { fingerprint }: ClientCertificate, holds: () => boolean): Identity {
    return this.#share(`certificate ${name} ${fingerprint}`, name, 'certificate', {
      holds,
      groups: () => this.#users.get(name)?.groups ?? [],
    })
  }

  ofProcess({ name }: UserSetting, credentials: ProcessCredentials): Identity {
    const { uid, gid } = credentials
    return this.#share(`process ${name} ${uid} ${gid}`, name, 'process', {
      holds: () => this.#users.byProcess(credentials)?.name === name,
      groups: () => this.#users.get(name)?.groups ?? [],
    })
  }

  ofToken({ id, user }: TokenRow): Identity {
    return this.#share(`token ${id}`, user, 'token', {
      holds: () => {
        const row = this.#tokens.get(id)
        return row !== undefined && (row.expiresAtMs ?? Infinity) > this.#clock.now()
      },
      groups: () => [
        ...(this.#users.get(user)?.groups ?? []),
        ...(this.#tokens.get(id)?.groups ?? []),
      ],
    })
  }

  ofJwt({ user, groups, expiresAtMs }: JwtIdentity): Identity {
    const key = `jwt ${expiresAtMs} ${JSON.stringify([user, groups])}`
    return this.#share(key, user, 'jwt', {
      holds: () => expiresAtMs > this.#clock.now(),
      groups: () => groups,
    })
  }

  /** Somebody of that name, as the rules would see them. */
  example(name: string): Identity | undefined {
    const user = this.#users.get(name)
    if (user !== undefined) return this.ofPassword(user)
    for (const row of this.#tokens.values()) if (row.user === name) return this.ofToken(row)
    for (const identity of this.#shared.values()) if (identity.user === name) return identity
    return undefined
  }

  isValid(identity: Identity): boolean {
    return this.#origins.get(identity)?.holds() ?? false
  }

  /** As of now; of an identity that was made elsewhere, what it says. */
  groupsOf(identity: Identity): readonly string[] {
    return this.#origins.get(identity)?.groups() ?? identity.groups
  }

  /** Whether any of them does not hold any longer. */
  takeExpired(): boolean {
    for (const identity of this.#shared.values()) if (!this.isValid(identity)) return true
    return false
  }

  forgetInvalid(): void {
    for (const [key, identity] of this.#shared) {
      if (!this.isValid(identity)) this.#shared.delete(key)
    }
  }

  #share(key: string, user: string, method: Identity['method'], origin: Origin): Identity {
    const known = this.#shared.get(key)
    if (known !== undefined) return known
    const identity: Identity = { user, groups: origin.groups(), method }
    this.#origins.set(identity, origin)
    if (this.#shared.size >= sharedMost) {
      const [oldest] = this.#shared.keys()
      if (oldest !== undefined) this.#shared.delete(oldest)
    }
    this.#shared.set(key, identity)
    return identity
  }
}

/** Changes when what the user proves itself with by a challenge does. */
function proofOf({ challengeSecret, publicKeys }: UserSetting): string {
  return `${challengeSecret?.key ?? ''} ${publicKeys.join(' ')}`
}
