/**
 * kill -9 at random moments under many publishers, then a comparison of what was acknowledged with
 * what is there: nothing acknowledged is lost, heads have no gap, and no head ever names another
 * message than before. Some kills hit the daemon while it opens its store. The seed decides after
 * how many answers the kill comes; where exactly it hits is up to the machine, as in life.
 */

import assert from 'node:assert/strict'
import { status, type ServiceError } from '@grpc/grpc-js'
import type { Scope } from '../e2e/clean-up.ts'
import { spawnDaemon, startDaemon, temporaryFolder } from '../e2e/daemon-process.ts'
import { connectV1, type Envelope, type V1Client } from '../e2e/v1-client.ts'

export interface TortureOptions {
  readonly storage: string
  /** Kills under load; the early ones come on top. */
  readonly rounds: number
  readonly seed: number
  /** Default 32. */
  readonly publishers?: number
  /** One line per round. */
  readonly report?: ((line: string) => void) | undefined
}

export interface TortureResult {
  readonly acknowledged: number
  /** Stored although the answer did not arrive: killed in between. */
  readonly unanswered: number
  /** Slowest start on what the kills left behind. */
  readonly slowestReadyMs: number
}

// Most answers before a kill; the seed chooses below it.
const maxAnswers = 3000
// Answers come together, after a commit; the kill is to come anywhere between two of them.
const maxKillDelayMs = 20
// One kill of so many hits a daemon that is still starting.
const earlyKillEvery = 5
const pageSize = 10_000

/** What is known of one topic: by head, the message id and its payload. */
class Ledger {
  readonly #acknowledged = new Map<number, string>()
  /** Everything served before, acknowledged or not: it must never change. */
  readonly #served: string[] = []
  readonly #payloads = new Set<string>()
  readonly topic: string

  constructor(topic: string) {
    this.topic = topic
  }

  get unanswered(): number {
    return this.#served.length - this.#acknowledged.size
  }

  acknowledge({ head_id: head, id, payload }: Envelope): void {
    const entry = `${id} ${payload.toString()}`
    assert.equal(this.#acknowledged.get(head), undefined, `${this.topic} ${head} was given twice`)
    this.#acknowledged.set(head, entry)
  }

  /** Compares the whole log, or with `from` only what came after that head. */
  async check(client: V1Client, isWhole: boolean): Promise<void> {
    const from = isWhole ? 1 : this.#served.length + 1
    let next = from
    for (;;) {
      const request = { topic: this.topic, from_head_id: next, limit: pageSize }
      const page = await client.collect('Fetch', request)
      for (const message of page) this.#take(message, next++)
      if (page.length < pageSize) break
    }
    for (const [head, entry] of this.#acknowledged) {
      assert.equal(
        this.#served[head - 1],
        entry,
        `${this.topic} ${head} was acknowledged and is lost`,
      )
    }
  }

  #take({ head_id: head, id, payload, deleted }: Envelope, expected: number): void {
    assert.equal(head, expected, `${this.topic} has a gap`)
    const entry = `${id} ${payload.toString()}`
    const before = this.#served[head - 1]
    if (before !== undefined) {
      assert.equal(entry, before, `${this.topic} ${head} has changed`)
      return
    }
    assert.equal(deleted, false)
    assert.ok(!this.#payloads.has(entry), `${this.topic} ${head} repeats ${entry}`)
    this.#payloads.add(entry)
    this.#served.push(entry)
  }
}

/** @throws AssertionError that says what was lost or changed */
export async function torture(t: Scope, options: TortureOptions): Promise<TortureResult> {
  const { storage, rounds, seed, publishers = 32, report } = options
  const random = seededRandom(seed)
  const data = temporaryFolder(t)
  const args = ['--storage', storage]
  // Some share a log, others have their own.
  const ledgers = Array.from({ length: 1 + publishers / 4 }, (_, i) => new Ledger(`topic ${i}`))
  let acknowledged = 0
  let slowestReadyMs = 0

  for (let round = 1; round <= rounds + 1; round++) {
    if (random() < 1 / earlyKillEvery) {
      const starting = spawnDaemon(t, { args, data })
      await starting.printed(/^msgbusd /m)
      starting.kill('SIGKILL')
      await starting.exited
    }
    const daemon = await startDaemon(t, { args, data })
    const readyMs = Number(/^ready after (\d+) ms/m.exec(daemon.stdout())?.[1])
    slowestReadyMs = Math.max(slowestReadyMs, readyMs)
    const client = connectV1(t, daemon.address)
    const isLast = round > rounds
    for (const ledger of ledgers) await ledger.check(client, isLast)
    if (isLast) break

    const answersBeforeKill = 1 + Math.floor(random() * maxAnswers)
    const killAfterMs = random() * maxKillDelayMs
    let answers = 0
    const publish = async (publisher: number): Promise<void> => {
      const own = connectV1(t, daemon.address)
      const ledger = ledgers[publisher % ledgers.length] ?? assert.fail()
      try {
        for (let n = 0; ; n++) {
          const payload = Buffer.from(`${round}.${publisher}.${n}`)
          const request = { topic: ledger.topic, payload }
          const { message } = await own.call<{ message: Envelope }>('Publish', request)
          ledger.acknowledge(message)
          answers++
          if (answers === answersBeforeKill) setTimeout(() => daemon.kill('SIGKILL'), killAfterMs)
        }
      } catch (error) {
        // The only way out: the daemon is gone.
        if ((error as ServiceError).code !== status.UNAVAILABLE) throw error
      } finally {
        own.close()
      }
    }
    await Promise.all(Array.from({ length: publishers }, (_, i) => publish(i)))
    await daemon.exited
    client.close()
    acknowledged += answers
    report?.(`round ${round}: ready after ${readyMs} ms, killed after ${answers} answers`)
  }
  const unanswered = ledgers.reduce((sum, ledger) => sum + ledger.unanswered, 0)
  return { acknowledged, unanswered, slowestReadyMs }
}

/** A scope for programs: what was started ends with `end`. */
export class ProgramScope implements Scope {
  readonly #steps: (() => unknown)[] = []

  after(step: () => unknown): void {
    this.#steps.push(step)
  }

  diagnostic(text: string): void {
    process.stderr.write(`${text}\n`)
  }

  async end(): Promise<void> {
    for (const step of this.#steps.splice(0)) await step()
  }
}

/** Mulberry32: small, and the same everywhere. Numbers from 0 to below 1. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
