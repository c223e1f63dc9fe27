/**
 * Access as the bus asks for it: once per operation, for every protocol alike (architecture 8).
 * Rules live elsewhere and are handed to the bus; until there are any, everything is allowed.
 *
 * What is asked often is asked of a map: an answer depends on the identity, the name of the client, the action and the
 * resource alone, and holds as long as `version` is what it was.
 */

import { BusError } from '../model/errors.ts'
import type { Action, Identity } from '../model/identity.ts'
import type { LiveFilter } from './live.ts'

/** Whom a decision is about; every client of the bus is one. */
export interface Subject {
  readonly identity: Identity
  /** Full name on the bus; empty: it has none. */
  readonly name: string
  /** What rules write `%c`, where it is not the name: a client of MQTT knows its client id, and not what we make of it. */
  readonly ruleName?: string | undefined
}

/** What one identity may use, all its connections together. What is absent has no bound but those of everybody. */
export interface IdentityLimits {
  /** Clients at a time. */
  readonly connections?: number | undefined
  readonly publishesPerSecond?: number | undefined
  /** Of payload. */
  readonly publishBytesPerSecond?: number | undefined
  /** Live filters and log subscriptions of all its clients. */
  readonly subscriptions?: number | undefined
  /** Payload and headers of its messages on the way into queues, per second; see docs/security.md. */
  readonly queueBytesPerSecond?: number | undefined
}

export interface AccessCheck {
  /** Nothing is ever refused: the fast path need not ask. */
  readonly isOpen: boolean
  /** Changes whenever an answer may have changed; what was remembered is asked anew then. */
  readonly version: number
  /**
   * @param resource topic, queue, name, mask or procedure; empty for actions on the daemon itself
   * @returns undefined when allowed, else the rule that refuses, for people to read
   */
  refusal(subject: Subject, action: Action, resource: string): string | undefined
  /**
   * As `refusal` of `subscribe` and `fetch`, for a pattern: refused only when nothing that it matches can be allowed.
   * Whoever subscribes is asked for each topic again. Absent: the text of the filter is asked for as a name.
   */
  filterRefusal?(subject: Subject, action: Action, filter: LiveFilter): string | undefined
  /**
   * As `refusal` of `register`, for a pattern of procedures: refused unless everything that it matches is allowed. Absent:
   * only the text of the pattern is asked for.
   * @param texts what names consist of in this order, with anything but `/` between them
   */
  patternRefusal?(subject: Subject, action: Action, texts: readonly string[]): string | undefined
  limitsOf?(identity: Identity): IdentityLimits | undefined
  /** False: whoever this was is not known any more (revoked, expired), and is to be disconnected. */
  isValid?(identity: Identity): boolean
  /** Somebody was refused, for the record. */
  refused?(subject: Subject, action: Action, resource: string, rule: string): void
}

export const allowEverything: AccessCheck = {
  isOpen: true,
  version: 0,
  refusal: () => undefined,
}

/** `permission_denied/access_denied` that names the rule. */
export function accessDenied(
  { identity }: Subject,
  action: Action,
  resource: string,
  rule: string,
): BusError {
  const what = resource === '' ? action : `${action} ${JSON.stringify(resource)}`
  const text = `${identity.user} may not ${what}: ${rule}`
  return new BusError('permission_denied', 'access_denied', text)
}
