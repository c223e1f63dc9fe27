/**
 * Calls of procedures without promises: what protocols use that carry many of them, or more than a question and an
 * answer (spec/wamp 8, 9). Caller and callee share one object per call, `PendingCall`, which each sees through its own
 * interface here; each may keep a number of its own in it. Nothing else is allocated per call, there is no timer per
 * call, and everything happens in the turn in which it was asked for.
 *
 * A call ends exactly once, whatever comes when: with an answer, an error, or because somebody gave up or left. Its
 * caller hears of that end, and its callee too when it was not the one who ended it.
 */

import type { BusError } from '../model/errors.ts'
import type { Headers } from '../model/message.ts'
import type { Action, Identity } from '../model/identity.ts'

/**
 * What a call or an answer carries. The natural form (spec/wamp 13.2) is what every protocol understands; a protocol
 * may bring an object of its own that makes it only when somebody asks, and whose own kind it recognises.
 */
export interface CallContent {
  readonly payload: Uint8Array
  readonly headers: Headers
  /** What it takes in memory, more or less. */
  readonly byteLength: number
  /** The same, to be kept; what is handed over with a call is otherwise valid during that call only. */
  keep(): CallContent
}

/** Content that belongs to whoever has it. */
export class PlainContent implements CallContent {
  readonly payload: Uint8Array
  readonly headers: Headers

  constructor(payload: Uint8Array, headers: Headers) {
    this.payload = payload
    this.headers = headers
  }

  get byteLength(): number {
    return this.payload.length
  }

  keep(): PlainContent {
    return this
  }
}

/**
 * How a caller gives up: `skip`: the callee is not told; `killnowait`: it is told and not waited for; `kill`: it is told,
 * and how the call ends is up to it, for `limits.callKillMs` at most.
 */
export type CancelMode = 'skip' | 'kill' | 'killnowait'

export interface CallRequest {
  readonly procedure: string
  readonly content: CallContent
  /** Infinity: none. With progressive answers: until the next of them. */
  readonly timeoutMs: number
  /** The caller takes answers in parts. */
  readonly receivesProgress: boolean
  /** More content follows (`OpenCall.continue`); needs a callee that takes it. */
  readonly isProgressive: boolean
  /** The content is sealed (spec/wamp 9.14); needs a callee that takes it. */
  readonly isPassthru: boolean
  /** The callee may know who calls. */
  readonly disclosesCaller: boolean
}

/** Who calls, as callees that may know are told. */
export interface CallParticipant {
  /** Unique in the life of the daemon. */
  readonly id: number
  /** Empty: it has none. */
  readonly name: string
  readonly identity: Identity
}

/** Where a caller gets its answer. */
export interface CallSink {
  /** Part of an answer; only when it was asked for. */
  progress(call: OpenCall, content: CallContent): void
  answered(call: OpenCall, content: CallContent): void
  /** `unavailable/callee_gone`, `deadline_exceeded/timed_out`, `cancelled`, or what the callee failed with. */
  failed(call: OpenCall, error: BusError): void
}

/** A call as its caller has it. */
export interface OpenCall {
  /** Free for the caller. */
  callerTag: number
  readonly procedure: string
  readonly isEnded: boolean
  /** Its request was progressive, and its last part has not come. */
  readonly isProgressive: boolean
  /** More content of a progressive call; does nothing when the call has ended. */
  continue(content: CallContent, isLast: boolean): void
  /** Does nothing when the call has ended; a second one only when it ends what `kill` left open. */
  cancel(mode: CancelMode): void
}

/** A call as its callee has it. What comes after its end is ignored. */
export interface ServedCall {
  /** Free for the callee. */
  calleeTag: number
  readonly procedure: string
  readonly isEnded: boolean
  /** It is worth answering in parts. */
  readonly receivesProgress: boolean
  readonly isProgressive: boolean
  readonly isPassthru: boolean
  /** Undefined: the callee may not know. */
  readonly disclosedCaller: CallParticipant | undefined
  /** For people; empty when the caller has no name. */
  readonly callerName: string
  /** The callee is to keep to it; Infinity: none, or the bus does. */
  readonly forwardedTimeoutMs: number
  readonly registration: CallRegistration | undefined
  /** Where its caller gets the answer: by it an adapter knows callers of its own. */
  readonly sink: CallSink
  /**
   * For what a part of the daemon does on behalf of whoever calls it.
   * @throws BusError `permission_denied/access_denied` that names the rule
   */
  requireAccess(action: Action, resource: string): void
  /** Whether something is to be shown to whoever calls; nothing is recorded when not. */
  callerMaySee(action: Action, resource: string): boolean
  progress(content: CallContent): void
  answer(content: CallContent): void
  fail(error: BusError): void
  /** This callee cannot serve it now: the next one is asked, if there is one and nothing was answered yet. */
  passOn(error: BusError): void
}

/** What a callee can do beyond answering. */
export interface CalleeFeatures {
  /** It ends what it is doing when it is told. Others are never told `kill`. */
  readonly canBeInterrupted: boolean
  readonly takesProgressiveCalls: boolean
  readonly takesPassthru: boolean
  /** It keeps to the time itself where it asked for that (`forwardTimeout`). */
  readonly watchesTimeouts: boolean
  /** It may say that it is not available (`ServedCall.passOn`), and then another is to be asked. */
  readonly passesOn: boolean
}

/** Who serves a procedure. Its methods must not throw. */
export interface Callee {
  readonly features: CalleeFeatures
  /** It does not keep up: others are asked, or the caller is refused. */
  readonly isFull: boolean
  invoke(call: ServedCall, content: CallContent): void
  /** More of a progressive call. */
  continue(call: ServedCall, content: CallContent, isLast: boolean): void
  /**
   * The caller has given up, or its time is over. But for `kill`, the call has ended and nobody waits for an answer.
   */
  interrupt(call: ServedCall, mode: CancelMode, error: BusError): void
  /**
   * Its registration was taken from it.
   * @param reason `not_authorized`: the rules have changed; else a URI: `msgbus.registration.replaced`, or whatever an
   *   administrator said
   */
  revoked(registration: CallRegistration, reason: string): void
}

/** How a registration matches procedures (spec/wamp 2.3, 8.2), on their text with `.` between components. */
export type ProcedureMatch = 'exact' | 'prefix' | 'wildcard'

/** Who of several callees is asked (spec/wamp 9.7). */
export type InvokePolicy = 'single' | 'first' | 'last' | 'roundrobin' | 'random'

export interface OfferOptions {
  readonly procedure: string
  readonly match: ProcedureMatch
  readonly invoke: InvokePolicy
  /** Calls under way at a time; Infinity: any number. */
  readonly concurrency: number
  /** Calls that wait when all callees have as many as they take; whoever comes first says it for all. 0: they are refused. */
  readonly queuePlaces: number
  /** Takes the procedure from those who have it, if they are of the same user or this client is an administrator. */
  readonly replaces: boolean
  /** It wants to know who calls. */
  readonly disclosesCaller: boolean
  /** It keeps to the time of calls itself, if it can. */
  readonly forwardTimeout: boolean
}

/** One (procedure, match) with all its callees. */
export interface CallRegistration {
  /** Small, unique in its call space, in the order in which they were made. */
  readonly id: number
  readonly procedure: string
  readonly match: ProcedureMatch
  readonly invoke: InvokePolicy
  readonly createdAtMs: number
  /** In the order in which they came. */
  readonly callees: readonly { readonly client: CallParticipant; readonly callee: Callee }[]
}

/** What a client offers. */
export interface Offer {
  readonly registration: CallRegistration
  /** May be called twice. Calls under way go on. */
  close(): void
}

export interface RegistrationEvent {
  readonly kind: 'created' | 'joined' | 'left' | 'deleted'
  readonly registration: CallRegistration
  readonly client: CallParticipant
  readonly callee: Callee
}

/** A part of the daemon that serves all procedures that begin with a prefix, but for those that somebody offers. */
export interface ServedPrefix {
  readonly prefix: string
  readonly callee: Callee
  /** Nobody may offer procedures or patterns that begin with it. */
  readonly isReserved: boolean
}

/** What is registered, for those who list it. */
export interface ProcedureDirectory {
  list(): Iterable<CallRegistration>
  byId(id: number): CallRegistration | undefined
  byProcedure(procedure: string, match: ProcedureMatch): CallRegistration | undefined
  /** The one that a call of this procedure would go to. */
  matching(procedure: string): CallRegistration | undefined
  /** Takes the procedure from a callee, which is told. False: it does not serve it. */
  revoke(registration: CallRegistration, client: CallParticipant, reason: string): boolean
  /** Serves a prefix in this call space alone; ends with the returned function. */
  serve(served: ServedPrefix): () => void
  /** Told after the fact, in order. Listeners must not throw. Returns how not to be told. */
  onChange(listener: (event: RegistrationEvent) => void): () => void
}
