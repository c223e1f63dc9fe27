/** A realm (spec/wamp 3): its sessions, its broker and its dealer. Nothing crosses from one realm to another. */

import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { MatchPolicy, UriCheck } from '../../wire/wamp/uri.ts'
import { Broker } from './broker.ts'
import { Dealer } from './dealer.ts'
import { MetaApi } from './meta-api.ts'
import { pastProcedures } from './meta-past.ts'
import { registrationProcedures, tellRegistration } from './meta-registrations.ts'
import { sessionDict, sessionProcedures } from './meta-sessions.ts'
import { subscriptionProcedures } from './meta-subscriptions.ts'
import type { WampSession } from './session.ts'

/** Whether publishers and callers are told to those they reach (spec/wamp 9.3). */
export type Disclosure = 'ask' | 'always' | 'never'

/** Procedures whose calls wait when all who serve them are busy (spec/wamp 9.7). */
export interface CallQueueRule {
  readonly procedure: string
  readonly match: MatchPolicy
  readonly places: number
}

/** What one session may have at a time. */
export interface SessionLimits {
  readonly subscriptions: number
  readonly registrations: number
  readonly calls: number
}

export interface RealmOptions {
  readonly name: string
  readonly uriCheck: UriCheck
  readonly disclose: Disclosure
  /** The first that matches is the queue of a procedure. */
  readonly callQueues: readonly CallQueueRule[]
  /** Where its procedures are registered; absent: where those of all other protocols are. */
  readonly callSpace: string | undefined
  readonly perSession: SessionLimits
  readonly bus: Bus
  readonly clock: Clock
  readonly logger: Logger
}

export class Realm {
  readonly name: string
  readonly options: RealmOptions
  readonly broker: Broker
  readonly dealer: Dealer
  readonly #sessions = new Map<number, WampSession>()
  readonly #stopServing: readonly (() => void)[]

  constructor(options: RealmOptions) {
    this.name = options.name
    this.options = options
    this.broker = new Broker(this)
    this.dealer = new Dealer(this)
    const directory = options.bus.procedures(options.callSpace)
    const callee = new MetaApi([
      ...sessionProcedures(this),
      ...subscriptionProcedures(this),
      ...registrationProcedures(directory),
      ...pastProcedures(this),
    ])
    this.#stopServing = [
      directory.serve({ prefix: 'wamp.', callee, isReserved: true }),
      directory.onChange((event) => tellRegistration(this, event)),
    ]
  }

  /** By id, in the order in which they joined. */
  get sessions(): ReadonlyMap<number, WampSession> {
    return this.#sessions
  }

  /** Serves `wamp.` no more. Its sessions are over. */
  close(): void {
    for (const stop of this.#stopServing) stop()
  }

  joined(session: WampSession): void {
    this.#sessions.set(session.id, session)
    this.broker.publishMeta('wamp.session.on_join', [sessionDict(session)], session)
  }

  /** The order of spec/wamp 3: subscriptions, registrations, calls, testaments, meta events. */
  left(session: WampSession): void {
    if (!this.#sessions.delete(session.id)) return
    this.broker.sessionClosed(session)
    this.dealer.sessionClosed(session)
    this.broker.testaments.publish(session)
    const { authid, authrole } = session.principal
    if (!session.leavesQuietly) {
      this.broker.publishMeta('wamp.session.on_leave', [session.id, authid, authrole], session)
    }
    session.client.close()
  }
}
