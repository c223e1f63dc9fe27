/**
 * One call under way, from the moment a callee has been chosen until it ends. Both sides hold it, each by its own
 * interface (calls.ts). States: open; killing, once its caller asked the callee to end it and waits for what comes of
 * that; ended. Every way to end goes through `#end`, which is passed once.
 */

import { BusError } from '../model/errors.ts'
import type {
  CallContent,
  CallRequest,
  CallSink,
  CancelMode,
  OpenCall,
  ServedCall,
} from './calls.ts'
import type { Action } from '../model/identity.ts'
import type { LiveClient } from './live-client.ts'
import type { Member, Registration } from './registration.ts'

/** What calls under way need of the registry. */
export interface CallKeeper {
  /** How long a callee that is told to end a call may take. */
  readonly callKillMs: number
  nowMs(): number
  /** @throws BusError `permission_denied/access_denied` */
  requireAccess(subject: LiveClient, action: Action, resource: string): void
  maySee(subject: LiveClient, action: Action, resource: string): boolean
  /** Deadlines are to be looked at. */
  watch(): void
  ended(call: PendingCall, isAnswered: boolean): void
  /** The call changes its callee. */
  moved(call: PendingCall, from: Member): void
}

export class PendingCall implements OpenCall, ServedCall {
  callerTag = 0
  calleeTag = 0
  readonly caller: LiveClient
  readonly procedure: string
  readonly receivesProgress: boolean
  readonly isPassthru: boolean
  readonly registration: Registration | undefined
  readonly sink: CallSink
  isProgressive: boolean
  isEnded = false
  member: Member
  /** By the monotonic clock; Infinity: none. */
  deadlineMs = Infinity
  readonly #keeper: CallKeeper
  readonly #timeoutMs: number
  readonly #disclosesCaller: boolean
  #isKilling = false
  #hasProgressed = false
  /** Who has said that it is not available. */
  #tried: Member[] | undefined
  /** What is left of the time by the time a callee is asked; undefined: all of it. */
  #leftMs: number | undefined
  /** What another callee would be asked; kept only where one may be. */
  #content: CallContent | undefined

  constructor(options: {
    keeper: CallKeeper
    caller: LiveClient
    request: CallRequest
    sink: CallSink
    registration: Registration | undefined
    member: Member
  }) {
    const { keeper, caller, request, sink, registration, member } = options
    this.#keeper = keeper
    this.sink = sink
    this.#timeoutMs = request.timeoutMs
    this.#disclosesCaller = request.disclosesCaller
    this.caller = caller
    this.procedure = request.procedure
    this.receivesProgress = request.receivesProgress
    this.isProgressive = request.isProgressive
    this.isPassthru = request.isPassthru
    this.registration = registration
    this.member = member
    this.#restart()
  }

  get callerName(): string {
    return this.caller.name
  }

  get disclosedCaller(): LiveClient | undefined {
    return this.#disclosesCaller || this.member.options.disclosesCaller ? this.caller : undefined
  }

  get forwardedTimeoutMs(): number {
    const { callee, options } = this.member
    const isForwarded = options.forwardTimeout && callee.features.watchesTimeouts
    return isForwarded ? (this.#leftMs ?? this.#timeoutMs) : Infinity
  }

  get tried(): readonly Member[] | undefined {
    return this.#tried
  }

  /** Nobody was asked yet, since all are busy. */
  get isWaiting(): boolean {
    return this.member === this.registration?.queue?.member
  }

  /** Asks the callee that was chosen. */
  start(content: CallContent): void {
    const { registration, isProgressive } = this
    const { callee } = this.member
    // By the time a callee says that it is not available, borrowed content is gone.
    if (callee.features.passesOn && !isProgressive && (registration?.members.length ?? 0) > 1) {
      this.#content = content.keep()
    }
    callee.invoke(this, content)
  }

  // The caller's side.

  continue(content: CallContent, isLast: boolean): void {
    if (this.isEnded || !this.isProgressive) return
    if (isLast) this.isProgressive = false
    this.member.callee.continue(this, content, isLast)
  }

  cancel(mode: CancelMode): void {
    if (this.isEnded || (this.#isKilling && mode === 'kill')) return
    const canBeInterrupted = this.member.callee.features.canBeInterrupted
    if (mode === 'kill' && canBeInterrupted) {
      this.#isKilling = true
      const { callKillMs } = this.#keeper
      this.#setDeadline(callKillMs === 0 ? Infinity : callKillMs)
      this.member.callee.interrupt(this, 'kill', cancelled())
      return
    }
    this.giveUp(mode === 'skip' || !canBeInterrupted ? 'skip' : 'killnowait', cancelled())
  }

  // The callee's side.

  requireAccess(action: Action, resource: string): void {
    this.#keeper.requireAccess(this.caller, action, resource)
  }

  callerMaySee(action: Action, resource: string): boolean {
    return this.#keeper.maySee(this.caller, action, resource)
  }

  progress(content: CallContent): void {
    if (this.isEnded || !this.receivesProgress) return
    this.#hasProgressed = true
    if (!this.#isKilling) this.#restart()
    this.sink.progress(this, content)
  }

  answer(content: CallContent): void {
    if (this.#end(true)) this.sink.answered(this, content)
  }

  fail(error: BusError): void {
    if (this.#end(false)) this.sink.failed(this, error)
  }

  passOn(error: BusError): void {
    if (this.isEnded) return
    const { registration } = this
    if (this.#hasProgressed || this.#isKilling || registration === undefined) {
      this.fail(error)
      return
    }
    const content = this.#content
    if (content === undefined) {
      const name = JSON.stringify(this.procedure)
      const text = `whoever serves ${name} is not available: ${error.message}`
      this.fail(new BusError('unavailable', 'no_available_callee', text))
      return
    }
    const from = this.member
    const tried = (this.#tried ??= [])
    tried.push(from)
    try {
      this.member = registration.choose(this, content.byteLength, tried)
    } catch (refusal) {
      this.fail(refusal instanceof BusError ? refusal : error)
      return
    }
    this.#keeper.moved(this, from)
    this.#restart()
    this.member.callee.invoke(this, content)
  }

  // The registry's side.

  /**
   * It has waited long enough. The time it has waited counts.
   * @param parts what it brought; the last is not to come when it is not whole
   */
  handOut(member: Member, parts: readonly CallContent[], isWhole: boolean): void {
    const from = this.member
    const [first, ...more] = parts
    if (this.isEnded || first === undefined) return
    this.member = member
    this.#keeper.moved(this, from)
    if (this.deadlineMs !== Infinity) {
      this.#leftMs = Math.max(1, Math.ceil(this.deadlineMs - this.#keeper.nowMs()))
      if (this.forwardedTimeoutMs !== Infinity) this.#setDeadline(this.#leftMs * 2 + 1_000)
    }
    this.isProgressive = more.length > 0 || !isWhole
    this.start(first)
    more.forEach((part, i) => this.continue(part, isWhole && i === more.length - 1))
  }

  /** Ends it for a reason of its caller or of time; the callee hears of it. */
  giveUp(mode: 'skip' | 'killnowait', error: BusError): void {
    const { callee } = this.member
    if (!this.#end(false)) return
    callee.interrupt(this, callee.features.canBeInterrupted ? mode : 'skip', error)
    this.sink.failed(this, error)
  }

  /** Its time is over. */
  expire(): void {
    this.giveUp('killnowait', this.#isKilling ? cancelled() : timedOut())
  }

  #restart(): void {
    this.#leftMs = undefined
    const timeoutMs = this.#timeoutMs
    // Whoever watches the time itself has some more, lest two answers cross.
    const isForwarded = this.forwardedTimeoutMs !== Infinity
    this.#setDeadline(isForwarded ? timeoutMs * 2 + 1_000 : timeoutMs)
  }

  #setDeadline(afterMs: number): void {
    if (afterMs === Infinity) {
      this.deadlineMs = Infinity
      return
    }
    this.deadlineMs = this.#keeper.nowMs() + afterMs
    this.#keeper.watch()
  }

  #end(isAnswered: boolean): boolean {
    if (this.isEnded) return false
    this.isEnded = true
    this.#content = undefined
    this.#keeper.ended(this, isAnswered)
    return true
  }
}

function timedOut(): BusError {
  return new BusError('deadline_exceeded', 'timed_out', 'the callee did not answer in time')
}

export function cancelled(): BusError {
  return new BusError('cancelled', 'cancelled', 'the caller gave up')
}

export function calleeGone(): BusError {
  return new BusError('unavailable', 'callee_gone', 'the callee went before it answered')
}
