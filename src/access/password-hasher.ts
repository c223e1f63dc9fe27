/**
 * Hashing of passwords in one worker thread, with at most two under way and a short queue: whoever floods a daemon
 * with logins takes one core at most, and nobody waits longer than the queue. Who has logged in from the same
 * address before goes first.
 */

import { randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { BusError } from '../model/errors.ts'
import { defaultHashCost, type HashCost } from './password-hash.ts'

export type HashRequest =
  | {
      readonly kind: 'verify'
      readonly number: number
      readonly password: string
      readonly hash: string
    }
  | {
      readonly kind: 'hash'
      readonly number: number
      readonly password: string
      readonly salt: Uint8Array
      readonly cost: HashCost
    }

export interface HashResponse {
  readonly number: number
  readonly isRight: boolean
  /** PHC form; empty for `verify`. */
  readonly hash: string
}

interface Job {
  readonly request: HashRequest
  readonly resolve: (response: HashResponse) => void
  readonly reject: (error: BusError) => void
}

const underWayMost = 2
/** Some 50 ms each. */
const waitingMost = 6
/** Who is known waits beside the others, so a flood does not take its place. */
const knownWaitingMost = 32

/** Compiled, or run from the sources. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

export class PasswordHasher {
  #worker: Worker | undefined
  readonly #known: Job[] = []
  readonly #others: Job[] = []
  readonly #underWay = new Map<number, Job>()
  #lastNumber = 0
  #isClosed = false
  /** Most hashings that were ever under way together, for those who watch the promise. */
  mostUnderWay = 0

  /**
   * @param isKnown whether it goes first
   * @throws BusError `resource_exhausted/too_many_logins` (rejects)
   */
  async verify(password: string, hash: string, isKnown: boolean): Promise<boolean> {
    const number = (this.#lastNumber += 1)
    const response = await this.#ask({ kind: 'verify', number, password, hash }, isKnown)
    return response.isRight
  }

  /** A new hash in PHC form. Rejects as `verify`. */
  async hash(password: string, cost: HashCost = defaultHashCost): Promise<string> {
    const number = (this.#lastNumber += 1)
    const salt = randomBytes(16)
    const { hash } = await this.#ask({ kind: 'hash', number, password, salt, cost }, true)
    if (hash === '') throw new BusError('invalid_argument', 'bad_argument', 'a password is empty')
    return hash
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const error = new BusError('unavailable', 'shutting_down', 'the daemon is shutting down')
    this.#failAll(error)
    await this.#worker?.terminate()
  }

  #ask(request: HashRequest, isKnown: boolean): Promise<HashResponse> {
    if (this.#isClosed) {
      const text = 'the daemon is shutting down'
      return Promise.reject(new BusError('unavailable', 'shutting_down', text))
    }
    const queue = isKnown ? this.#known : this.#others
    if (queue.length >= (isKnown ? knownWaitingMost : waitingMost)) {
      const text = 'too many logins at a time; try again in a moment'
      return Promise.reject(new BusError('resource_exhausted', 'too_many_logins', text))
    }
    return new Promise((resolve, reject) => {
      queue.push({ request, resolve, reject })
      this.#next()
    })
  }

  #next(): void {
    while (this.#underWay.size < underWayMost) {
      const job = this.#known.shift() ?? this.#others.shift()
      if (job === undefined) return
      this.#underWay.set(job.request.number, job)
      this.mostUnderWay = Math.max(this.mostUnderWay, this.#underWay.size)
      this.#running().postMessage(job.request, [])
    }
  }

  /** Started with the first login, and again should it ever die. */
  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(new URL(`./password-worker.${extension}`, import.meta.url))
    worker.unref()
    worker.on('message', (response: HashResponse) => {
      const job = this.#underWay.get(response.number)
      this.#underWay.delete(response.number)
      job?.resolve(response)
      this.#next()
    })
    worker.on('error', () => this.#died(worker))
    worker.on('exit', () => this.#died(worker))
    this.#worker = worker
    return worker
  }

  #died(worker: Worker): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#failAll(new BusError('unavailable', 'internal', 'passwords cannot be checked now'))
  }

  #failAll(error: BusError): void {
    const jobs = [...this.#underWay.values(), ...this.#known.splice(0), ...this.#others.splice(0)]
    this.#underWay.clear()
    for (const job of jobs) job.reject(error)
  }
}
