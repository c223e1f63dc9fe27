/** Procedures about the past of topics and about what a session leaves behind (spec/wamp 9.9, 9.10). */

import { getEvents } from './history.ts'
import type { MetaCall, MetaProcedure } from './meta-api.ts'
import { one } from './meta-sessions.ts'
import type { Realm } from './realm.ts'
import type { WampSession } from './session.ts'
import { errorUris, WampError } from './translate-error.ts'

export function pastProcedures({ broker: { testaments } }: Realm): [string, MetaProcedure][] {
  return [
    [
      'wamp.subscription.get_events',
      (call) => getEvents(sessionOf(call), call.payload.args, call.payload.kwargs),
    ],
    [
      'wamp.session.add_testament',
      (call) => one(testaments.add(sessionOf(call), call.payload.args, call.payload.kwargs)),
    ],
    [
      'wamp.session.flush_testaments',
      (call) => one(testaments.flush(sessionOf(call), call.payload.kwargs)),
    ],
  ]
}

/** @throws WampError for callers of other protocols, who have none */
function sessionOf({ session }: MetaCall): WampSession {
  if (session !== undefined) return session
  throw new WampError(errorUris.noSuchSession, 'only a session of WAMP can ask for that')
}
