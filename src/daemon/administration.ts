/**
 * What administrators do about access, over the users, tokens and rules of this daemon: the checks, the changes, and
 * the line in the audit log for each of them.
 */

import type { Access } from '../access/access.ts'
import { userNameSchema } from '../access/access-schema.ts'
import { makeChallengeSecret } from '../access/challenge-verifiers.ts'
import type {
  Administration,
  AuditState,
  Explanation,
  ExplainQuestion,
  NewToken,
  NewUser,
  TokenInfo,
  TopicReceiver,
  UserRow,
} from '../core/administration.ts'
import type { BusClient } from '../core/bus-client.ts'
import type { Clock } from '../core/clock.ts'
import type { MsgBus } from '../core/msg-bus.ts'
import { BusError } from '../model/errors.ts'
import type { Identity } from '../model/identity.ts'
import { hasWildcard, levelFilter } from '../model/level-filter.ts'

export interface DaemonAdministrationOptions {
  readonly access: Access
  readonly bus: MsgBus
  readonly clock: Clock
  /** Reads the configuration again. Rejects with BusError `bad_config`. */
  readonly reload: () => Promise<readonly string[]>
}

const lifetimeMostMs = 10 * 366 * 86_400_000
const auditLinesMost = 1_000
const passwordCharactersLeast = 8
const passwordCharactersMost = 1_024

export class DaemonAdministration implements Administration {
  readonly #options: DaemonAdministrationOptions

  constructor(options: DaemonAdministrationOptions) {
    this.#options = options
  }

  whoAmI({ identity }: BusClient) {
    const { access } = this.#options
    const { user, method } = identity
    return { user, method, groups: access.groupsOf(identity), open: access.isOpen }
  }

  explain(client: BusClient, question: ExplainQuestion): Explanation {
    const { access } = this.#options
    const { user, clientName, action, resource } = question
    const isOwn = user === '' || user === client.identity.user
    if (!isOwn) this.#require(client)
    const identity = isOwn ? client.identity : this.#identityFor(user)
    const subject = { identity, name: clientName === '' && isOwn ? client.live.name : clientName }
    const isPattern = (action === 'subscribe' || action === 'fetch') && hasWildcard(resource)
    const { isAllowed, rule } = isPattern
      ? access.decideFilter(subject, action, levelFilter('mqtt', resource))
      : access.decide(subject, action, resource)
    return { allowed: isAllowed, rule, user: identity.user, groups: access.groupsOf(identity) }
  }

  explainTopic(
    client: BusClient,
    topic: string,
  ): { readonly receivers: readonly TopicReceiver[]; readonly store: string } {
    this.#require(client)
    const { bus } = this.#options
    return { receivers: bus.explainTopic(topic), store: bus.topicRules.of(topic).store }
  }

  async reload(client: BusClient | undefined): Promise<readonly string[]> {
    if (client !== undefined) this.#require(client)
    return this.#options.reload()
  }

  async addUser(client: BusClient, given: NewUser): Promise<{ readonly closed: boolean }> {
    this.#require(client)
    const { access } = this.#options
    const { users, hasher } = access
    const { name, password, groups, challenge, replace } = given
    const checked = userNameSchema.safeParse(name)
    if (!checked.success) {
      const why = checked.error.issues[0]?.message ?? 'it is not one'
      throw bad(`user name ${JSON.stringify(name.slice(0, 80))}: ${why}`)
    }
    if (password !== '' && password.length < passwordCharactersLeast) {
      throw bad(`a password needs ${passwordCharactersLeast} characters`)
    }
    if (password.length > passwordCharactersMost) {
      throw bad(`a password has at most ${passwordCharactersMost} characters`)
    }
    if (challenge && password === '') throw bad('challenges are answered with a password')
    const known = users.get(name)
    if (known !== undefined && !replace) {
      throw new BusError('already_exists', 'name_taken', `there is a user ${name} already`)
    }
    const wasOpen = access.isOpen
    await users.set({
      name,
      groups: [...groups],
      certificates: known?.certificates ?? [],
      processes: known?.processes ?? [],
      publicKeys: known?.publicKeys ?? [],
      password: password === '' ? known?.password : await hasher.hash(password),
      challengeSecret: challenge ? await makeChallengeSecret(password) : undefined,
    })
    this.#record(client, known === undefined ? 'user_added' : 'user_changed', name)
    access.changed()
    return { closed: wasOpen && !access.isOpen }
  }

  listUsers(client: BusClient): readonly UserRow[] {
    this.#require(client)
    const { users } = this.#options.access
    return Array.from(users.values(), (user) => {
      const methods = [
        user.password !== undefined && 'password',
        user.challengeSecret !== undefined && 'challenge',
        user.certificates.length > 0 && 'certificate',
        user.processes.length > 0 && 'process',
        user.publicKeys.length > 0 && 'public key',
      ].filter((method) => method !== false)
      const { name, groups } = user
      return { name, groups, methods, configured: users.isConfigured(name) }
    })
  }

  async revokeUser(client: BusClient, name: string): Promise<number> {
    this.#require(client)
    const { access } = this.#options
    const isThere = await access.users.remove(name)
    const tokens = await access.tokens.remove((token) => token.user === name)
    if (!isThere && tokens === 0) throw missing(`there is no user ${JSON.stringify(name)}`)
    this.#record(client, 'user_revoked', name)
    access.changed()
    return tokens
  }

  async addToken(client: BusClient, { user, groups, lifetimeMs, note }: NewToken) {
    this.#require(client)
    const { access, clock } = this.#options
    const checked = userNameSchema.safeParse(user)
    if (!checked.success) throw bad(`user name ${JSON.stringify(user.slice(0, 80))} is not one`)
    if (lifetimeMs < 0 || lifetimeMs > lifetimeMostMs) throw bad('a lifetime is at most ten years')
    if (note.length > 200) throw bad('a note has at most 200 characters')
    const wasOpen = access.isOpen
    const createdAtMs = clock.now()
    const { token, row } = await access.tokens.add({
      user,
      groups: [...groups],
      createdAtMs,
      ...(lifetimeMs === 0 ? {} : { expiresAtMs: createdAtMs + lifetimeMs }),
      ...(note === '' ? {} : { note }),
    })
    this.#record(client, 'token_added', `${row.id} for ${user}`)
    access.changed()
    return { token, id: row.id, closed: wasOpen && !access.isOpen }
  }

  listTokens(client: BusClient): readonly TokenInfo[] {
    this.#require(client)
    return Array.from(this.#options.access.tokens.values(), (row) => {
      const { id, user, groups, createdAtMs, expiresAtMs = 0, note = '' } = row
      return { id, user, groups, createdAtMs, expiresAtMs, note }
    })
  }

  async revokeToken(client: BusClient, id: string): Promise<void> {
    this.#require(client)
    const { access } = this.#options
    const removed = await access.tokens.remove((token) => token.id === id)
    if (removed === 0) throw missing(`there is no token ${JSON.stringify(id.slice(0, 40))}`)
    this.#record(client, 'token_revoked', id)
    access.changed()
  }

  async verifyAudit(client: BusClient): Promise<AuditState> {
    this.#require(client)
    const { lines, head, faults } = await this.#options.access.audit.verify()
    return { lines, faults, lastNumber: head.number, lastHash: head.hash }
  }

  tailAudit(client: BusClient, lines: number): readonly string[] {
    this.#require(client)
    return this.#options.access.audit.tail(Math.min(lines, auditLinesMost))
  }

  #require(client: BusClient): void {
    client.requireAccess('admin', '')
  }

  #identityFor(user: string): Identity {
    const identity = this.#options.access.identityFor(user)
    if (identity === undefined) throw missing(`nobody is known as ${JSON.stringify(user)}`)
    return identity
  }

  #record({ identity, live }: BusClient, event: string, detail: string): void {
    const { user } = identity
    this.#options.access.audit.act({ event, user, detail, resource: live.name })
  }
}

function bad(text: string): BusError {
  return new BusError('invalid_argument', 'bad_argument', text)
}

function missing(text: string): BusError {
  return new BusError('not_found', 'not_found', text)
}
