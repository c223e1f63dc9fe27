/**
 * One connection (spec/wamp 3): from HELLO to its end, perhaps several sessions one after the other. It takes whole
 * messages from its transport, and knows no socket. What a message of an open session means is decided by the broker
 * and the dealer of its realm; what the protocol does not allow ends session and connection with ABORT.
 */

import type { Authentication } from '../../core/authentication.ts'
import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { ProtocolError, toBusError } from '../../model/errors.ts'
import type { Outbox } from '../../net/outbox.ts'
import { ByteSink } from '../../wire/wamp/byte-sink.ts'
import { MessageDecoder } from '../../wire/wamp/decode-message.ts'
import { encodeMessage } from '../../wire/wamp/encode-message.ts'
import { messageTypes, nameOfType } from '../../wire/wamp/message-types.ts'
import type { ClientMessage, HelloMessage, RouterMessage } from '../../wire/wamp/messages.ts'
import type { Serializer } from '../../wire/wamp/serializer.ts'
import { isUtf8 } from '../../wire/wamp/utf8.ts'
import {
  type Authenticator,
  type JoinAttempt,
  type JoinStep,
  type Principal,
} from './authenticator.ts'
import type { WampConfig } from './index.ts'
import type { Realm } from './realm.ts'
import { RequestOrder } from './request-order.ts'
import { type SessionPeer, type TransportInfo, WampSession } from './session.ts'
import { newId } from './ids.ts'
import { closeCodes, type WampTransport } from './transport.ts'
import { errorUris } from './translate-error.ts'
import { shortWelcomeDetails, welcomeDetails } from './welcome.ts'

export interface ConnectionOptions {
  readonly bus: Bus
  readonly clock: Clock
  readonly logger: Logger
  readonly config: WampConfig
  /** Of the daemon. */
  readonly version: string
  readonly authentication: Authentication
  readonly authenticator: Authenticator
  readonly realms: ReadonlyMap<string, Realm>
  readonly serializer: Serializer
  readonly transport: WampTransport
  /** Octets of text were checked to be UTF-8. */
  readonly isTextChecked: boolean
  /** How often `tick` is called. */
  readonly tickMs: number
  /** Monotonic milliseconds, as of the last tick. */
  readonly now: () => number
  readonly onClosed: () => void
}

/** How long a client has to answer GOODBYE, or to begin another session after its own. */
const farewellMs = 5_000
/** RawSocket is asked for a sign of life after so much silence (spec/wamp 6.2). */
const pingMs = 25_000

type State =
  | { readonly kind: 'waiting'; readonly deadline: number }
  /** The authenticator is thinking, or the client is. */
  | { readonly kind: 'joining'; readonly join: Join; deadline: number; isAnswerDue: boolean }
  | {
      readonly kind: 'open'
      readonly session: WampSession
      readonly order: RequestOrder | undefined
    }
  | { readonly kind: 'closing'; readonly deadline: number; readonly code: number }
  | { readonly kind: 'closed' }

interface Join {
  readonly hello: HelloMessage
  readonly realm: Realm
  readonly session: number
  readonly attempt: JoinAttempt
}

/** Where messages are encoded before they are copied to an outbox. */
const sink = new ByteSink()

export class WampConnection implements SessionPeer {
  readonly serializer: Serializer
  readonly #options: ConnectionOptions
  readonly #outbox: Outbox
  readonly #decoder: MessageDecoder
  #state: State
  #holds = 0
  /** Who waits for room in the outbox. */
  #waiting: (() => void)[] = []
  #heardAt: number
  #isPinged = false
  /** Messages since the last tick; so many are read until the next one. */
  #taken = 0
  readonly #takenMost: number
  #isTooFast = false
  #stalledBytes = 0
  #stalledSince = 0

  constructor(options: ConnectionOptions) {
    const { serializer, transport, config, now } = options
    this.#options = options
    this.serializer = serializer
    this.#outbox = transport.outbox
    this.#decoder = new MessageDecoder(serializer)
    this.#heardAt = now()
    const { messagesPerSecond = Infinity } = config
    this.#takenMost = Math.ceil((messagesPerSecond * options.tickMs) / 1_000)
    this.#state = { kind: 'waiting', deadline: this.#heardAt + config.joinTimeoutMs }
  }

  get transport(): TransportInfo {
    return this.#options.transport.info
  }

  get isFull(): boolean {
    return this.#outbox.isFull
  }

  get queuedBytes(): number {
    return this.#outbox.queuedBytes
  }

  // From the transport

  /** One whole message, borrowed for the call. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    this.heard()
    const { kind } = this.#state
    if (kind === 'closed') return
    this.#taken += 1
    if (this.#taken >= this.#takenMost && !this.#isTooFast) {
      this.#isTooFast = true
      this.#hold()
    }
    try {
      if (this.serializer.isText && !this.#options.isTextChecked && !isUtf8(bytes, start, end)) {
        throw new ProtocolError('text that is not UTF-8')
      }
      this.#take(this.#decoder.decode(bytes, start, end))
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.violated(error)
    }
  }

  heard(): void {
    this.#heardAt = this.#options.now()
    this.#isPinged = false
  }

  /** The client broke the protocol: ABORT where there is anybody to hear it, and the end. */
  violated(error: ProtocolError): void {
    this.abort(errorUris.protocolViolation, error.message, closeCodes.violation)
  }

  /** The transport itself was misused: nothing can be said any more. */
  failed(error: ProtocolError): void {
    if (this.#state.kind === 'closed') return
    const { logger, transport } = this.#options
    logger.info('wamp_transport_failed', { reason: error.message, source: transport.source })
    this.#end()
    this.#close(closeCodes.violation)
  }

  /** The connection is gone. */
  lost(): void {
    this.#end()
    this.#closed()
  }

  /** The client will send nothing more, which ends the connection. */
  inputEnded(): void {
    this.#end()
    this.#close(closeCodes.done)
  }

  outboxFull(): void {
    this.#stalledBytes = this.#options.transport.unsentBytes
    this.#stalledSince = this.#options.now()
    if (this.#state.kind === 'open') this.#state.session.client.live.congested(true)
  }

  room(): Promise<void> {
    if (!this.isFull || this.#state.kind !== 'open') return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  outboxEmpty(): void {
    this.#tellRoom()
    if (this.#state.kind === 'open') this.#state.session.client.live.congested(false)
  }

  /** Looks at the time limits. */
  tick(): void {
    this.#taken = 0
    if (this.#isTooFast) {
      this.#isTooFast = false
      this.#release()
    }
    const { now, transport } = this.#options
    const state = this.#state
    if (state.kind === 'open') {
      if (this.#outbox.isFull) this.#checkProgress(now())
      else if (now() - this.#heardAt >= pingMs) this.#checkAlive(now(), transport)
      return
    }
    if (state.kind === 'closed' || now() < state.deadline) return
    if (state.kind === 'joining') {
      this.abort(errorUris.authenticationFailed, 'no AUTHENTICATE in time', closeCodes.done)
    } else this.#close(state.kind === 'closing' ? state.code : closeCodes.done)
  }

  /** The daemon stops. */
  shutDown(): void {
    if (this.#state.kind === 'open') {
      this.#state.session.leavesQuietly = true
      this.goodbye(errorUris.systemShutdown, 'the daemon is stopping', closeCodes.goingAway)
    } else if (this.#state.kind !== 'closing') this.#close(closeCodes.goingAway)
  }

  // From the session

  send(message: RouterMessage): boolean {
    sink.clear()
    encodeMessage(sink, this.serializer, message)
    return this.sendEncoded(sink.bytes, 0, sink.length)
  }

  sendEncoded(bytes: Uint8Array, start: number, end: number): boolean {
    const { transport } = this.#options
    if (end - start > transport.messageBytesMost) return false
    const state = this.#state
    if (state.kind === 'closed') return true
    transport.write(bytes, start, end)
    if (state.kind === 'open') {
      const { live } = state.session.client
      live.sentFrames += 1
      live.sentBytes += end - start
    }
    return true
  }

  goodbye(reason: string, message?: string, code: number = closeCodes.done): void {
    if (this.#state.kind !== 'open') return
    this.#end()
    const { goodbye: type } = messageTypes
    this.send({ type, reason, details: message === undefined ? {} : { message } })
    this.#state = { kind: 'closing', deadline: this.#options.now() + farewellMs, code }
    this.#release()
  }

  abort(reason: string, message: string, code: number = closeCodes.done): void {
    const { kind } = this.#state
    if (kind === 'closed') return
    const { logger, transport } = this.#options
    const { source } = transport
    logger.info('wamp_aborted', { reason, text: message, source, state: kind })
    this.#end()
    if (kind !== 'closing') {
      this.send({ type: messageTypes.abort, reason, details: { message } })
    }
    this.#close(code)
  }

  pauseReading(): void {
    this.#hold()
  }

  resumeReading(): void {
    this.#release()
  }

  #take(message: ClientMessage): void {
    const state = this.#state
    switch (state.kind) {
      case 'open':
        this.#dispatch(state.session, state.order, message)
        return
      case 'waiting':
        if (message.type === messageTypes.hello) this.#begin(message)
        else if (message.type === messageTypes.abort) this.#close(closeCodes.done)
        else throw new ProtocolError(`${nameOfType(message.type)} before HELLO`)
        return
      case 'joining':
        if (message.type === messageTypes.abort) this.#close(closeCodes.done)
        else if (message.type === messageTypes.authenticate && state.isAnswerDue) {
          state.isAnswerDue = false
          this.#step(state.join, () => state.join.attempt.answer(message))
        } else throw new ProtocolError(`${nameOfType(message.type)} while joining`)
        return
      case 'closing':
        if (message.type === messageTypes.goodbye || message.type === messageTypes.abort) {
          this.#close(state.code)
        }
        return
      case 'closed':
    }
  }

  #dispatch(session: WampSession, order: RequestOrder | undefined, message: ClientMessage): void {
    const { broker, dealer } = session.realm
    const { live } = session.client
    live.receivedFrames += 1
    switch (message.type) {
      case messageTypes.publish:
        order?.next(message.request)
        broker.publish(session, message)
        return
      case messageTypes.call:
        // The dealer knows which of them continue a call.
        order?.nextOrEarlier(message.request)
        dealer.call(session, message)
        return
      case messageTypes.yield:
        dealer.yield(session, message)
        return
      case messageTypes.error:
        dealer.error(session, message)
        return
      case messageTypes.subscribe:
        order?.next(message.request)
        broker.subscribe(session, message)
        return
      case messageTypes.unsubscribe:
        order?.next(message.request)
        broker.unsubscribe(session, message)
        return
      case messageTypes.register:
        order?.next(message.request)
        dealer.register(session, message)
        return
      case messageTypes.unregister:
        order?.next(message.request)
        dealer.unregister(session, message)
        return
      case messageTypes.cancel:
        dealer.cancel(session, message)
        return
      case messageTypes.goodbye:
        this.#end()
        this.send({ type: messageTypes.goodbye, reason: errorUris.goodbyeAndOut, details: {} })
        this.#state = { kind: 'waiting', deadline: this.#options.now() + farewellMs }
        this.#release()
        return
      case messageTypes.abort:
        this.#end()
        this.#close(closeCodes.done)
        return
      case messageTypes.hello:
      case messageTypes.authenticate:
        throw new ProtocolError(`${nameOfType(message.type)} in an open session`)
    }
  }

  #begin(hello: HelloMessage): void {
    const { realms, authenticator, transport, now, config } = this.#options
    const realm = realms.get(hello.realm)
    if (realm === undefined) {
      this.abort(errorUris.noSuchRealm, 'there is no such realm')
      return
    }
    if (!hasRole(hello)) {
      this.abort(errorUris.noSuchRole, 'HELLO announces no role that there is')
      return
    }
    const session = newId()
    const { source, listener } = transport
    const attempt = authenticator.attempt({
      hello,
      session,
      realm: realm.name,
      source,
      listener,
      proof: transport,
    })
    const join = { hello, realm, session, attempt }
    const deadline = now() + config.joinTimeoutMs
    this.#state = { kind: 'joining', join, deadline, isAnswerDue: false }
    this.#step(join, () => attempt.begin())
  }

  /** Asks the authenticator; nothing is read while it thinks. */
  #step(join: Join, ask: () => JoinStep | Promise<JoinStep>): void {
    const step = ask()
    if (!(step instanceof Promise)) {
      this.#decided(join, step)
      return
    }
    this.#hold()
    step.then(
      (decided) => {
        this.#decided(join, decided)
        this.#release()
      },
      (error: unknown) => {
        this.#options.logger.error('wamp_join_failed', { err: error })
        this.abort(errorUris.authenticationFailed, 'who you are could not be found out')
      },
    )
  }

  #decided(join: Join, step: JoinStep): void {
    const state = this.#state
    if (state.kind !== 'joining' || state.join !== join) return
    if (step.kind === 'refuse') {
      this.abort(step.reason, step.message)
      return
    }
    if (step.kind === 'challenge') {
      const { method, extra } = step
      this.send({ type: messageTypes.challenge, method, extra })
      state.deadline = this.#options.now() + this.#options.config.joinTimeoutMs
      state.isAnswerDue = true
      return
    }
    try {
      this.#open(join, step.principal)
    } catch (error) {
      // The bus takes nobody else, or has not begun, or ends.
      const { code, message } = toBusError(error)
      const isDenied = code === 'permission_denied'
      this.abort(isDenied ? errorUris.notAuthorized : errorUris.unavailable, message)
    }
  }

  #open({ hello, realm, session: id }: Join, principal: Principal): void {
    const { bus, clock, config, transport, version } = this.#options
    const session = new WampSession({
      id,
      realm,
      principal,
      hello,
      joinedAtMs: clock.now(),
      peer: this,
      connect: (inbox) =>
        bus.connect(principal.identity, {
          inbox,
          protocol: 'wamp',
          transport: transport.info.type,
          source: transport.source,
          listener: transport.listener,
          slowReader: 'drop-newest',
          callSpace: realm.options.callSpace,
        }),
    })
    const order = config.requestIds === 'strict' ? new RequestOrder() : undefined
    this.#state = { kind: 'open', session, order }
    const agent = config.hideAgent ? undefined : `msgbus/${version}`
    const welcomes = [welcomeDetails(session, agent), shortWelcomeDetails(session)]
    realm.joined(session)
    const { welcome: type } = messageTypes
    if (!welcomes.some((details) => this.send({ type, session: id, details }))) {
      this.abort(errorUris.payloadSizeExceeded, 'WELCOME is longer than what you take')
      return
    }
    if (this.#outbox.isFull) session.client.live.congested(true)
  }

  /** The session, if there is one, is over: nothing more is sent for it. */
  #end(): void {
    const state = this.#state
    if (state.kind !== 'open') return
    const { session } = state
    session.isOver = true
    this.#tellRoom()
    // Whatever happens in between finds no session here.
    this.#state = { kind: 'waiting', deadline: Infinity }
    session.realm.left(session)
  }

  #close(code: number): void {
    if (this.#state.kind === 'closed') return
    this.#closed()
    this.#options.transport.end(code)
  }

  #closed(): void {
    if (this.#state.kind === 'closed') return
    this.#state = { kind: 'closed' }
    this.#options.onClosed()
  }

  #tellRoom(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  /** Counts, since a session may be paused while something else is held. */
  #hold(): void {
    this.#holds += 1
    if (this.#holds === 1) this.#options.transport.hold(true)
  }

  #release(): void {
    if (this.#holds === 0) return
    this.#holds -= 1
    if (this.#holds === 0) this.#options.transport.hold(false)
  }

  #checkProgress(now: number): void {
    const { transport, config } = this.#options
    if (this.#outbox.queuedBytes > config.hardOutboxBytes) {
      this.abort(errorUris.networkFailure, 'too much is waiting to be read')
      return
    }
    const { unsentBytes } = transport
    if (unsentBytes < this.#stalledBytes) {
      this.#stalledBytes = unsentBytes
      this.#stalledSince = now
    } else if (now - this.#stalledSince >= config.stalledMs) {
      this.abort(errorUris.networkFailure, 'nothing was read for too long')
      // It will not read the end either.
      transport.destroy()
    }
  }

  #checkAlive(now: number, transport: WampTransport): void {
    if (transport.info.type !== 'rawsocket') return
    if (now - this.#heardAt >= pingMs * 3) {
      this.#end()
      this.#close(closeCodes.done)
      transport.destroy()
    } else if (!this.#isPinged) {
      this.#isPinged = true
      transport.ping()
    }
  }
}

const roles = ['publisher', 'subscriber', 'caller', 'callee']

function hasRole({ details }: HelloMessage): boolean {
  const announced = details.get('roles')
  return announced instanceof Map && roles.some((role) => announced.get(role) instanceof Map)
}
