/**
 * The calls of one session, those it makes and those it serves (spec/wamp 8, 9): the sink of the one kind and the
 * callee of the other. The bus says what becomes of a call; here that becomes messages, and ids become calls again.
 */

import type {
  Callee,
  CalleeFeatures,
  CallContent,
  CallRegistration,
  CallSink,
  CancelMode,
  Offer,
  OpenCall,
  ServedCall,
} from '../../core/calls.ts'
import { BusError } from '../../model/errors.ts'
import { messageTypes } from '../../wire/wamp/message-types.ts'
import type { DictInput } from '../../wire/wamp/messages.ts'
import type { WampInput } from '../../wire/wamp/value.ts'
import { argumentsOf, passthruOfContent } from './call-content.ts'
import { toErrorAnswer } from './call-errors.ts'
import type { WampSession } from './session.ts'
import { errorUris } from './translate-error.ts'

/** Calls that a callee has not answered yet (spec/wamp 12). */
const invocationsMost = 10_000
/** Ids of progressive calls that ended before their last part came. */
const endedSeriesMost = 1_000

const noDetails = {}
const progressDetails = { progress: true }

export class SessionCalls implements Callee, CallSink {
  readonly session: WampSession
  readonly features: CalleeFeatures
  /** Calls it has made, by request. */
  readonly made = new Map<number, OpenCall>()
  /** Calls it serves, by request of their INVOCATION. */
  readonly served = new Map<number, ServedCall>()
  /** What it offers, by registration. */
  readonly offers = new Map<number, Offer>()
  readonly #takesProgress: boolean
  readonly #takesPassthru: boolean
  readonly #isTheirsToRevoke: boolean
  readonly #endedSeries = new Set<number>()
  #lastInvocation = 0
  #isHeld = false

  constructor(session: WampSession) {
    this.session = session
    const canBeInterrupted = session.has('callee', 'call_canceling')
    this.features = {
      canBeInterrupted,
      takesProgressiveCalls: session.has('callee', 'progressive_call_invocations'),
      takesPassthru: session.has('callee', 'payload_passthru_mode'),
      watchesTimeouts: session.has('callee', 'call_timeout'),
      passesOn: session.has('callee', 'call_reroute'),
    }
    this.#takesProgress = session.has('callee', 'progressive_call_results')
    this.#takesPassthru = session.has('caller', 'payload_passthru_mode')
    this.#isTheirsToRevoke = session.has('callee', 'registration_revocation')
  }

  // As caller

  progress(call: OpenCall, content: CallContent): void {
    this.#result(call, content, progressDetails)
  }

  answered(call: OpenCall, content: CallContent): void {
    this.#forget(call)
    this.#result(call, content, noDetails)
  }

  failed(call: OpenCall, error: BusError): void {
    this.#forget(call)
    // 0: its caller has been answered.
    if (call.callerTag !== 0) this.sendFailure(call.callerTag, error)
  }

  /** Answers a CALL with an error. */
  sendFailure(request: number, error: BusError): void {
    const { session } = this
    const { uri, payload, passthru } = toErrorAnswer(error, session.serializer)
    const isSent = session.send({
      type: messageTypes.error,
      requestType: messageTypes.call,
      request,
      details: passthru ?? noDetails,
      error: uri,
      payload,
    })
    if (!isSent) this.#tooLarge(request)
  }

  /** Nothing more is read from it before it has read what waits for it. */
  holdUntilRoom(): void {
    if (this.#isHeld) return
    this.#isHeld = true
    const { peer } = this.session
    peer.pauseReading()
    // It is told of its end, too, and never rejects.
    void peer.room().then(() => {
      this.#isHeld = false
      peer.resumeReading()
    })
  }

  /** Whether a CALL with an id that is not pending goes on with a call that has ended. */
  isEndedSeries(request: number, isLast: boolean): boolean {
    if (!this.#endedSeries.has(request)) return false
    if (isLast) this.#endedSeries.delete(request)
    return true
  }

  #forget(call: OpenCall): void {
    this.made.delete(call.callerTag)
    if (!call.isProgressive || call.callerTag === 0) return
    // Its next parts are on their way.
    const ended = this.#endedSeries
    ended.add(call.callerTag)
    if (ended.size <= endedSeriesMost) return
    for (const oldest of ended) {
      ended.delete(oldest)
      break
    }
  }

  #result(call: OpenCall, content: CallContent, details: { readonly progress?: boolean }): void {
    const { session } = this
    const request = call.callerTag
    const passthru = passthruOfContent(content)
    if (passthru !== undefined && !this.#takesPassthru) {
      this.#giveUp(call)
      const text = 'the answer is packed, which the caller did not announce to take'
      session.sendError(messageTypes.call, request, errorUris.featureNotSupported, [text])
      return
    }
    const isSent = session.send({
      type: messageTypes.result,
      request,
      details: passthru === undefined ? details : { ...details, ...passthru },
      payload: argumentsOf(content, session.serializer),
    })
    if (isSent) return
    this.#giveUp(call)
    this.#tooLarge(request)
  }

  /** Ends a call whose answer its caller cannot be given. */
  #giveUp(call: OpenCall): void {
    this.made.delete(call.callerTag)
    call.callerTag = 0
    call.cancel('killnowait')
  }

  #tooLarge(request: number): void {
    const text = 'the answer is larger than what the caller takes'
    this.session.sendError(messageTypes.call, request, errorUris.payloadSizeExceeded, [text])
  }

  // As callee

  get isFull(): boolean {
    return this.served.size >= invocationsMost || this.session.peer.isFull
  }

  invoke(call: ServedCall, content: CallContent): void {
    const id = this.#lastInvocation === 2 ** 53 ? 1 : this.#lastInvocation + 1
    call.calleeTag = id
    if (!this.#invocation(call, content, this.#detailsOf(call, content))) {
      const text = 'the call is larger than what its callee takes'
      call.fail(new BusError('resource_exhausted', 'payload_too_large', text))
      return
    }
    this.#lastInvocation = id
    if (!call.isEnded) this.served.set(id, call)
  }

  continue(call: ServedCall, content: CallContent, isLast: boolean): void {
    if (this.#invocation(call, content, isLast ? noDetails : progressDetails)) return
    const text = 'a part of the call is larger than what its callee takes'
    const error = new BusError('resource_exhausted', 'payload_too_large', text)
    // It waits for a part that will not come.
    this.interrupt(call, 'killnowait', error)
    call.fail(error)
  }

  interrupt(call: ServedCall, mode: CancelMode, error: BusError): void {
    if (mode !== 'kill') this.served.delete(call.calleeTag)
    if (mode === 'skip') return
    const { interrupt: type } = messageTypes
    const reason = error.reason === 'timed_out' ? errorUris.timeout : errorUris.canceled
    this.session.send({ type, request: call.calleeTag, options: { mode, reason } })
  }

  revoked({ id }: CallRegistration, reason: string): void {
    this.offers.delete(id)
    if (!this.#isTheirsToRevoke) return
    const { unregistered: type } = messageTypes
    const uri = reason === 'not_authorized' ? errorUris.notAuthorized : reason
    this.session.send({ type, request: 0, details: { registration: id, reason: uri } })
  }

  #invocation(call: ServedCall, content: CallContent, details: DictInput): boolean {
    return this.session.send({
      type: messageTypes.invocation,
      request: call.calleeTag,
      registration: call.registration?.id ?? 0,
      details,
      payload: argumentsOf(content, this.session.serializer),
    })
  }

  #detailsOf(call: ServedCall, content: CallContent): DictInput {
    const { registration, disclosedCaller, forwardedTimeoutMs, isProgressive } = call
    const receivesProgress = call.receivesProgress && this.#takesProgress
    const isPattern = registration !== undefined && registration.match !== 'exact'
    const isPlain = !isPattern && !receivesProgress && !isProgressive && !call.isPassthru
    if (isPlain && disclosedCaller === undefined && forwardedTimeoutMs === Infinity) {
      return noDetails
    }
    const details: Record<string, WampInput> = { ...passthruOfContent(content) }
    if (isPattern) details['procedure'] = call.procedure
    if (receivesProgress) details['receive_progress'] = true
    if (isProgressive) details['progress'] = true
    if (forwardedTimeoutMs !== Infinity) details['timeout'] = Math.ceil(forwardedTimeoutMs)
    if (disclosedCaller === undefined) return details
    const { sink } = call
    if (sink instanceof SessionCalls) {
      const { authid, authrole } = sink.session.principal
      details['caller'] = sink.session.id
      details['caller_authid'] = authid
      details['caller_authrole'] = authrole
      return details
    }
    const { id, name, identity } = disclosedCaller
    details['caller'] = id
    details['caller_authid'] = name === '' ? identity.user : name
    details['caller_authrole'] = identity.groups[0] ?? identity.user
    return details
  }
}
