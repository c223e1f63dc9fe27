/** Procedures about subscriptions (spec/wamp 10); those of other protocols are not among them. */

import type { WampInput } from '../../wire/wamp/value.ts'
import type { MetaCall, MetaProcedure } from './meta-api.ts'
import { one } from './meta-sessions.ts'
import type { Realm } from './realm.ts'
import type { Subscription } from './subscription-table.ts'
import { errorUris, WampError } from './translate-error.ts'

export function subscriptionProcedures(realm: Realm): [string, MetaProcedure][] {
  const { broker } = realm
  const { subscriptions } = broker
  const find = (call: MetaCall): Subscription => {
    const id = call.id(0)
    const subscription = subscriptions.byId(id)
    if (subscription !== undefined) return subscription
    throw new WampError(errorUris.noSuchSubscription, `there is no subscription ${id}`)
  }
  return [
    ['wamp.subscription.list', (call) => one(listed(subscriptions.values(), call.optionalId(0)))],
    [
      'wamp.subscription.lookup',
      (call) => one(subscriptions.find(call.text(0), call.match(1))?.id ?? null),
    ],
    [
      'wamp.subscription.match',
      (call) => {
        const ids = subscriptions.ofUri(call.text(0)).map(({ id }) => id)
        return one(ids.length === 0 ? null : ids)
      },
    ],
    ['wamp.subscription.get', (call) => one(subscriptionDict(find(call)))],
    [
      'wamp.subscription.list_subscribers',
      (call) => one([...find(call).sessions].map(({ id }) => id)),
    ],
    ['wamp.subscription.count_subscribers', (call) => one(find(call).sessions.size)],
    [
      'wamp.subscription.remove_subscriber',
      (call) => {
        const subscription = find(call)
        const id = call.id(1)
        const reason = call.optionalUri('reason') ?? 'wamp.error.subscription_revoked'
        call.requireAdministrator()
        const session = realm.sessions.get(id)
        if (session === undefined || !subscription.sessions.has(session)) {
          const text = `session ${id} has no subscription ${subscription.id}`
          throw new WampError(errorUris.noSuchSession, text)
        }
        broker.revoke(session, subscription, reason)
        return { args: [] }
      },
    ],
  ]
}

export function subscriptionDict(subscription: Subscription): Record<string, WampInput> {
  const { id, createdAtMs, uri, match } = subscription
  return { id, created: new Date(createdAtMs).toISOString(), uri, match }
}

function listed(subscriptions: Iterable<Subscription>, session: number | undefined): WampInput {
  const found = { exact: [] as number[], prefix: [] as number[], wildcard: [] as number[] }
  for (const { id, match, sessions } of subscriptions) {
    const isMeant = session === undefined || [...sessions].some((each) => each.id === session)
    if (isMeant) found[match].push(id)
  }
  return found
}
