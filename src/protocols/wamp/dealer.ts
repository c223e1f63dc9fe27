/**
 * What a realm does with calls and registrations (spec/wamp 8, 9): messages become calls of the bus's registry, which is
 * the same for all protocols. Who is asked, how calls end and when is decided there; here are options, ids and what
 * of them is a violation. What a session has under way is in session-calls.ts, `wamp.` procedures are in meta-api.ts.
 */

import type { CallRequest, CancelMode, InvokePolicy, OfferOptions } from '../../core/calls.ts'
import { BusError, ProtocolError, toBusError } from '../../model/errors.ts'
import { messageTypes } from '../../wire/wamp/message-types.ts'
import type {
  CallMessage,
  CancelMessage,
  ClientErrorMessage,
  RegisterMessage,
  UnregisterMessage,
  YieldMessage,
} from '../../wire/wamp/messages.ts'
import { isReservedUri, isUri, type MatchPolicy, uriMatches } from '../../wire/wamp/uri.ts'
import type { WampDict } from '../../wire/wamp/value.ts'
import { WampContent } from './call-content.ts'
import { toCallFailure } from './call-errors.ts'
import { booleanOption, countOption, passthruOf, textOption } from './options.ts'
import type { Realm } from './realm.ts'
import { SessionCalls } from './session-calls.ts'
import type { ClientRole, WampSession } from './session.ts'
import { atLimit, errorUris, WampError } from './translate-error.ts'

/**
 * Messages are handled in the order in which they came. Their payloads are borrowed; whoever keeps one takes
 * `payload.toOwned()`. `ProtocolError` is a violation: it ends the session.
 */
export class Dealer {
  /** As WELCOME announces them. */
  readonly features: Readonly<Record<string, boolean>> = {
    progressive_call_results: true,
    progressive_call_invocations: true,
    call_canceling: true,
    call_timeout: true,
    caller_identification: true,
    pattern_based_registration: true,
    shared_registration: true,
    registration_revocation: true,
    session_meta_api: true,
    registration_meta_api: true,
    testament_meta_api: true,
    payload_passthru_mode: true,
    call_reroute: true,
  }
  readonly #realm: Realm
  readonly #sessions = new Map<WampSession, SessionCalls>()

  constructor(realm: Realm) {
    this.#realm = realm
  }

  /** Undefined: the session has called and offered nothing yet. */
  callsOf(session: WampSession): SessionCalls | undefined {
    return this.#sessions.get(session)
  }

  call(session: WampSession, message: CallMessage): void {
    const { request, options, procedure, payload } = message
    const calls = this.#callsOf(session)
    // Who does not read its answers is not read from.
    if (session.peer.isFull) calls.holdUntilRoom()
    const isProgressive = booleanOption(options, 'progress') ?? false
    if (isProgressive) requireFeature(session, 'caller', 'progressive_call_invocations')
    const passthru = passthruOf(options)
    if (passthru !== undefined) requireFeature(session, 'caller', 'payload_passthru_mode')
    const content = new WampContent(payload, passthru)
    const pending = calls.made.get(request)
    if (pending !== undefined) {
      if (!pending.isProgressive || pending.procedure !== procedure) {
        throw new ProtocolError(`CALL ${request} is under way already`)
      }
      pending.continue(content, !isProgressive)
      return
    }
    if (calls.isEndedSeries(request, !isProgressive)) return
    try {
      const asked = this.#requestOf(session, message, content, isProgressive)
      const call = session.client.calls.begin(asked, calls, request)
      if (!call.isEnded) calls.made.set(request, call)
    } catch (error) {
      if (error instanceof ProtocolError) throw error
      if (error instanceof WampError) session.fail(messageTypes.call, request, error)
      else calls.sendFailure(request, toBusError(error))
    }
  }

  cancel(session: WampSession, { request, options }: CancelMessage): void {
    this.#sessions
      .get(session)
      ?.made.get(request)
      ?.cancel(cancelMode(textOption(options, 'mode')))
  }

  register(session: WampSession, { request, options, procedure }: RegisterMessage): void {
    const { register: type } = messageTypes
    try {
      const calls = this.#callsOf(session)
      const offered = this.#offerOf(options, procedure)
      const { registrations: most } = this.#realm.options.perSession
      if (calls.offers.size >= most) throw atLimit('registrations', most)
      const offer = session.client.calls.offer(offered, calls)
      const { id: registration } = offer.registration
      calls.offers.set(registration, offer)
      session.send({ type: messageTypes.registered, request, registration })
    } catch (error) {
      if (error instanceof ProtocolError) throw error
      session.fail(type, request, error instanceof WampError ? error : registerError(error))
    }
  }

  unregister(session: WampSession, { request, registration }: UnregisterMessage): void {
    const calls = this.#sessions.get(session)
    const offer = calls?.offers.get(registration)
    if (calls === undefined || offer === undefined) {
      const text = `this session has no registration ${registration}`
      const { unregister: type } = messageTypes
      session.fail(type, request, new WampError(errorUris.noSuchRegistration, text))
      return
    }
    calls.offers.delete(registration)
    offer.close()
    session.send({ type: messageTypes.unregistered, request })
  }

  yield(session: WampSession, { request, options, payload }: YieldMessage): void {
    const calls = this.#sessions.get(session)
    const isProgress = booleanOption(options, 'progress') ?? false
    const passthru = passthruOf(options)
    if (passthru !== undefined) requireFeature(session, 'callee', 'payload_passthru_mode')
    const call = calls?.served.get(request)
    // It comes too late, which is nobody's fault.
    if (calls === undefined || call === undefined) return
    const content = new WampContent(payload, passthru)
    if (isProgress) {
      call.progress(content)
      return
    }
    calls.served.delete(request)
    call.answer(content)
  }

  error(session: WampSession, message: ClientErrorMessage): void {
    const { requestType, request, details, error, payload } = message
    if (requestType !== messageTypes.invocation) {
      throw new ProtocolError(`ERROR for a request of type ${requestType}`)
    }
    const calls = this.#sessions.get(session)
    const passthru = passthruOf(details)
    if (passthru !== undefined) requireFeature(session, 'callee', 'payload_passthru_mode')
    const call = calls?.served.get(request)
    if (calls === undefined || call === undefined) return
    calls.served.delete(request)
    const failure = toCallFailure(error, new WampContent(payload, passthru))
    if (error === errorUris.unavailable && calls.features.passesOn) call.passOn(failure)
    else call.fail(failure)
  }

  /** It is over; nothing more can be sent to it. After the broker has forgotten its subscriptions. */
  sessionClosed(session: WampSession): void {
    session.client.calls.end()
    this.#sessions.delete(session)
  }

  /** @throws WampError, BusError, ProtocolError */
  #requestOf(
    session: WampSession,
    { options, procedure }: CallMessage,
    content: WampContent,
    isProgressive: boolean,
  ): CallRequest {
    const { uriCheck, disclose, perSession } = this.#realm.options
    const isOffered = session.client.calls.directory.byProcedure(procedure, 'exact') !== undefined
    if (!isOffered && !isUri(procedure, 'exact', uriCheck)) throw badUri(procedure)
    const { calls: most } = perSession
    if (this.#callsOf(session).made.size >= most) throw atLimit('calls under way', most)
    const isPassthru = content.passthru !== undefined
    if (options.size === 0 && disclose !== 'always') {
      return new PlainRequest(procedure, content)
    }
    const timeoutMs = countOption(options, 'timeout') ?? 0
    return {
      procedure,
      content,
      timeoutMs: timeoutMs === 0 ? Infinity : timeoutMs,
      receivesProgress: booleanOption(options, 'receive_progress') ?? false,
      isProgressive,
      isPassthru,
      disclosesCaller: this.#discloses(booleanOption(options, 'disclose_me') ?? false),
    }
  }

  /** @throws WampError, ProtocolError */
  #offerOf(options: WampDict, procedure: string): OfferOptions {
    const match = textOption(options, 'match') ?? 'exact'
    const invoke = textOption(options, 'invoke') ?? 'single'
    const concurrency = countOption(options, 'concurrency') ?? 0
    if (!isMatch(match)) throw badArgument(`match ${JSON.stringify(match)} is not known`)
    if (!isPolicy(invoke)) throw badArgument(`invoke ${JSON.stringify(invoke)} is not known`)
    if (!isUri(procedure, match, this.#realm.options.uriCheck) || isReservedUri(procedure)) {
      throw badUri(procedure)
    }
    return {
      procedure,
      match,
      invoke,
      concurrency: concurrency === 0 ? Infinity : concurrency,
      queuePlaces: this.#placesOf(procedure),
      replaces: booleanOption(options, 'force_reregister') ?? false,
      disclosesCaller: this.#discloses(booleanOption(options, 'disclose_caller') ?? false),
      forwardTimeout: booleanOption(options, 'forward_timeout') ?? false,
    }
  }

  /** Of the queue that the realm gives a procedure. */
  #placesOf(procedure: string): number {
    const { callQueues } = this.#realm.options
    const rule = callQueues.find((each) => uriMatches(each.procedure, each.match, procedure))
    return rule?.places ?? 0
  }

  /** @throws WampError */
  #discloses(isAsked: boolean): boolean {
    const { disclose } = this.#realm.options
    if (isAsked && disclose === 'never') {
      const text = 'this realm tells nobody who calls'
      throw new WampError(errorUris.discloseMeDisallowed, text)
    }
    return isAsked || disclose === 'always'
  }

  #callsOf(session: WampSession): SessionCalls {
    let calls = this.#sessions.get(session)
    if (calls === undefined) {
      calls = new SessionCalls(session)
      this.#sessions.set(session, calls)
    }
    return calls
  }
}

/** A call without options. */
class PlainRequest implements CallRequest {
  readonly procedure: string
  readonly content: WampContent
  readonly timeoutMs = Infinity
  readonly receivesProgress = false
  readonly isProgressive = false
  readonly isPassthru = false
  readonly disclosesCaller = false

  constructor(procedure: string, content: WampContent) {
    this.procedure = procedure
    this.content = content
  }
}

/** What is absent is `killnowait`, what is unknown `skip` (spec/wamp 9.5). */
function cancelMode(mode: string | undefined): CancelMode {
  if (mode === undefined) return 'killnowait'
  return mode === 'kill' || mode === 'killnowait' ? mode : 'skip'
}

function isMatch(text: string): text is MatchPolicy {
  return text === 'exact' || text === 'prefix' || text === 'wildcard'
}

const policies: readonly string[] = ['single', 'first', 'last', 'roundrobin', 'random']

function isPolicy(text: string): text is InvokePolicy {
  return policies.includes(text)
}

/** @throws ProtocolError */
function requireFeature(session: WampSession, role: ClientRole, feature: string): void {
  if (session.has(role, feature)) return
  throw new ProtocolError(`${role} did not announce ${feature}`)
}

function badUri(uri: string): WampError {
  return new WampError(errorUris.invalidUri, `${JSON.stringify(uri.slice(0, 200))} is no such URI`)
}

function badArgument(text: string): WampError {
  return new WampError(errorUris.invalidArgument, text)
}

/** A name that the bus refuses is, to WAMP, one that is not well formed. */
function registerError(error: unknown): BusError | WampError {
  const { reason, message } = toBusError(error)
  if (reason === 'procedure_taken') return new WampError(errorUris.procedureAlreadyExists, message)
  if (reason === 'reserved_name') return new WampError(errorUris.notAuthorized, message)
  return toBusError(error)
}
