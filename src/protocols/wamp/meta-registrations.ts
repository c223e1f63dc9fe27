/** Procedures about registrations (spec/wamp 10), whatever protocol their callees speak, and what is told when they change. */

import type {
  Callee,
  CallParticipant,
  CallRegistration,
  ProcedureDirectory,
  RegistrationEvent,
} from '../../core/calls.ts'
import type { WampInput } from '../../wire/wamp/value.ts'
import type { MetaCall, MetaProcedure } from './meta-api.ts'
import { one } from './meta-sessions.ts'
import type { Realm } from './realm.ts'
import { SessionCalls } from './session-calls.ts'
import { errorUris, WampError } from './translate-error.ts'

/** @param directory of the realm's call space */
export function registrationProcedures(directory: ProcedureDirectory): [string, MetaProcedure][] {
  const find = (call: MetaCall): CallRegistration => {
    const id = call.id(0)
    const registration = directory.byId(id)
    if (registration !== undefined) return registration
    throw new WampError(errorUris.noSuchRegistration, `there is no registration ${id}`)
  }
  return [
    ['wamp.registration.list', (call) => one(listed(directory, call.optionalId(0)))],
    [
      'wamp.registration.lookup',
      (call) => one(directory.byProcedure(call.text(0), call.match(1))?.id ?? null),
    ],
    ['wamp.registration.match', (call) => one(directory.matching(call.text(0))?.id ?? null)],
    ['wamp.registration.get', (call) => one(registrationDict(find(call)))],
    ['wamp.registration.list_callees', (call) => one(find(call).callees.map(calleeId))],
    ['wamp.registration.count_callees', (call) => one(find(call).callees.length)],
    [
      'wamp.registration.remove_callee',
      (call) => {
        const registration = find(call)
        const id = call.id(1)
        const reason = call.optionalUri('reason') ?? 'wamp.error.registration_revoked'
        call.requireAdministrator()
        const callee = registration.callees.find((each) => calleeId(each) === id)
        if (callee === undefined) {
          const text = `session ${id} does not serve registration ${registration.id}`
          throw new WampError(errorUris.noSuchSession, text)
        }
        directory.revoke(registration, callee.client, reason)
        return { args: [] }
      },
    ],
  ]
}

/** Tells whoever subscribed to `wamp.registration.…`. */
export function tellRegistration(realm: Realm, event: RegistrationEvent): void {
  const { kind, registration, client, callee } = event
  const cause = callee instanceof SessionCalls ? callee.session : undefined
  const what = kind === 'created' ? registrationDict(registration) : registration.id
  const args = [calleeId({ client, callee }), what]
  realm.broker.publishMeta(`wamp.registration.${eventNames[kind]}`, args, cause)
}

const eventNames = {
  created: 'on_create',
  joined: 'on_register',
  left: 'on_unregister',
  deleted: 'on_delete',
} as const

function listed(directory: ProcedureDirectory, session: number | undefined): WampInput {
  const found = { exact: [] as number[], prefix: [] as number[], wildcard: [] as number[] }
  for (const { id, match, callees } of directory.list()) {
    const isMeant = session === undefined || callees.some((each) => calleeId(each) === session)
    if (isMeant) found[match].push(id)
  }
  return found
}

function registrationDict(registration: CallRegistration): Record<string, WampInput> {
  const { id, createdAtMs, procedure, match, invoke } = registration
  return { id, created: new Date(createdAtMs).toISOString(), uri: procedure, match, invoke }
}

/** The session; of a callee that has none, the number of its client on the bus. */
function calleeId({ client, callee }: { client: CallParticipant; callee: Callee }): number {
  return callee instanceof SessionCalls ? callee.session.id : client.id
}
