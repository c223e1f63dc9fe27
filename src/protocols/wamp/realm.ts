/** A realm (spec/wamp 3): its sessions, its broker and its dealer. Nothing crosses from one realm to another. */

import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { UriCheck } from '../../wire/wamp/uri.ts'
import { Broker } from './broker.ts'
import { type Dealer, EmptyDealer } from './dealer.ts'
import type { WampSession } from './session.ts'

/** Whether publishers and callers are told to those they reach (spec/wamp 9.3). */
export type Disclosure = 'ask' | 'always' | 'never'

export interface RealmOptions {
  readonly name: string
  readonly uriCheck: UriCheck
  readonly disclose: Disclosure
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

  constructor(options: RealmOptions) {
    this.name = options.name
    this.options = options
    this.broker = new Broker(this)
    this.dealer = new EmptyDealer()
  }

  /** By id, in the order in which they joined. */
  get sessions(): ReadonlyMap<number, WampSession> {
    return this.#sessions
  }

  joined(session: WampSession): void {
    this.#sessions.set(session.id, session)
    const { principal, peer, id: number } = session
    const { authid, authrole, authmethod, authprovider } = principal
    this.broker.publishMeta(
      'wamp.session.on_join',
      [
        {
          session: number,
          authid,
          authrole,
          authmethod,
          authprovider,
          transport: { ...peer.transport },
        },
      ],
      session,
    )
  }

  /** The order of spec/wamp 3: subscriptions, registrations, calls, testaments, meta events. */
  left(session: WampSession): void {
    if (!this.#sessions.delete(session.id)) return
    this.broker.sessionClosed(session)
    this.dealer.sessionClosed(session)
    const { authid, authrole } = session.principal
    this.broker.publishMeta('wamp.session.on_leave', [session.id, authid, authrole], session)
    session.client.close()
  }
}
