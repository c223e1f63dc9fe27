/**
 * One MQTT connection (spec/mqtt 2, 4): from CONNECT to its end, keep alive, topic aliases, and what its client
 * publishes. It dies with its socket; what outlives it is its session. Knows no socket, only where bytes come in and
 * the outbox where they go out, so it serves every transport.
 *
 * Packets of one client are handled strictly in order. Publications that ask for an acknowledgement wait for the
 * disk together, and what follows them goes on meanwhile; only CONNECT and changes of a kept session hold back what
 * comes behind them.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { type BusError, toBusError } from '../../model/errors.ts'
import { anonymous, type Identity } from '../../model/identity.ts'
import type { Outbox } from '../../net/outbox.ts'
import { PacketDecoder, type PacketHandler } from './codec.ts'
import type { IncomingPublish } from './publish-in-place.ts'
import type { Admission, Newcomer } from '../admission.ts'
import { credentialsMissing, wrongCredentials } from '../admission.ts'
import { Incoming } from './incoming.ts'
import type { MqttConfig } from './index.ts'
import { cappedExpiry, termsOf } from './connect-terms.ts'
import { closedTopic, isOpenTopic } from './open-topics.ts'
import {
  connackLength,
  subackLength,
  writeAck,
  writeAuth,
  writeConnack,
  writeDisconnect,
  writePingresp,
  writeSuback,
  writeUnsuback,
} from './packet-writer.ts'
import {
  type AckType,
  type AuthPacket,
  type ConnectPacket,
  type DisconnectPacket,
  MqttError,
  packetTypes,
  protocolError,
  reasonCodes,
  type SubscribePacket,
  type UnsubscribePacket,
  UnsupportedVersion,
  type Version,
  type Will,
} from './packets.ts'
import type { Properties } from './properties.ts'
import { Sender } from './sender.ts'
import type { MqttCounters } from './counters.ts'
import type { EndKind, SessionOwner, Sessions } from './sessions.ts'
import type { SessionPeer } from './delivery.ts'
import type { MqttSession } from './session.ts'
import type { Subscription } from './subscriptions.ts'
import { disconnectReason, refusalOf } from './translate.ts'
import { scramMethod } from '../scram.ts'
import { Exchange } from './exchange.ts'

/** What a connection needs of the socket behind it. */
export interface ConnectionLink extends Newcomer {
  readonly transport: string
  readonly outbox: Outbox
  readonly unsentBytes: number
  pause(): void
  resume(): void
  /** Writes what is in the outbox, then closes. */
  end(): void
}

export interface ConnectionOptions {
  readonly bus: Bus
  readonly admission: Admission
  readonly clock: Clock
  readonly logger: Logger
  readonly config: MqttConfig
  readonly sessions: Sessions
  readonly counters: MqttCounters
  readonly link: ConnectionLink
  /** Monotonic milliseconds, as of the last tick. */
  readonly now: () => number
  readonly onClosed: () => void
}

/** Reasons for holding packets back, as bits of the gate. */
const gates = { connecting: 1, saving: 2, paused: 4, acks: 8, closed: 16 } as const

/** Client ids of the daemon's own sessions. */
const ownIds = '$msgbus.'

/** What is told in DISCONNECT and has no place in CONNACK (5.0 section 3.2.2.2). */
const connackReasons: Readonly<Record<number, number>> = {
  [reasonCodes.serverShuttingDown]: reasonCodes.serverUnavailable,
  [reasonCodes.sessionTakenOver]: reasonCodes.serverBusy,
}

const noBytes = new Uint8Array(0)
const optionsOfBridges = { noLocal: true, retainAsPublished: true } as const

export class MqttConnection implements PacketHandler, SessionPeer, SessionOwner {
  gate = 0
  version: Version = 4
  will: Will | undefined
  identity: Identity = anonymous
  receiveMaximum = 1
  sender: Sender
  readonly #options: ConnectionOptions
  readonly #outbox: Outbox
  readonly #decoder: PacketDecoder
  #session: MqttSession | undefined
  #client: BusClient | undefined
  #incoming: Incoming | undefined
  #clientId = ''
  #isBridge = false
  #keepAliveMs = 0
  /** Largest packet its client takes. */
  #maxPacketBytes = Infinity
  #expirySeconds = 0
  #lastPacketAt: number
  readonly #openedAt: number
  #isConnected = false
  /** By challenges, where the client asked for that. */
  #exchange: Exchange | undefined
  /** While the outbox is full: what was unsent at the last look, and since when it is the same. */
  #stalledBytes = 0
  #stalledSince = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#outbox = options.link.outbox
    this.#openedAt = options.now()
    this.#lastPacketAt = this.#openedAt
    const { maxPacketBytes } = options.config
    this.#decoder = new PacketDecoder(this, { maxPacketBytes })
    this.sender = this.#newSender({})
  }

  get clientId(): string {
    return this.#clientId
  }

  get isFull(): boolean {
    return this.#outbox.isFull
  }

  get queuedBytes(): number {
    return this.#outbox.queuedBytes
  }

  // From the socket

  /** Input, borrowed for the call. */
  receive(bytes: Uint8Array, length: number): void {
    if ((this.gate & gates.closed) !== 0) return
    this.#guard(() => this.#decoder.push(bytes, 0, length))
    if (this.gate !== 0 && (this.gate & gates.closed) === 0) this.#options.link.pause()
  }

  /** The client sent everything it will send, which ends the connection. */
  inputEnded(): void {
    this.#close('lost', undefined)
  }

  socketClosed(): void {
    this.#close('lost', undefined)
  }

  outboxFull(): void {
    this.#stalledBytes = this.#options.link.unsentBytes
    this.#stalledSince = this.#options.now()
    this.#session?.roomChanged()
  }

  outboxEmpty(): void {
    this.#session?.roomChanged()
  }

  /** Looks at the time limits. */
  tick(): void {
    const now = this.#options.now()
    const { connectTimeoutMs } = this.#options.config
    if (!this.#isConnected) {
      if (now - this.#openedAt >= connectTimeoutMs) this.#close('lost', 'no CONNECT in time')
      return
    }
    if (this.#outbox.isFull && this.#isStalled(now)) return
    this.#session?.useRoom()
    // While packets are held back nobody can tell whether it is silent.
    if (this.gate !== 0 || this.#keepAliveMs === 0) return
    if (now - this.#lastPacketAt <= this.#keepAliveMs * 1.5) return
    this.#fail(new MqttError(reasonCodes.keepAliveTimeout, 'silent for longer than its keep alive'))
  }

  /** The daemon stops. */
  shutDown(): void {
    this.#fail(new MqttError(reasonCodes.serverShuttingDown, 'the daemon is shutting down'))
  }

  // From the decoder

  admits(type: number): boolean {
    // Who waits for others to read still takes part in what is under way.
    if ((this.gate & ~gates.paused) !== 0) return false
    return type !== packetTypes.publish
  }

  connect(packet: ConnectPacket): void {
    this.#lastPacketAt = this.#options.now()
    const { version, will, clientId, cleanStart, properties } = packet
    this.version = version
    this.will = will
    this.#isBridge = packet.isBridge
    const { authenticationMethod: method, maximumPacketSize = Infinity } = properties
    this.#maxPacketBytes = maximumPacketSize
    const { admission } = this.#options
    if (method !== undefined && (admission.isOpen || method !== scramMethod)) {
      this.#refuse(reasonCodes.badAuthenticationMethod, 'unknown authentication method')
      return
    }
    if (clientId === '' && version < 5 && !cleanStart) {
      this.#refuse(reasonCodes.clientIdNotValid, 'no client id and a session to be kept')
      return
    }
    if (clientId.startsWith(ownIds)) {
      this.#refuse(
        reasonCodes.clientIdNotValid,
        `client ids that begin with ${ownIds} are reserved`,
      )
      return
    }
    if (
      will !== undefined &&
      !isOpenTopic(Buffer.from(will.topic), 0, Buffer.byteLength(will.topic))
    ) {
      this.#refuse(reasonCodes.notAuthorized, closedTopic(will.topic).message)
      return
    }
    this.#clientId = clientId === '' ? this.#newClientId() : clientId
    if (method === undefined) {
      this.#openAs(packet, admission.isOpen ? undefined : this.#identify(packet))
      return
    }
    const exchange = new Exchange(admission, this.#options.link)
    this.#exchange = exchange
    this.#challenge(exchange, properties, (identity, last) => {
      this.#openAs(packet, Promise.resolve(identity), {
        authenticationMethod: method,
        authenticationData: last,
      })
    })
  }

  publish(publish: IncomingPublish): void {
    this.#heard()
    this.#incoming?.publish(publish)
  }

  acknowledge(type: AckType, id: number, reasonCode: number): void {
    this.#heard()
    if (type === packetTypes.pubrel) this.#incoming?.release(id)
    else this.#session?.acknowledged(type, id, reasonCode)
  }

  subscribe({ id, requests, properties }: SubscribePacket): void {
    this.#heard()
    this.#incoming?.flush()
    const session = this.#session
    if (session === undefined) return
    const [subscriptionId = 0] = properties.subscriptionIds ?? []
    const isForbidden = requests.some(
      ({ noLocal, filter }) => noLocal && filter.startsWith('$share/'),
    )
    if (isForbidden) throw protocolError('no local on a shared subscription')
    this.#requireFit(requests.length)
    const answers = requests.map((request) => {
      const own = this.#isBridge ? { ...request, ...optionsOfBridges } : request
      return session.subscribe(own, subscriptionId)
    })
    const added = answers.flatMap(({ subscription }) => subscription ?? [])
    this.#saved(session, added, () => {
      const codes = answers.map(({ code }) => code)
      writeSuback(this.#outbox, this.version, id, codes)
      for (const answer of answers) answer.confirm()
    })
  }

  unsubscribe({ id, filters }: UnsubscribePacket): void {
    this.#heard()
    this.#incoming?.flush()
    const session = this.#session
    if (session === undefined) return
    this.#requireFit(filters.length)
    const { success, noSubscriptionExisted } = reasonCodes
    const codes = filters.map((filter) =>
      session.unsubscribe(filter) ? success : noSubscriptionExisted,
    )
    this.#saved(session, [], () => writeUnsuback(this.#outbox, this.version, id, codes))
  }

  ping(): void {
    this.#heard()
    writePingresp(this.#outbox)
  }

  disconnect({ reasonCode, properties }: DisconnectPacket): void {
    const { sessionExpiry } = properties
    const session = this.#session
    if (sessionExpiry !== undefined && session !== undefined) {
      if (this.#expirySeconds === 0 && sessionExpiry > 0) {
        throw protocolError('a session that was to end is to be kept after all')
      }
      session.expirySeconds = cappedExpiry(sessionExpiry, this.#options.config)
    }
    const isClean = reasonCode === reasonCodes.success
    this.#close(isClean ? 'disconnected' : 'lost', undefined)
  }

  authenticate({ reasonCode, properties }: AuthPacket): void {
    const exchange = this.#exchange
    if (exchange === undefined) {
      throw protocolError(`AUTH ${reasonCode} without an authentication method in CONNECT`)
    }
    this.#lastPacketAt = this.#options.now()
    if (properties.authenticationMethod !== scramMethod) {
      throw protocolError('AUTH with another method than CONNECT')
    }
    if (reasonCode === reasonCodes.reAuthenticate) {
      if (!this.#isConnected) throw protocolError('authenticated anew before the first time')
      this.#challenge(exchange, properties, (identity, last) => this.#provenAnew(identity, last))
      return
    }
    if (!exchange.isAwaited) throw protocolError('AUTH without a challenge')
    exchange.answer(properties.authenticationData ?? noBytes)
  }

  // From the session and the bus

  sendAck(type: AckType, id: number, reasonCode: number = reasonCodes.success): void {
    writeAck(this.#outbox, this.version, type, id, reasonCode)
  }

  pauseReading(): void {
    this.gate |= gates.paused
    this.#options.link.pause()
  }

  resumeReading(): void {
    this.#openGate(gates.paused)
  }

  endedByBus(error: BusError): void {
    this.#fail(new MqttError(disconnectReason(error), error.message))
  }

  takenOver(): void {
    this.#session = undefined
    this.#fail(new MqttError(reasonCodes.sessionTakenOver, 'another connection has this client id'))
  }

  /** Undefined: nobody needs to show anything. @throws BusError */
  async #identify({ userName, password }: ConnectPacket): Promise<Identity> {
    const { admission, link } = this.#options
    if (password !== undefined) {
      const secret = Buffer.from(password).toString('utf8')
      return admission.byPassword(userName ?? '', secret, link)
    }
    const identity = await (userName === undefined
      ? admission.byConnection(link)
      : admission.byProof(link))
    if (identity !== undefined) return identity
    throw userName === undefined
      ? credentialsMissing('send a user name and a password')
      : wrongCredentials('a user name comes with a password')
  }

  /** @param told to the client along with CONNACK */
  #openAs(
    packet: ConnectPacket,
    identity: Promise<Identity> | undefined,
    told: Properties = {},
  ): void {
    this.gate |= gates.connecting
    this.#open(packet, identity, told).catch((error: unknown) => {
      const busError = toBusError(error)
      const { reason, message } = busError
      if (reason === 'internal') this.#options.logger.error('mqtt_connect_failed', { err: error })
      if (this.#isConnected) this.endedByBus(busError)
      else this.#refuse(refusalOf(busError), message)
    })
  }

  /** Goes through the messages of SCRAM that a packet has begun. */
  #challenge(
    exchange: Exchange,
    { authenticationData: data = noBytes }: Properties,
    proven: (identity: Identity, last: Uint8Array) => void,
  ): void {
    if (exchange.isUnderWay) throw protocolError('an authentication is under way')
    const tell = (challenge: Uint8Array) => {
      if ((this.gate & gates.closed) !== 0) return
      this.#tellAuth(reasonCodes.continueAuthentication, challenge)
    }
    exchange.run(data, tell).then(
      ({ identity, last }) => {
        if ((this.gate & gates.closed) === 0) this.#guard(() => proven(identity, last))
      },
      (error: unknown) => {
        const { message } = toBusError(error)
        if (this.#isConnected) this.#fail(new MqttError(reasonCodes.notAuthorized, message))
        else this.#refuse(refusalOf(toBusError(error)), message)
      },
    )
  }

  #provenAnew({ user }: Identity, last: Uint8Array): void {
    if (user !== this.identity.user) {
      throw new MqttError(reasonCodes.notAuthorized, 'authenticated anew as somebody else')
    }
    this.#tellAuth(reasonCodes.success, last)
  }

  #tellAuth(reasonCode: number, authenticationData: Uint8Array): void {
    const properties = { authenticationMethod: scramMethod, authenticationData }
    writeAuth(this.#outbox, reasonCode, properties)
  }

  async #open(
    packet: ConnectPacket,
    identity: Promise<Identity> | undefined,
    told: Properties,
  ): Promise<void> {
    const { bus, sessions, config, link, admission } = this.#options
    this.identity = identity === undefined ? admission.nameless(link) : await identity
    if ((this.gate & gates.closed) !== 0) return
    const { cleanStart, properties, version } = packet
    const terms = termsOf(packet, this.#clientId, config)
    const { expirySeconds } = terms
    this.#expirySeconds = expirySeconds
    const answerProperties = this.#fitting({ ...terms.announced, ...told }, 'responseInformation')
    if (answerProperties === undefined) {
      this.#close('lost', 'its client does not take the answer to CONNECT, which is too large')
      return
    }
    const { session, isPresent } = await sessions.open(
      { clientId: this.#clientId, cleanStart, expirySeconds, isOwned: !admission.isOpen },
      this,
    )
    if ((this.gate & gates.closed) !== 0) {
      this.#endSession(session, 'lost')
      return
    }
    this.receiveMaximum = terms.receiveMaximum
    this.sender = this.#newSender(properties)
    this.#session = session
    const client = bus.connect(this.identity, {
      name: session.name,
      ruleName: this.#clientId,
      replace: true,
      inbox: session,
      protocol: 'mqtt',
      transport: link.transport,
      source: link.source,
      listener: link.listener,
      slowReader: 'drop-newest',
    })
    if (packet.will !== undefined) {
      try {
        client.requireAccess('publish', packet.will.topic)
      } catch (error) {
        client.close()
        throw error
      }
    }
    this.#client = client
    this.#incoming = this.#newIncoming(session, client)
    this.#keepAliveMs = terms.keepAliveSeconds * 1_000
    this.#isConnected = true
    this.#options.counters.connections += 1
    const { success: reasonCode } = reasonCodes
    const answer = {
      sessionPresent: isPresent,
      reasonCode,
      properties: answerProperties,
    }
    writeConnack(this.#outbox, version, answer)
    // What the session has for it comes behind CONNACK, and what the client sent behind CONNECT after that.
    session.attach(this, client)
    this.#openGate(gates.connecting)
  }

  /** Sends an answer once what a kept session asks for is on disk; what comes behind waits. */
  #saved(session: MqttSession, added: readonly Subscription[], answer: () => void): void {
    if (!session.isDurable) {
      answer()
      return
    }
    this.gate |= gates.saving
    this.#options.sessions.save(session, session.subscriptionsWith(added)).then(
      () => {
        if ((this.gate & gates.closed) !== 0) return
        answer()
        this.#openGate(gates.saving)
      },
      (error: unknown) => this.endedByBus(toBusError(error)),
    )
  }

  #heard(): void {
    if (this.#exchange !== undefined && !this.#isConnected) {
      throw protocolError('a packet before it is known who sends it')
    }
    this.#lastPacketAt = this.#options.now()
  }

  #openGate(bit: number): void {
    if ((this.gate & bit) === 0 || (this.gate & gates.closed) !== 0) return
    this.gate &= ~bit
    this.#guard(() => this.#decoder.resume())
    if (this.gate !== 0) return
    // It could not be heard while it was held back.
    this.#heard()
    this.#options.link.resume()
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (error instanceof UnsupportedVersion) this.#refuseVersion(error)
      else if (error instanceof MqttError) this.#fail(error)
      else throw error
    }
  }

  #refuseVersion(error: UnsupportedVersion): void {
    this.version = error.level > 5 ? 5 : 4
    this.#refuse(error.reasonCode, error.message)
  }

  /** Answers CONNECT with an error. */
  #refuse(reasonCode: number, text: string): void {
    if ((this.gate & gates.closed) !== 0) return
    const said = this.version === 5 ? { reasonString: text } : {}
    const properties = this.#fitting(said, 'reasonString')
    if (properties !== undefined) {
      writeConnack(this.#outbox, this.version, { sessionPresent: false, reasonCode, properties })
    }
    this.will = undefined
    this.#options.counters.connectionsRefused += 1
    this.#close('disconnected', text)
  }

  /**
   * Properties of a CONNACK that its client takes: without `extra`, if need be. Undefined: it takes none at all.
   */
  #fitting(properties: Properties, extra: keyof Properties): Properties | undefined {
    const { [extra]: _extra, ...others } = properties
    const fits = (each: Properties) => connackLength(each) <= this.#maxPacketBytes
    return [properties, others].find(fits)
  }

  /** An answer that its client does not take is not sent, and it waits for it. @throws MqttError */
  #requireFit(codes: number): void {
    if (this.version < 5 || subackLength(codes) <= this.#maxPacketBytes) return
    const text = 'the answer would be larger than its client takes'
    throw new MqttError(reasonCodes.packetTooLarge, text)
  }

  /** Ends the connection and tells why, where the protocol can say so. */
  #fail(error: MqttError): void {
    if ((this.gate & gates.closed) !== 0) return
    if (this.version === 5 && this.#isConnected) writeDisconnect(this.#outbox, error.reasonCode)
    else if (this.#decoder.seenVersion === 5 && !this.#isConnected) {
      const reasonCode = connackReasons[error.reasonCode] ?? error.reasonCode
      if (connackLength({}) <= this.#maxPacketBytes) {
        writeConnack(this.#outbox, 5, { sessionPresent: false, reasonCode, properties: {} })
      }
    }
    this.#close('lost', error.message)
  }

  #close(kind: EndKind, why: string | undefined): void {
    if ((this.gate & gates.closed) !== 0) return
    this.gate |= gates.closed
    const { logger, link, onClosed } = this.#options
    const reason = why ?? (kind === 'disconnected' ? 'disconnected' : 'connection lost')
    logger.info('mqtt_connection_ended', { client: this.#clientId, source: link.source, reason })
    this.#incoming?.close()
    this.#incoming = undefined
    const session = this.#session
    this.#session = undefined
    if (session !== undefined) {
      this.#endSession(session, kind)
    }
    this.#client?.close()
    this.#client = undefined
    link.end()
    onClosed()
  }

  #endSession(session: MqttSession, kind: EndKind): void {
    const { sessions, logger } = this.#options
    sessions.ended(session, this, kind).catch((error: unknown) => {
      logger.warn('mqtt_session_not_saved', { reason: toBusError(error).reason })
    })
  }

  #isStalled(now: number): boolean {
    const { link, bus } = this.#options
    const unsent = link.unsentBytes
    if (unsent !== this.#stalledBytes) {
      this.#stalledBytes = unsent
      this.#stalledSince = now
      return false
    }
    const limitMs = Math.max(bus.limits.slowClientMs, this.#keepAliveMs * 1.5)
    if (now - this.#stalledSince < limitMs) return false
    this.#close('lost', 'it does not read')
    return true
  }

  #newIncoming(session: MqttSession, client: BusClient): Incoming {
    const { bus, clock, logger, counters, config } = this.#options
    const { receiveMaximum, topicAliasMaximum } = config
    return new Incoming({
      bus,
      client,
      session,
      clock,
      logger,
      counters,
      receiveMaximum,
      topicAliasMaximum,
      isVersion5: this.version === 5,
      sendAck: (type, id, reasonCode) => this.sendAck(type, id, reasonCode),
      hold: (isHeld) => {
        if (isHeld) this.gate |= gates.acks
        else this.#openGate(gates.acks)
      },
      end: (reason) => this.#close('lost', reason),
    })
  }

  #newSender({ topicAliasMaximum = 0, maximumPacketSize }: Properties): Sender {
    const most = this.#options.config.topicAliasMaximum
    return new Sender({
      outbox: this.#outbox,
      version: this.version,
      topicAliasMaximum: Math.min(topicAliasMaximum, most),
      maxPacketBytes: maximumPacketSize ?? Number.MAX_SAFE_INTEGER,
    })
  }

  #newClientId(): string {
    for (;;) {
      const id = `auto-${crypto.randomUUID()}`
      if (!this.#options.sessions.isKnown(id)) return id
    }
  }
}
