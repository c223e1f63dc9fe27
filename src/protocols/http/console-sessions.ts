/**
 * Sessions of people who logged in at the console: a cookie that scripts cannot read stands for who they are, and a
 * second secret, which only scripts of our own pages get to see, goes along with whatever changes something, so that no
 * other page can make a browser do it (OWASP, "Cross-Site Request Forgery Prevention"). Kept in memory: after a restart
 * one logs in again.
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import type { Identity } from '../../model/identity.ts'

export interface ConsoleSession {
  readonly identity: Identity
  /** What the header `msgbus-csrf` has to say. */
  readonly csrfToken: string
}

/** More than people who look at one daemon at a time; the one longest unused goes first. */
export const sessionsMost = 1_000
/** Of one user, so that nobody can drive out the others. */
const sessionsPerUser = 20
/** A working day, used or not, and an hour unused. */
const longestMs = 12 * 3_600_000
const idleMs = 3_600_000

interface Entry extends ConsoleSession {
  readonly beganAtMs: number
  usedAtMs: number
}

export class ConsoleSessions {
  readonly #clock: Clock
  /** By the hash of what the cookie says, in the order of last use. */
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  /** @returns what the cookie is to say, with the session */
  begin(identity: Identity): { readonly id: string; readonly session: ConsoleSession } {
    this.#makeRoom(identity.user)
    const id = randomBytes(32).toString('base64url')
    const now = this.#clock.monotonic()
    const csrfToken = randomBytes(32).toString('base64url')
    const entry = { identity, csrfToken, beganAtMs: now, usedAtMs: now }
    this.#entries.set(hashOf(id), entry)
    return { id, session: entry }
  }

  /** Undefined when there is none, or not any more. */
  find(id: string): ConsoleSession | undefined {
    const key = hashOf(id)
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    const now = this.#clock.monotonic()
    this.#entries.delete(key)
    if (now - entry.beganAtMs >= longestMs || now - entry.usedAtMs >= idleMs) return undefined
    entry.usedAtMs = now
    this.#entries.set(key, entry)
    return entry
  }

  end(id: string): void {
    this.#entries.delete(hashOf(id))
  }

  #makeRoom(user: string): void {
    let own = 0
    let oldest: string | undefined
    for (const [key, { identity }] of this.#entries) {
      if (identity.user !== user) continue
      oldest ??= key
      own += 1
    }
    if (own >= sessionsPerUser && oldest !== undefined) this.#entries.delete(oldest)
    const [first] = this.#entries.keys()
    if (this.#entries.size >= sessionsMost && first !== undefined) this.#entries.delete(first)
  }
}

/** Whether a request brought the second secret of its session; takes the same time whatever it brought. */
export function isCsrfToken(session: ConsoleSession, given: unknown): boolean {
  if (typeof given !== 'string') return false
  return timingSafeEqual(digest(given), digest(session.csrfToken))
}

/** Looking up a hash tells nothing about the secret by the time it takes. */
function hashOf(id: string): string {
  return digest(id).toString('base64')
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
