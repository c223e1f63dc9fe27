/**
 * The procedures of all protocols, and the calls under way (architecture 3, spec/wamp 8, 9, 13.7). What a call goes to
 * is found in the order: a registration of that very name, here or else at another node, then what an adapter serves by
 * its bridge, unless a pattern
 * below the bridge's own prefix is registered, then the best pattern (registration-table.ts). Who of several callees
 * is asked is the registration's to say (registration.ts), how a call ends the call's (pending-call.ts). Deadlines are
 * looked at together, a few times a second; there is no timer per call.
 *
 * One of these is a call space: clients of one do not see what those of another offer (`JoinOptions.callSpace`).
 */

import { BusError } from '../model/errors.ts'
import type { Action } from '../model/identity.ts'
import { checkName } from '../model/name.ts'
import {
  type CallRequest,
  type CallSink,
  type Callee,
  type CallParticipant,
  type CallRegistration,
  type Offer,
  type OfferOptions,
  PlainContent,
  type ProcedureDirectory,
  type ProcedureMatch,
  type RegistrationEvent,
  type ServedPrefix,
} from './calls.ts'
import type { Timer } from './clock.ts'
import { HandlerCallee } from './handler-callee.ts'
import type { CallBridge, CallHandler, CallOptions, CallResult } from './live.ts'
import type { LiveBus } from './live-bus.ts'
import type { LiveClient } from './live-client.ts'
import { calleeGone, type CallKeeper, cancelled, PendingCall } from './pending-call.ts'
import { type Member, Registration } from './registration.ts'
import { RegistrationTable } from './registration-table.ts'

const sweepMs = 100

/** What a client has here. */
interface Party {
  readonly offers: Map<Registration, Member>
  readonly made: Set<PendingCall>
  readonly serving: Set<PendingCall>
}

interface Bridge {
  readonly prefix: string
  readonly member: Member
  readonly isReserved: boolean
  /** It serves all call spaces. */
  readonly isShared: boolean
}

const plainOffer: Omit<OfferOptions, 'procedure'> = {
  match: 'exact',
  invoke: 'single',
  concurrency: Infinity,
  queuePlaces: 0,
  replaces: false,
  disclosesCaller: false,
  forwardTimeout: false,
}

export class Procedures implements ProcedureDirectory, CallKeeper {
  readonly #bus: LiveBus
  readonly #table = new RegistrationTable<Registration>()
  readonly #byId = new Map<number, Registration>()
  readonly #bridges = new Set<Bridge>()
  readonly #main: Procedures | undefined
  readonly #parties = new Map<CallParticipant, Party>()
  readonly #pending = new Set<PendingCall>()
  readonly #listeners = new Set<(event: RegistrationEvent) => void>()
  #lastId = 0
  #sweep: Timer | undefined

  /** @param main whose bridges serve this space, too */
  constructor(bus: LiveBus, main?: Procedures) {
    this.#bus = bus
    this.#main = main
  }

  get size(): number {
    return this.#table.size
  }

  get callsInFlight(): number {
    return this.#pending.size
  }

  get callKillMs(): number {
    return this.#bus.limits.callKillMs
  }

  nowMs(): number {
    return this.#bus.clock.monotonic()
  }

  requireAccess(subject: LiveClient, action: Action, resource: string): void {
    this.#bus.requireAccess(subject, action, resource)
  }

  maySee(subject: LiveClient, action: Action, resource: string): boolean {
    return this.#bus.maySee(subject, action, resource)
  }

  watch(): void {
    if (this.#sweep !== undefined) return
    this.#sweep = this.#bus.clock.after(sweepMs, () => {
      this.#sweep = undefined
      const now = this.#bus.clock.monotonic()
      let isWatching = false
      for (const call of this.#pending) {
        if (call.deadlineMs <= now) call.expire()
        else if (call.deadlineMs !== Infinity) isWatching = true
      }
      if (isWatching) this.watch()
    })
  }

  addBridge(bridge: CallBridge): () => void {
    const callee = new HandlerCallee((invocation) => bridge.call(invocation))
    return this.#serve({ prefix: bridge.prefix, callee, isReserved: false }, true)
  }

  serve(served: ServedPrefix): () => void {
    return this.#serve(served, false)
  }

  #serve({ prefix, callee, isReserved }: ServedPrefix, isShared: boolean): () => void {
    const options = { ...plainOffer, procedure: prefix }
    const member: Member = { client: undefined, callee, options, open: 0 }
    const bridge = { prefix, member, isReserved, isShared }
    this.#bridges.add(bridge)
    return () => this.#bridges.delete(bridge)
  }

  /** @throws BusError `already_exists/procedure_taken`, `permission_denied`, `invalid_argument` */
  register(client: LiveClient, procedure: string, handler: CallHandler): { close(): void } {
    return this.offer(client, { ...plainOffer, procedure }, new HandlerCallee(handler))
  }

  /** @throws BusError as `CallOperations.offer` */
  offer(client: LiveClient, options: OfferOptions, callee: Callee): Offer {
    const { procedure, match } = options
    const { limits, clock } = this.#bus
    client.requireOpen()
    // A pattern may be empty, which matches everything.
    if (match === 'exact' || procedure !== '')
      checkName('procedure', procedure, limits.procedureBytes)
    if (match === 'exact') this.#bus.requireAccess(client, 'register', procedure)
    else this.#bus.requirePatternAccess(client, procedure, textsOf(procedure, match))
    const reserved = this.#reserved(procedure)
    if (reserved !== undefined) {
      const text = `procedures that begin with "${reserved}" belong to the daemon`
      throw new BusError('permission_denied', 'reserved_name', text)
    }
    let registration = this.#table.get(procedure, match)
    if (registration !== undefined && options.replaces) {
      this.#replace(client, registration)
      registration = undefined
    }
    const known = registration?.memberOf(client)
    if (registration !== undefined) requireShared(registration, options)
    if (registration !== undefined && known !== undefined) return this.#offered(registration, known)
    const isNew = registration === undefined
    registration ??= new Registration(++this.#lastId, options, clock.now(), this.#mayServe)
    const member: Member = { client, callee, options, open: 0 }
    registration.members.push(member)
    this.#party(client).offers.set(registration, member)
    if (isNew) {
      this.#table.add(registration)
      this.#byId.set(registration.id, registration)
      this.#tell({ kind: 'created', registration, client, callee })
    }
    this.#tell({ kind: 'joined', registration, client, callee })
    // Not before the client knows that it serves the procedure.
    const { queue } = registration
    if (queue !== undefined && queue.size > 0) queueMicrotask(() => queue.drain())
    return this.#offered(registration, member)
  }

  async call(caller: LiveClient, options: CallOptions): Promise<CallResult> {
    const { procedure, payload, headers, signal } = options
    const { limits } = this.#bus
    if (signal?.aborted === true) {
      checkName('procedure', procedure, limits.procedureBytes)
      throw cancelled()
    }
    const timeoutMs = Math.min(options.timeoutMs ?? limits.callTimeoutMs, limits.callTimeoutMs)
    const content = new PlainContent(payload, headers)
    const request = { ...plainRequest, procedure, content, timeoutMs }
    return new Promise<CallResult>((resolve, reject) => {
      const call = this.begin(caller, request, {
        progress: () => undefined,
        answered: (_, { payload: answer, headers: more }) => {
          signal?.removeEventListener('abort', onAbort)
          resolve({ payload: answer, headers: more })
        },
        failed: (_, error) => {
          signal?.removeEventListener('abort', onAbort)
          reject(error)
        },
      })
      function onAbort() {
        call.cancel('killnowait')
      }
      if (!call.isEnded) signal?.addEventListener('abort', onAbort)
    })
  }

  /** @throws BusError as `CallOperations.begin` */
  begin(caller: LiveClient, request: CallRequest, sink: CallSink, callerTag = 0): PendingCall {
    const { procedure } = request
    const { limits, access, counters } = this.#bus
    caller.requireOpen()
    checkName('procedure', procedure, limits.procedureBytes)
    if (!access.isOpen) this.#bus.requireAccess(caller, 'call', procedure)
    if (this.#pending.size >= limits.callsInFlight) {
      const text = `${this.#pending.size} calls are under way, which is the limit`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    const { registration, member } = this.#find(request)
    const call = new PendingCall({ keeper: this, caller, request, sink, registration, member })
    call.callerTag = callerTag
    counters.callsMade += 1
    this.#pending.add(call)
    this.#party(caller).made.add(call)
    this.#take(call)
    call.start(request.content)
    return call
  }

  /** Takes away what somebody may not offer any more, and says so; calls that are under way go on. */
  accessChanged(): void {
    for (const registration of this.#byId.values()) {
      for (const { client } of registration.members.slice()) {
        if (client === undefined) continue
        if (this.#mayOffer(client, registration)) continue
        this.revoke(registration, client, 'not_authorized')
      }
    }
  }

  /** Ends what a client offered and what it waited for. */
  forget(client: LiveClient): void {
    const party = this.#parties.get(client)
    if (party === undefined) return
    for (const [registration, member] of party.offers) this.#leave(client, registration, member)
    for (const call of party.serving) call.giveUp('skip', calleeGone())
    // First what waits, lest it is asked for when the others make room.
    for (const call of party.made) if (call.isWaiting) call.giveUp('skip', cancelled())
    for (const call of party.made) call.giveUp('killnowait', cancelled())
    this.#parties.delete(client)
  }

  /** The bridge that serves a procedure, unless a pattern below its own prefix does. Asked by other spaces, too. */
  bridgeFor(
    procedure: string,
    pattern: Registration | undefined,
    mustBeShared = false,
  ): Bridge | undefined {
    for (const bridge of this.#bridges) {
      if (!procedure.startsWith(bridge.prefix) || (mustBeShared && !bridge.isShared)) continue
      if (pattern?.procedure.startsWith(bridge.prefix) !== true) return bridge
    }
    return undefined
  }

  // Of calls under way.

  ended(call: PendingCall, isAnswered: boolean): void {
    this.#pending.delete(call)
    this.#parties.get(call.caller)?.made.delete(call)
    this.#release(call, call.member)
    if (!isAnswered) this.#bus.counters.callsFailed += 1
  }

  moved(call: PendingCall, from: Member): void {
    // In this order, since whoever waits takes what is released.
    this.#take(call)
    this.#release(call, from)
  }

  // What is registered.

  list(): Iterable<CallRegistration> {
    return this.#byId.values()
  }

  byId(id: number): Registration | undefined {
    return this.#byId.get(id)
  }

  byProcedure(procedure: string, match: ProcedureMatch): Registration | undefined {
    return this.#table.get(procedure, match)
  }

  matching(procedure: string): Registration | undefined {
    return this.#table.exact(procedure) ?? this.#table.pattern(procedure)
  }

  revoke(registration: CallRegistration, client: CallParticipant, reason: string): boolean {
    const own = this.#byId.get(registration.id)
    const held = own?.members.find((member) => member.client === client)
    if (own === undefined || held?.client === undefined) return false
    this.#leave(held.client, own, held)
    held.callee.revoked(own, reason)
    return true
  }

  onChange(listener: (event: RegistrationEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** @throws BusError `unimplemented/no_such_procedure`, or as `Registration.choose` */
  #find(request: CallRequest): { registration: Registration | undefined; member: Member } {
    const { procedure, content } = request
    const { byteLength } = content
    const exact = this.#table.exact(procedure)
    if (exact !== undefined)
      return { registration: exact, member: exact.choose(request, byteLength) }
    // Other nodes know the main space only.
    const isMain = this === this.#bus.procedures
    const elsewhere = isMain ? this.#bus.remote?.callee(procedure) : undefined
    if (elsewhere !== undefined) {
      const options = { ...plainOffer, procedure }
      return {
        registration: undefined,
        member: { client: undefined, callee: elsewhere, options, open: 0 },
      }
    }
    const pattern = this.#table.pattern(procedure)
    const bridge =
      this.bridgeFor(procedure, pattern) ?? this.#main?.bridgeFor(procedure, pattern, true)
    if (bridge !== undefined) return { registration: undefined, member: bridge.member }
    if (pattern !== undefined)
      return { registration: pattern, member: pattern.choose(request, byteLength) }
    const text = `nobody offers the procedure ${JSON.stringify(procedure)}`
    throw new BusError('unimplemented', 'no_such_procedure', text)
  }

  #reserved(procedure: string): string | undefined {
    if (procedure.startsWith('$msgbus.')) return '$msgbus.'
    for (const { prefix, isReserved } of this.#bridges) {
      if (isReserved && procedure.startsWith(prefix)) return prefix
    }
    return undefined
  }

  /** Whoever registered a pattern serves only what it might have registered by itself. */
  readonly #mayServe = (member: Member, procedure: string): boolean => {
    return member.client === undefined || this.#bus.maySee(member.client, 'register', procedure)
  }

  #mayOffer(client: LiveClient, { procedure, match }: Registration): boolean {
    if (match === 'exact') return this.#bus.maySee(client, 'register', procedure)
    const texts = textsOf(procedure, match)
    return this.#bus.patternRefusal(client, procedure, texts) === undefined
  }

  #offered(registration: Registration, member: Member): Offer {
    const { client } = member
    return {
      registration,
      close: () => {
        if (client !== undefined) this.#leave(client, registration, member)
      },
    }
  }

  /** @throws BusError `already_exists/procedure_taken` */
  #replace(client: LiveClient, registration: Registration): void {
    const { user, method } = client.identity
    const isAdmin = this.#bus.maySee(client, 'admin', '')
    const isOwn = ({ client: other }: Member) =>
      other === client || (method !== 'none' && other?.identity.user === user)
    if (!isAdmin && !registration.members.every(isOwn)) throw taken(registration.procedure)
    for (const member of registration.members.slice()) {
      if (member.client !== undefined) this.#leave(member.client, registration, member)
      if (member.client !== client)
        member.callee.revoked(registration, 'msgbus.registration.replaced')
    }
  }

  #leave(client: LiveClient, registration: Registration, member: Member): void {
    if (!registration.remove(member)) return
    this.#parties.get(client)?.offers.delete(registration)
    const isLast = registration.members.length === 0
    if (isLast) {
      this.#table.delete(registration)
      this.#byId.delete(registration.id)
    }
    if (isLast) registration.queue?.close(calleeGone())
    else registration.queue?.drain()
    const { callee } = member
    this.#tell({ kind: 'left', registration, client, callee })
    if (isLast) this.#tell({ kind: 'deleted', registration, client, callee })
  }

  #party(client: LiveClient): Party {
    const known = this.#parties.get(client)
    if (known !== undefined) return known
    const party: Party = { offers: new Map(), made: new Set(), serving: new Set() }
    this.#parties.set(client, party)
    return party
  }

  #take(call: PendingCall): void {
    const { member } = call
    member.open += 1
    if (member.client !== undefined) this.#party(member.client).serving.add(call)
  }

  #release(call: PendingCall, member: Member): void {
    member.open -= 1
    if (member.client === undefined) return
    this.#parties.get(member.client)?.serving.delete(call)
    call.registration?.queue?.drain()
  }

  #tell(event: RegistrationEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}

const plainRequest = {
  receivesProgress: false,
  isProgressive: false,
  isPassthru: false,
  disclosesCaller: false,
}

/** What the procedures of a pattern have in common, with anything between the texts. */
function textsOf(procedure: string, match: 'prefix' | 'wildcard'): string[] {
  if (match === 'prefix') return [procedure, '']
  const texts = ['']
  procedure.split('.').forEach((component, i) => {
    if (i > 0) texts[texts.length - 1] += '.'
    if (component === '') texts.push('')
    else texts[texts.length - 1] += component
  })
  return texts
}

/** @throws BusError `already_exists/procedure_taken` */
function requireShared({ procedure, invoke }: Registration, options: OfferOptions): void {
  if (invoke === 'single' || invoke !== options.invoke) throw taken(procedure)
}

function taken(procedure: string): BusError {
  const text = `procedure ${JSON.stringify(procedure)} is registered already`
  return new BusError('already_exists', 'procedure_taken', text)
}
