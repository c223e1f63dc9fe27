/**
 * Calls that wait because all who serve their procedure have as many as they take (spec/wamp 9.7). To a call that waits
 * the queue is its callee: giving up, time limits and callers who leave end it like any other, and nobody was asked yet.
 * Calls are handed out in the order in which they came, as soon as somebody who can serve them has answered another, or
 * is new. A queue has places and room for so many bytes; calls beyond are refused.
 */

import { BusError } from '../model/errors.ts'
import type { Callee, CalleeFeatures, CallContent } from './calls.ts'
import type { PendingCall } from './pending-call.ts'
import type { Member, Registration } from './registration.ts'

/** What the calls of one queue may carry, all together. */
const bytesMost = 33_554_432

const features: CalleeFeatures = {
  canBeInterrupted: false,
  takesProgressiveCalls: true,
  takesPassthru: true,
  watchesTimeouts: false,
  passesOn: false,
}

/** What a call brought while it waited; more than one part of progressive calls only. */
interface Waiting {
  readonly parts: CallContent[]
  isWhole: boolean
}

// Whoever is asked by a `PendingCall` gets that very object.
export class CallQueue implements Callee {
  readonly features = features
  readonly isFull = false
  /** Whom calls belong to while they wait; `open` says how many there are. */
  readonly member: Member
  readonly #registration: Registration
  readonly #places: number
  readonly #waiting = new Map<PendingCall, Waiting>()
  #bytes = 0
  #isDraining = false
  #isDrainDue = false

  constructor(registration: Registration, places: number) {
    this.#registration = registration
    this.#places = places
    const { procedure, match, invoke } = registration
    const options = {
      procedure,
      match,
      invoke,
      concurrency: Infinity,
      queuePlaces: 0,
      replaces: false,
      disclosesCaller: false,
      forwardTimeout: false,
    }
    this.member = { client: undefined, callee: this, options, open: 0 }
  }

  get size(): number {
    return this.#waiting.size
  }

  hasRoom(byteLength: number): boolean {
    return this.#waiting.size < this.#places && this.#bytes + byteLength <= bytesMost
  }

  invoke(call: PendingCall, content: CallContent): void {
    this.#waiting.set(call, { parts: [content.keep()], isWhole: !call.isProgressive })
    this.#bytes += content.byteLength
  }

  continue(call: PendingCall, content: CallContent, isLast: boolean): void {
    const waiting = this.#waiting.get(call)
    if (waiting === undefined) return
    if (this.#bytes + content.byteLength > bytesMost || waiting.parts.length >= this.#places) {
      const text = 'calls that wait to be served carry more than there is room for'
      call.giveUp('skip', new BusError('resource_exhausted', 'quota_exceeded', text))
      return
    }
    waiting.parts.push(content.keep())
    waiting.isWhole = isLast
    this.#bytes += content.byteLength
  }

  interrupt(call: PendingCall): void {
    this.#take(call)
  }

  revoked(): void {
    // It offers nothing.
  }

  /** Hands out what somebody can serve now; what nobody can serve any more fails. */
  drain(): void {
    this.#isDrainDue = true
    if (this.#isDraining) return
    this.#isDraining = true
    while (this.#isDrainDue) {
      this.#isDrainDue = false
      for (const call of this.#waiting.keys()) if (!this.#handOut(call)) break
    }
    this.#isDraining = false
  }

  /** Nobody serves the procedure any more. */
  close(error: BusError): void {
    for (const call of this.#waiting.keys()) {
      this.#take(call)
      call.fail(error)
    }
  }

  /** Returns false when nobody at all has room. */
  #handOut(call: PendingCall): boolean {
    const registration = this.#registration
    if (!registration.hasRoom) return false
    let member: Member | undefined
    try {
      member = registration.find(call, call.tried)
    } catch (error) {
      this.#take(call)
      if (!(error instanceof BusError)) throw error
      call.fail(error)
      return true
    }
    // Those who could serve it are busy still, and whoever has room could not.
    if (member === undefined) return true
    const waiting = this.#take(call)
    if (waiting !== undefined) call.handOut(member, waiting.parts, waiting.isWhole)
    return true
  }

  #take(call: PendingCall): Waiting | undefined {
    const waiting = this.#waiting.get(call)
    if (waiting === undefined) return undefined
    this.#waiting.delete(call)
    for (const { byteLength } of waiting.parts) this.#bytes -= byteLength
    return waiting
  }
}
