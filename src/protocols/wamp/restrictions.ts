/** Who may receive a publication whose publisher says so (spec/wamp 9.11): all of its lists have to allow it. */

import type { PublishReceiver } from '../../core/live.ts'
import { daemonIdentity } from '../../model/identity.ts'
import type { Restrictions } from './options.ts'
import { WampSession } from './session.ts'

/** Clients of other protocols have no session id; their authid is their user, their roles are its groups. */
export function isEligible(receiver: PublishReceiver, restrictions: Restrictions): boolean {
  const { inbox, identity } = receiver
  // It receives for others, at other nodes or in turn, and nobody could tell which of them are meant.
  if (identity === daemonIdentity) return false
  const session = inbox instanceof WampSession ? inbox : undefined
  const id = session?.id ?? 0
  const authid = session?.principal.authid ?? identity.user
  const roles = session === undefined ? identity.groups : [session.principal.authrole]
  const { eligible, eligibleAuthid, eligibleAuthrole } = restrictions
  if (eligible !== undefined && !eligible.has(id)) return false
  if (eligibleAuthid !== undefined && !eligibleAuthid.has(authid)) return false
  if (eligibleAuthrole !== undefined && !roles.some((role) => eligibleAuthrole.has(role))) {
    return false
  }
  const { exclude, excludeAuthid, excludeAuthrole } = restrictions
  if (exclude?.has(id) === true || excludeAuthid?.has(authid) === true) return false
  return excludeAuthrole === undefined || !roles.some((role) => excludeAuthrole.has(role))
}
