/**
 * Users, tokens, rules and limits of one daemon: what proves who somebody is (`Authentication`), what they may do
 * (`AccessCheck`), and how an administrator changes and asks about both. Everything is read anew by `reload`, as a
 * whole or not at all; what changed is told to the bus by `onChange`, so that nobody keeps what is not theirs any
 * more.
 *
 * Without users, tokens, issuers and rules everybody is anonymous and may do everything. The first of them closes
 * the daemon, and taking the last one away does not open it again: the tables of the data folder stay, empty.
 */

import { join } from 'node:path'
import type { AccessCheck, IdentityLimits, Subject } from '../core/access.ts'
import type { Authentication } from '../core/authentication.ts'
import type { Clock, Timer } from '../core/clock.ts'
import type { LiveFilter } from '../core/live.ts'
import type { Logger } from '../core/logger.ts'
import { BusError } from '../model/errors.ts'
import { type Action, anonymous, daemonIdentity, type Identity } from '../model/identity.ts'
import { AccessRules, type Decision } from './access-rules.ts'
import type {
  IdentityLimitsSetting,
  JwtSetting,
  RuleSetting,
  UserSetting,
} from './access-schema.ts'
import { AuditLog } from './audit-log.ts'
import { Identities } from './identities.ts'
import { JwtVerifier } from './jwt-verifier.ts'
import { Logins } from './logins.ts'
import { PasswordHasher } from './password-hasher.ts'
import { isMeant } from './rule.ts'
import { readDaemonSecret } from './daemon-secret.ts'
import { TokenTable } from './token-table.ts'
import { UserTable } from './user-table.ts'

/** The sections of the configuration. */
export interface AccessSettings {
  readonly users: readonly UserSetting[]
  readonly rules: readonly RuleSetting[]
  readonly jwt: readonly JwtSetting[]
  readonly identityLimits: readonly IdentityLimitsSetting[]
  /** Who a verified client certificate is that no user names: the user of its common name, or nobody. */
  readonly certificateUsers: 'commonName' | 'listed'
}

export interface AccessOptions {
  readonly settings: AccessSettings
  /** `access/` of the data folder; undefined: nothing is kept. */
  readonly folder: string | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/** How often expired tokens are looked for. */
const expiryMs = 1_000

export class Access implements AccessCheck {
  readonly users: UserTable
  readonly tokens: TokenTable
  readonly audit: AuditLog
  readonly hasher = new PasswordHasher()
  readonly authentication: Authentication
  readonly #identities: Identities
  readonly #options: AccessOptions
  readonly #listeners = new Set<() => void>()
  #settings: AccessSettings
  #rules: AccessRules
  #jwt: JwtVerifier
  #limits = new WeakMap<Identity, { readonly limits: IdentityLimits | undefined }>()
  #isOpen = true
  #version = 1
  #expiry: Timer | undefined

  private constructor(options: AccessOptions, jwt: JwtVerifier) {
    const { settings, folder, clock, logger } = options
    this.#options = options
    this.#settings = settings
    this.#jwt = jwt
    this.users = new UserTable(folder && join(folder, 'users.json'))
    this.tokens = new TokenTable(folder && join(folder, 'tokens.json'))
    this.users.load(settings.users)
    this.tokens.load()
    this.#identities = new Identities(this.users, this.tokens, clock)
    this.#rules = this.#rulesOf(settings)
    this.audit = new AuditLog({ folder, clock, logger })
    this.authentication = new Logins({
      clock,
      secret: () => readDaemonSecret(folder),
      users: this.users,
      tokens: this.tokens,
      identities: this.#identities,
      hasher: this.hasher,
      audit: this.audit,
      jwt: () => this.#jwt,
      isOpen: () => this.#isOpen,
      letsAnonymousIn: () => this.#rules.knowsAnonymous,
      certificateUsers: () => this.#settings.certificateUsers,
    })
    this.#judge()
    this.#watchExpiry()
  }

  /** Rejects with BusError `failed_precondition/bad_config` that names the file. */
  static async open(options: AccessOptions): Promise<Access> {
    return new Access(options, await JwtVerifier.open(options.settings.jwt))
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get version(): number {
    return this.#version
  }

  refusal(subject: Subject, action: Action, resource: string): string | undefined {
    if (this.#isOpen) return undefined
    const { isAllowed, rule } = this.decide(subject, action, resource)
    return isAllowed ? undefined : rule
  }

  filterRefusal(subject: Subject, action: Action, filter: LiveFilter): string | undefined {
    const { isAllowed, rule } = this.decideFilter(subject, action, filter)
    return isAllowed ? undefined : rule
  }

  patternRefusal(subject: Subject, action: Action, texts: readonly string[]): string | undefined {
    if (this.#isOpen || isExempt(subject.identity)) return undefined
    const { isAllowed, rule } = this.#rules.decidePattern(subject, action, texts)
    return isAllowed ? undefined : rule
  }

  /** What would be decided and by which rule, without a record. */
  decide(subject: Subject, action: Action, resource: string): Decision {
    if (this.#isOpen) return { isAllowed: true, rule: 'there are no users and no rules' }
    if (isExempt(subject.identity)) return { isAllowed: true, rule: 'it is the daemon itself' }
    return this.#rules.decide(subject, action, resource)
  }

  decideFilter(subject: Subject, action: Action, filter: LiveFilter): Decision {
    if (this.#isOpen) return { isAllowed: true, rule: 'there are no users and no rules' }
    if (isExempt(subject.identity)) return { isAllowed: true, rule: 'it is the daemon itself' }
    return this.#rules.decideFilter(subject, action, filter)
  }

  limitsOf(identity: Identity): IdentityLimits | undefined {
    const known = this.#limits.get(identity)
    if (known !== undefined) return known.limits
    const groups = this.#identities.groupsOf(identity)
    const isAnonymous = identity.method === 'none'
    const limits = isExempt(identity)
      ? undefined
      : this.#settings.identityLimits.find(({ to }) =>
          isMeant(to, identity.user, groups, isAnonymous),
        )
    this.#limits.set(identity, { limits })
    return limits
  }

  isValid(identity: Identity): boolean {
    // Who comes over a link or a bridge shows nothing here; rules say what it may do.
    if (isExempt(identity) || identity.method === 'link') return true
    if (identity.method === 'none') return this.#isOpen || this.#rules.knowsAnonymous
    return this.#identities.isValid(identity)
  }

  refused(subject: Subject, action: Action, resource: string, rule: string): void {
    const { user } = subject.identity
    this.audit.refusal({ event: 'refused', user, action, resource, rule })
  }

  /** The groups somebody is in now. */
  groupsOf(identity: Identity): readonly string[] {
    return this.#identities.groupsOf(identity)
  }

  /** Somebody for questions about a user that need not be connected; undefined: nobody is known by that name. */
  identityFor(user: string): Identity | undefined {
    if (user === anonymous.user) return anonymous
    return this.#identities.example(user)
  }

  /** Rejects with what `reload` would reject with; changes nothing. */
  async check(settings: AccessSettings): Promise<void> {
    await this.#read(settings)
  }

  /**
   * Takes new settings and reads users, tokens and keys again.
   * Rejects with BusError `failed_precondition/bad_config`; nothing has changed then.
   */
  async reload(settings: AccessSettings): Promise<void> {
    const jwt = await this.#read(settings)
    this.users.load(settings.users)
    this.tokens.load()
    this.#jwt = jwt
    this.#settings = settings
    this.#rules = this.#rulesOf(settings)
    this.changed()
    this.audit.act({ event: 'reloaded', user: daemonIdentity.user })
  }

  /** Users or tokens have changed: what was decided is decided again. */
  changed(): void {
    this.#judge()
    this.#rules = this.#rulesOf(this.#settings)
    this.#limits = new WeakMap()
    this.#version += 1
    this.#identities.forgetInvalid()
    for (const listener of this.#listeners) listener()
  }

  /** Told when any answer may be another. Listeners must not throw. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#expiry?.cancel()
    this.#listeners.clear()
    await Promise.all([this.hasher.close(), this.audit.close()])
  }

  /** On trial, so that a fault in the last file leaves what the others say as it is. */
  async #read(settings: AccessSettings): Promise<JwtVerifier> {
    const { folder } = this.#options
    const faults: string[] = []
    const attempt = (read: () => void): void => {
      try {
        read()
      } catch (error) {
        faults.push(error instanceof Error ? error.message : String(error))
      }
    }
    attempt(() => new TokenTable(folder && join(folder, 'tokens.json')).load())
    attempt(() => new UserTable(folder && join(folder, 'users.json')).load(settings.users))
    const jwt = await JwtVerifier.open(settings.jwt).catch((error: unknown) => {
      attempt(() => {
        throw error
      })
    })
    if (jwt !== undefined && faults.length === 0) return jwt
    throw new BusError('failed_precondition', 'bad_config', faults.join('\n'))
  }

  #rulesOf({ rules }: AccessSettings): AccessRules {
    const options = rules.map(({ allow, deny, to, on }) => {
      return { isAllow: allow !== undefined, actions: allow ?? deny ?? [], to, on }
    })
    return new AccessRules(options, (identity) => this.#identities.groupsOf(identity))
  }

  #judge(): void {
    const { rules, jwt } = this.#settings
    const { users, tokens } = this
    this.#isOpen =
      users.size === 0 &&
      !users.wasChanged &&
      !tokens.wasChanged &&
      rules.length === 0 &&
      jwt.length === 0
  }

  #watchExpiry(): void {
    this.#expiry = this.#options.clock.after(expiryMs, () => {
      if (this.#identities.takeExpired()) this.changed()
      this.#watchExpiry()
    })
  }
}

/** The daemon itself, and programs that have the bus within them. */
function isExempt(identity: Identity): boolean {
  return identity.method === 'in-process' || identity === daemonIdentity
}
