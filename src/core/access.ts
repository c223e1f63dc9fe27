/**
 * Access as the bus asks for it: once per operation, for every protocol alike (architecture 8).
 * Rules live elsewhere and are handed to the bus; until there are any, everything is allowed.
 */

import { BusError } from '../model/errors.ts'
import type { Action, Identity } from '../model/identity.ts'

export interface AccessCheck {
  /** Nothing is ever refused: the fast path need not ask. */
  readonly isOpen: boolean
  /** Changes whenever an answer may have changed; what was remembered is asked anew then. */
  readonly version: number
  /**
   * @param resource topic, filter, queue, name or procedure; empty for actions on the daemon itself
   * @returns undefined when allowed, else the rule that refuses, for people to read
   */
  refusal(identity: Identity, action: Action, resource: string): string | undefined
}

export const allowEverything: AccessCheck = { isOpen: true, version: 0, refusal: () => undefined }

/** @throws BusError `permission_denied/access_denied` that names the rule */
export function requireAccess(
  access: AccessCheck,
  identity: Identity,
  action: Action,
  resource: string,
): void {
  const rule = access.refusal(identity, action, resource)
  if (rule === undefined) return
  const what = resource === '' ? action : `${action} ${JSON.stringify(resource)}`
  const text = `${identity.user} may not ${what}: ${rule}`
  throw new BusError('permission_denied', 'access_denied', text)
}
