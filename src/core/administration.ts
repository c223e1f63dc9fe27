/**
 * What administrators ask and change about access, as adapters offer it. Every method but the questions about oneself
 * needs the action `admin`, which whoever implements this checks; each change leaves a line in the audit log.
 */

import type { Action } from '../model/identity.ts'
import type { BusClient } from './bus-client.ts'

export interface Explanation {
  readonly allowed: boolean
  /** The rule that decides, for people to read. */
  readonly rule: string
  readonly user: string
  readonly groups: readonly string[]
}

export interface ExplainQuestion {
  /** Empty: whoever asks. */
  readonly user: string
  /** Name on the bus; empty: none. */
  readonly clientName: string
  readonly action: Action
  readonly resource: string
}

/** A client that subscribes to a topic, and whether it would get a message on it now. */
export interface TopicReceiver {
  /** Of the client; empty: it has none. */
  readonly name: string
  readonly user: string
  readonly protocol: string
  readonly source: string | undefined
  /** As its protocol writes them. */
  readonly filters: readonly string[]
  readonly receives: boolean
  /** For people to read. */
  readonly reason: string
}

export interface UserRow {
  readonly name: string
  readonly groups: readonly string[]
  /** It is in the configuration file, and changed there. */
  readonly configured: boolean
  /** How it can log in: `password`, `challenge`, `certificate`, `process`, `public key`. */
  readonly methods: readonly string[]
}

export interface NewUser {
  readonly name: string
  /** Empty: it cannot log in by password. */
  readonly password: string
  readonly groups: readonly string[]
  /** Keep what SCRAM and WAMP-CRA need, too. */
  readonly challenge: boolean
  /** Change one that was added before. */
  readonly replace: boolean
}

export interface NewToken {
  readonly user: string
  readonly groups: readonly string[]
  /** 0: it has no end. */
  readonly lifetimeMs: number
  readonly note: string
}

export interface TokenInfo {
  readonly id: string
  readonly user: string
  readonly groups: readonly string[]
  readonly createdAtMs: number
  /** 0: it has no end. */
  readonly expiresAtMs: number
  readonly note: string
}

export interface AuditState {
  readonly lines: number
  readonly lastNumber: number
  readonly lastHash: string
  readonly faults: readonly string[]
}

/** All reject or throw with BusError `permission_denied/access_denied` for who may not ask. */
export interface Administration {
  whoAmI(client: BusClient): {
    readonly user: string
    readonly groups: readonly string[]
    readonly method: string
    /** There are no users and no rules. */
    readonly open: boolean
  }
  /** About oneself everybody may ask. @throws BusError `not_found/not_found` for a user that is not known */
  explain(client: BusClient, question: ExplainQuestion): Explanation
  explainTopic(
    client: BusClient,
    topic: string,
  ): { readonly receivers: readonly TopicReceiver[]; readonly store: string }
  /**
   * Answers what an operator should know, as settings that need a restart.
   * Rejects with `failed_precondition/bad_config` that lists all faults; nothing has changed then.
   */
  reload(client: BusClient | undefined): Promise<readonly string[]>
  /** `closed`: until now everybody was let in. Rejects with `already_exists`, `invalid_argument`. */
  addUser(client: BusClient, user: NewUser): Promise<{ readonly closed: boolean }>
  listUsers(client: BusClient): readonly UserRow[]
  /** Returns how many tokens went with it. Rejects with `not_found`. */
  revokeUser(client: BusClient, name: string): Promise<number>
  /** The token is told here and never again. */
  addToken(
    client: BusClient,
    token: NewToken,
  ): Promise<{ readonly token: string; readonly id: string; readonly closed: boolean }>
  listTokens(client: BusClient): readonly TokenInfo[]
  /** Rejects with `not_found`. */
  revokeToken(client: BusClient, id: string): Promise<void>
  verifyAudit(client: BusClient): Promise<AuditState>
  /** JSON lines, oldest first; at most 1,000. */
  tailAudit(client: BusClient, lines: number): readonly string[]
}
