/** Who may do what at the daemon, for administrators and for whoever was refused: `client.access`. */

import { accessServiceCalls } from '../wire/gen/msgbus-v2.ts'
import type {
  AddTokenResponse,
  ExplainResponse,
  ExplainTopicResponse,
  TokenInfo,
  UserInfo,
  VerifyAuditResponse,
  WhoAmIResponse,
} from '../wire/gen/msgbus-v2.ts'
import { callOnce, isUnimplemented, unsupported } from './client-context.ts'
import type { ClientContext, RequestOptions } from './client-context.ts'
import type { Rpc } from './transport.ts'

export interface ExplainFields {
  /** Default: the caller; others only for administrators. */
  readonly user?: string | undefined
  /** Name on the bus, for rules that speak of it. */
  readonly clientName?: string | undefined
}

export interface NewUserFields {
  /** Absent: the user cannot log in by password. */
  readonly password?: string | undefined
  readonly groups?: readonly string[] | undefined
  /** Keep what SCRAM and WAMP-CRA need, too: whoever reads it from the daemon's disk can log in by them. */
  readonly challenge?: boolean | undefined
  /** Change one that was added before. */
  readonly replace?: boolean | undefined
}

export interface NewTokenFields {
  readonly groups?: readonly string[] | undefined
  /** Default: it has no end. */
  readonly lifetimeMs?: number | undefined
  readonly note?: string | undefined
}

/** All reject with BusError `permission_denied/access_denied` without the right, `unimplemented` on older daemons. */
export class AccessAdmin {
  readonly #context: ClientContext

  constructor(context: ClientContext) {
    this.#context = context
  }

  /** Who the daemon takes this client for; needs no right. */
  whoAmI(options?: RequestOptions): Promise<WhoAmIResponse> {
    return this.#call(accessServiceCalls.whoAmI, {}, options)
  }

  /** Whether somebody may do something, and by which rule; about oneself it needs no right. */
  explain(
    action: string,
    resource: string,
    { user = '', clientName = '' }: ExplainFields = {},
    options?: RequestOptions,
  ): Promise<ExplainResponse> {
    return this.#call(accessServiceCalls.explain, { action, resource, user, clientName }, options)
  }

  /** Who would receive a message on a topic now, over all protocols, and who subscribes and would not. */
  explainTopic(topic: string, options?: RequestOptions): Promise<ExplainTopicResponse> {
    return this.#call(accessServiceCalls.explainTopic, { topic }, options)
  }

  /** Has the daemon read its configuration again. Rejects with all faults; nothing has changed then. */
  async reload(options?: RequestOptions): Promise<readonly string[]> {
    return (await this.#call(accessServiceCalls.reload, {}, options)).notes
  }

  /** Resolves with whether this closed the daemon: until now everybody was let in. */
  async addUser(
    name: string,
    fields: NewUserFields = {},
    options?: RequestOptions,
  ): Promise<boolean> {
    const { password = '', groups = [], challenge = false, replace = false } = fields
    const request = { name, password, groups: [...groups], challenge, replace }
    return (await this.#call(accessServiceCalls.addUser, request, options)).closed
  }

  async listUsers(options?: RequestOptions): Promise<readonly UserInfo[]> {
    return (await this.#call(accessServiceCalls.listUsers, {}, options)).users
  }

  /** Ends its connections; resolves with how many tokens went with it. */
  async revokeUser(name: string, options?: RequestOptions): Promise<number> {
    return (await this.#call(accessServiceCalls.revokeUser, { name }, options)).tokens
  }

  /** The token is told here and never again. */
  addToken(
    user: string,
    { groups = [], lifetimeMs = 0, note = '' }: NewTokenFields = {},
    options?: RequestOptions,
  ): Promise<AddTokenResponse> {
    const request = { user, groups: [...groups], lifetimeMs, note }
    return this.#call(accessServiceCalls.addToken, request, options)
  }

  async listTokens(options?: RequestOptions): Promise<readonly TokenInfo[]> {
    return (await this.#call(accessServiceCalls.listTokens, {}, options)).tokens
  }

  async revokeToken(id: string, options?: RequestOptions): Promise<void> {
    await this.#call(accessServiceCalls.revokeToken, { id }, options)
  }

  /** Checks the hash chain of the audit log. */
  verifyAudit(options?: RequestOptions): Promise<VerifyAuditResponse> {
    return this.#call(accessServiceCalls.verifyAudit, {}, options)
  }

  /** The newest lines of the audit log, oldest first; at most 1,000. */
  async tailAudit(lines = 20, options?: RequestOptions): Promise<readonly string[]> {
    return (await this.#call(accessServiceCalls.tailAudit, { lines }, options)).lines
  }

  async #call<Q, R>(rpc: Rpc<Q, R>, request: Q, options?: RequestOptions): Promise<R> {
    try {
      return await callOnce(this.#context, rpc, request, options)
    } catch (error) {
      throw isUnimplemented(error) ? unsupported('users and rules', error) : error
    }
  }
}
