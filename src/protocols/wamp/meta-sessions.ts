/** Procedures about sessions (spec/wamp 10): who is here, and how to send somebody away. */

import type { WampInput } from '../../wire/wamp/value.ts'
import { type MetaAnswer, type MetaCall, type MetaProcedure } from './meta-api.ts'
import type { Realm } from './realm.ts'
import type { WampSession } from './session.ts'
import { errorUris, WampError } from './translate-error.ts'

/** A session as meta procedures and `wamp.session.on_join` tell it. */
export function sessionDict(session: WampSession): Record<string, WampInput> {
  const { id, principal, peer, agent, droppedEvents } = session
  const { authid, authrole, authmethod, authprovider } = principal
  return {
    session: id,
    authid,
    authrole,
    authmethod,
    authprovider,
    transport: { ...peer.transport },
    agent,
    dropped: droppedEvents,
  }
}

export function sessionProcedures(realm: Realm): [string, MetaProcedure][] {
  const byRoles = (roles: ReadonlySet<string> | undefined) =>
    [...realm.sessions.values()].filter(({ principal }) => roles?.has(principal.authrole) ?? true)
  /** Everybody but the caller. */
  const others = (call: MetaCall, isMeant: (session: WampSession) => boolean) =>
    [...realm.sessions.values()].filter((each) => each !== call.session && isMeant(each))
  const find = (id: number): WampSession => {
    const session = realm.sessions.get(id)
    if (session === undefined) throw noSuchSession(id)
    return session
  }
  return [
    ['wamp.session.count', (call) => one(byRoles(call.optionalTexts(0)).length)],
    ['wamp.session.list', (call) => one(byRoles(call.optionalTexts(0)).map(({ id }) => id))],
    ['wamp.session.get', (call) => one(sessionDict(find(call.id(0))))],
    [
      'wamp.session.kill',
      (call) => {
        const id = call.id(0)
        if (id === call.session?.id) throw noSuchSession(id)
        killed(call, [find(id)])
        return { args: [] }
      },
    ],
    [
      'wamp.session.kill_by_authid',
      (call) => {
        const authid = call.text(0)
        return one(
          killed(
            call,
            others(call, ({ principal }) => principal.authid === authid),
          ),
        )
      },
    ],
    [
      'wamp.session.kill_by_authrole',
      (call) => {
        const role = call.text(0)
        return one(
          killed(
            call,
            others(call, ({ principal }) => principal.authrole === role),
          ).length,
        )
      },
    ],
    [
      'wamp.session.kill_all',
      (call) => {
        const sessions = others(call, () => true)
        call.requireAdministrator()
        for (const session of sessions) session.leavesQuietly = true
        return one(killed(call, sessions).length)
      },
    ],
  ]
}

/** Sends them away; their ids. @throws WampError, BusError */
function killed(call: MetaCall, sessions: readonly WampSession[]): number[] {
  const reason = call.optionalUri('reason') ?? errorUris.killed
  const message = call.optionalText('message')
  call.requireAdministrator()
  for (const session of sessions) session.peer.goodbye(reason, message)
  return sessions.map(({ id }) => id)
}

export function one(value: WampInput): MetaAnswer {
  return { args: [value] }
}

function noSuchSession(id: number): WampError {
  return new WampError(errorUris.noSuchSession, `there is no session ${id} but perhaps your own`)
}
