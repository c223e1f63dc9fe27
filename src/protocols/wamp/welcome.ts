/** What WELCOME tells (spec/wamp 3.2). */

import type { DictInput } from '../../wire/wamp/messages.ts'
import type { WampSession } from './session.ts'

/** @param agent of the daemon; undefined: it is not told */
export function welcomeDetails(session: WampSession, agent: string | undefined): DictInput {
  const { broker, dealer } = session.realm
  const roles = { broker: { features: broker.features }, dealer: { features: dealer.features } }
  return details(session, roles, agent)
}

/**
 * For who does not take as much (a length code of 0 in RawSocket is 512 octets): nothing is announced and the daemon not
 * named. Everything works all the same, as far as the client uses what was not announced.
 */
export function shortWelcomeDetails(session: WampSession): DictInput {
  return details(session, { broker: { features: {} }, dealer: { features: {} } }, undefined)
}

function details(session: WampSession, roles: DictInput, agent: string | undefined): DictInput {
  const { realm, principal } = session
  const { authid, authrole, authmethod, authprovider, authextra } = principal
  return { roles, realm: realm.name, authid, authrole, authmethod, authprovider, authextra, agent }
}
