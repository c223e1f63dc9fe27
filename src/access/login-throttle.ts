/**
 * How often somebody may try: at most `perPair` wrong attempts a minute for one user from one address, and `perAddress`
 * from one address whatever the user; who has logged in from there before is not held up by what others try from the
 * same address. An attempt counts from its beginning and is given back when it succeeds, so that many at a time do
 * not slip through. Memory is bounded: the entries longest unused go first.
 */

import type { Clock } from '../core/clock.ts'

const perPair = 5
const perAddress = 60
const windowMs = 60_000
const rememberedMost = 10_000

interface Bucket {
  /** Attempts left. */
  left: number
  /** Monotonic time of the last look. */
  at: number
}

export class LoginThrottle {
  readonly #clock: Clock
  readonly #pairs = new Map<string, Bucket>()
  readonly #addresses = new Map<string, Bucket>()
  /** Pairs of user and address that have succeeded. */
  readonly #known = new Set<string>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes an attempt; milliseconds to wait when there is none left, else 0. */
  begin(user: string, address: string): number {
    const pair = this.#look(this.#pairs, keyOf(user, address), perPair)
    if (pair.left < 1) return waitOf(pair, perPair)
    const all = this.#look(this.#addresses, address, perAddress)
    if (all.left < 1 && !this.isKnown(user, address)) return waitOf(all, perAddress)
    pair.left -= 1
    all.left = Math.max(0, all.left - 1)
    return 0
  }

  succeeded(user: string, address: string): void {
    const key = keyOf(user, address)
    const all = this.#addresses.get(address)
    if (all !== undefined) all.left = Math.min(perAddress, all.left + 1)
    this.#pairs.delete(key)
    this.#known.delete(key)
    this.#known.add(key)
    dropOldest(this.#known)
  }

  /** An attempt that did not come to a decision does not count. */
  giveBack(user: string, address: string): void {
    const pair = this.#pairs.get(keyOf(user, address))
    if (pair !== undefined) pair.left = Math.min(perPair, pair.left + 1)
    const all = this.#addresses.get(address)
    if (all !== undefined) all.left = Math.min(perAddress, all.left + 1)
  }

  isKnown(user: string, address: string): boolean {
    return this.#known.has(keyOf(user, address))
  }

  /** Entries held, for those who watch the bound. */
  get size(): number {
    return this.#pairs.size + this.#addresses.size + this.#known.size
  }

  #look(buckets: Map<string, Bucket>, key: string, most: number): Bucket {
    const now = this.#clock.monotonic()
    const known = buckets.get(key)
    const bucket = known ?? { left: most, at: now }
    bucket.left = Math.min(most, bucket.left + ((now - bucket.at) * most) / windowMs)
    bucket.at = now
    if (known !== undefined) buckets.delete(key)
    buckets.set(key, bucket)
    dropOldest(buckets)
    return bucket
  }
}

function keyOf(user: string, address: string): string {
  return `${address} ${user}`
}

function waitOf({ left }: Bucket, most: number): number {
  return Math.ceil(((1 - left) * windowMs) / most)
}

function dropOldest(entries: Map<string, unknown> | Set<string>): void {
  if (entries.size <= rememberedMost) return
  const [oldest] = entries.keys()
  if (oldest !== undefined) entries.delete(oldest)
}

/** What stands for an address in the throttle: the host, of IPv6 the network of its provider's customer. */
export function addressOf(source: string | undefined): string {
  if (source === undefined) return 'local'
  const host = source.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1]
  if (mapped !== undefined) return mapped
  if (!host.includes(':')) return host
  const [head = ''] = host.split('::')
  const groups = head.split(':')
  return groups.length >= 4 ? `${groups.slice(0, 4).join(':')}::/64` : host
}
