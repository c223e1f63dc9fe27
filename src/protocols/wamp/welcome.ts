/** What WELCOME tells (spec/wamp 3.2). */

import type { DictInput } from '../../wire/wamp/messages.ts'
import type { WampSession } from './session.ts'

/** @param agent of the daemon; undefined: it is not told */
export function welcomeDetails(session: WampSession, agent: string | undefined): DictInput {
  const { realm, principal } = session
  const { authid, authrole, authmethod, authprovider, authextra } = principal
  return {
    roles: {
      broker: { features: realm.broker.features },
      dealer: { features: realm.dealer.features },
    },
    realm: realm.name,
    authid,
    authrole,
    authmethod,
    authprovider,
    authextra,
    agent,
  }
}

/**
 * For who does not take as much (a length code of 0 in RawSocket is 512 octets): nothing is announced and the daemon not
 * named. Everything works all the same, as far as the client uses what was not announced.
 */
export function shortWelcomeDetails(session: WampSession): DictInput {
  const roles = { broker: { features: {} }, dealer: { features: {} } }
  return { ...welcomeDetails(session, undefined), roles }
}
