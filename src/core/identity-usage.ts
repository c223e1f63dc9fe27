/**
 * What one user uses over all its connections, against what its limits are (access.ts). Rates are kept by buckets that
 * fill as time passes and hold two seconds' worth: whoever has something left may spend, and owes what was too much,
 * so that a large message passes and is paid for afterwards.
 */

import { BusError } from '../model/errors.ts'
import type { Identity } from '../model/identity.ts'
import type { AccessCheck, IdentityLimits } from './access.ts'
import type { Clock } from './clock.ts'

/** Seconds of the rate that a bucket holds. */
const burstS = 2

class Bucket {
  #left = Infinity
  #at = 0

  /** False when nothing is left. */
  take(cost: number, perSecond: number, nowMs: number): boolean {
    const most = perSecond * burstS
    this.#left = Math.min(most, this.#left + ((nowMs - this.#at) / 1_000) * perSecond)
    this.#at = nowMs
    if (this.#left <= 0) return false
    this.#left -= cost
    return true
  }
}

export class IdentityUsage {
  limits: IdentityLimits | undefined
  connections = 0
  subscriptions = 0
  readonly #clock: Clock
  readonly #user: string
  readonly #publishes = new Bucket()
  readonly #publishBytes = new Bucket()
  readonly #queueBytes = new Bucket()

  constructor(clock: Clock, user: string) {
    this.#clock = clock
    this.#user = user
  }

  /** Takes a publication from what is left; false when there is nothing. */
  takePublish(bytes: number): boolean {
    const { publishesPerSecond, publishBytesPerSecond } = this.limits ?? {}
    if (publishesPerSecond === undefined && publishBytesPerSecond === undefined) return true
    const now = this.#clock.monotonic()
    if (publishesPerSecond !== undefined && !this.#publishes.take(1, publishesPerSecond, now)) {
      return false
    }
    return (
      publishBytesPerSecond === undefined ||
      this.#publishBytes.take(bytes, publishBytesPerSecond, now)
    )
  }

  /** @throws BusError `resource_exhausted/quota_exceeded` */
  requirePublish(bytes: number): void {
    if (!this.takePublish(bytes)) throw this.#exceeded('publishes faster than it may')
  }

  /** @throws BusError `resource_exhausted/quota_exceeded` */
  requireQueueBytes(bytes: number): void {
    const perSecond = this.limits?.queueBytesPerSecond
    if (perSecond === undefined) return
    if (this.#queueBytes.take(bytes, perSecond, this.#clock.monotonic())) return
    throw this.#exceeded('puts more into queues than it may')
  }

  /** @throws BusError `resource_exhausted/quota_exceeded` */
  requireConnection(): void {
    const most = this.limits?.connections
    if (most === undefined || this.connections < most) return
    throw this.#exceeded(`has ${this.connections} connections, which is its limit`)
  }

  /** @throws BusError `resource_exhausted/quota_exceeded` */
  requireSubscription(): void {
    const most = this.limits?.subscriptions
    if (most === undefined || this.subscriptions < most) return
    throw this.#exceeded(`has ${this.subscriptions} subscriptions, which is its limit`)
  }

  #exceeded(text: string): BusError {
    return new BusError('resource_exhausted', 'quota_exceeded', `${this.#user} ${text}`)
  }
}

/** The users that are connected. */
export class IdentityUsages {
  readonly #access: AccessCheck
  readonly #clock: Clock
  readonly #byUser = new Map<string, IdentityUsage>()

  constructor(access: AccessCheck, clock: Clock) {
    this.#access = access
    this.#clock = clock
  }

  /**
   * What a user uses, to be counted in by the caller; undefined: on an open daemon nobody counts.
   * @throws BusError `resource_exhausted/quota_exceeded` when it has as many connections as it may
   */
  begin(identity: Identity): IdentityUsage | undefined {
    if (this.#access.isOpen || identity.method === 'in-process') return undefined
    const key = keyOf(identity)
    const known = this.#byUser.get(key)
    const usage = known ?? new IdentityUsage(this.#clock, identity.user)
    usage.limits = this.#access.limitsOf?.(identity)
    usage.requireConnection()
    if (known === undefined) this.#byUser.set(key, usage)
    return usage
  }

  /** A connection has ended. */
  end(identity: Identity, usage: IdentityUsage): void {
    usage.connections -= 1
    if (usage.connections === 0) this.#byUser.delete(keyOf(identity))
  }
}

function keyOf({ user, method }: Identity): string {
  return `${method === 'none' ? '-' : '+'}${user}`
}
