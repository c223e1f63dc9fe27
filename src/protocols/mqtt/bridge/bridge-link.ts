/**
 * One connection of a bridge to another broker, from CONNECT to its end. To that broker it is a client; to the bus it is
 * the connection of a session like any other (connection.ts): what leaves has its window, its place in the log and its
 * notes there, and what comes is published as a client's publications are.
 */

import type { BusClient } from '../../../core/bus-client.ts'
import type { Bus } from '../../../core/bus.ts'
import type { Clock, Timer } from '../../../core/clock.ts'
import type { Logger } from '../../../core/logger.ts'
import { type BusError, toBusError } from '../../../model/errors.ts'
import type { Identity } from '../../../model/identity.ts'
import type { ByteConnection } from '../../../net/byte-connection.ts'
import { Incoming } from '../incoming.ts'
import { encodeProperties, writeAck } from '../packet-writer.ts'
import {
  type AckType,
  MqttError,
  packetTypes,
  type Qos,
  reasonCodes,
  type Version,
} from '../packets.ts'
import type { Properties } from '../properties.ts'
import type { IncomingPublish } from '../publish-in-place.ts'
import type { SessionPeer } from '../delivery.ts'
import { type Dispatch, Sender } from '../sender.ts'
import type { MqttCounters } from '../counters.ts'
import type { MqttSession } from '../session.ts'
import type { SessionOwner, Sessions } from '../sessions.ts'
import { bridgeIdentity } from './bridge-identity.ts'
import type { BridgeTopics, SideFilter } from './bridge-topics.ts'
import { writeConnect, writeFarewell, writePingreq, writeSubscribe } from './client-packets.ts'
import { MappedPublish } from './mapped-publish.ts'
import { type Connack, ServerPacketDecoder, type ServerPacketHandler } from './server-decoder.ts'

export interface BridgeLinkOptions {
  readonly bus: Bus
  readonly clock: Clock
  readonly logger: Logger
  readonly sessions: Sessions
  readonly counters: MqttCounters
  readonly connection: ByteConnection
  readonly name: string
  readonly topics: BridgeTopics
  readonly version: Version
  /** Before 5.0: tells the other broker that it is a bridge. */
  readonly isMarked: boolean
  /** Towards the other broker. */
  readonly clientId: string
  readonly userName: string | undefined
  readonly password: string | undefined
  readonly cleanStart: boolean
  readonly keepAliveSeconds: number
  /** Marks what goes out, and what comes back is dropped; undefined: nothing is marked. */
  readonly loopMark: string | undefined
  readonly connectTimeoutMs: number
  readonly maxPacketBytes: number
  /** Messages of QoS 1 and 2 under way, each way. */
  readonly window: number
  /** Joins the bus and takes the session of the bridge. */
  readonly open: (owner: SessionOwner) => Promise<MqttSession>
  readonly join: (session: MqttSession) => BusClient
  readonly onConnected: () => void
  readonly onCarried: (direction: 'in' | 'out') => void
  /** Dropped since it came from here. */
  readonly onLoop: () => void
}

export interface LinkEnd {
  readonly reason: string
  /** It was in use. */
  readonly wasConnected: boolean
  /** The other broker does not speak this version, or hung up as those do that do not know it. */
  readonly isVersionRefused: boolean
}

/** User property that says by which daemons a message came. */
export const loopProperty = 'msgbus-via'

const gates = { opening: 1, paused: 2, acks: 4 } as const
const connackTexts = [
  'accepted',
  'the version is refused',
  'the client id is refused',
  'the server is not available',
  'the user name or password is wrong',
  'not authorised',
]

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export class BridgeLink implements SessionPeer, SessionOwner, ServerPacketHandler {
  readonly version: Version
  readonly will = undefined
  readonly identity: Identity
  receiveMaximum = 1
  readonly sender: Pick<Sender, 'send'> = { send: (dispatch) => this.#send(dispatch) }
  readonly ended: Promise<LinkEnd>
  readonly #options: BridgeLinkOptions
  readonly #decoder: ServerPacketDecoder
  readonly #mapped = new MappedPublish()
  readonly #mark: Buffer
  #gate = 0
  #sender: Sender | undefined
  #outgoing: Mutable<Dispatch> | undefined
  #session: MqttSession | undefined
  #client: BusClient | undefined
  #incoming: Incoming | undefined
  #isConnected = false
  #isOver = false
  #isVersionRefused = false
  #maximumQos: Qos = 2
  #mayRetain = true
  #wasHeard = true
  #timer: Timer
  #settle: (end: LinkEnd) => void = () => undefined

  constructor(options: BridgeLinkOptions) {
    this.#options = options
    const { connection, version, maxPacketBytes, clock, connectTimeoutMs, name, loopMark } = options
    this.version = version
    this.identity = bridgeIdentity(name)
    const isMarked = loopMark !== undefined && version === 5
    const mark = isMarked ? { userProperties: [[loopProperty, loopMark] as [string, string]] } : {}
    this.#mark = Buffer.from(encodeProperties(mark))
    this.#decoder = new ServerPacketDecoder(this, version, maxPacketBytes)
    this.ended = new Promise((resolve) => {
      this.#settle = resolve
    })
    connection.owner = {
      onBytes: (bytes, length) => this.#receive(bytes, length),
      onEnd: () => this.#hungUp(),
      onClose: (error) => this.#hungUp(error),
      onFull: () => this.#session?.roomChanged(),
      onRoom: () => this.#session?.roomChanged(),
    }
    this.#timer = clock.after(connectTimeoutMs, () => this.end('no CONNACK in time'))
    this.#connect()
  }

  get isHeld(): boolean {
    return this.#gate !== 0 || this.#isOver
  }

  get isFull(): boolean {
    return this.#options.connection.outbox.isFull
  }

  get queuedBytes(): number {
    return this.#options.connection.outbox.queuedBytes
  }

  /** Ends it from this side; a broker that can be told is. */
  end(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    const { connection, sessions, logger } = this.#options
    this.#timer.cancel()
    if (this.#isConnected) writeFarewell(connection.outbox)
    this.#incoming?.close()
    const session = this.#session
    this.#session = undefined
    const saved = session && sessions.ended(session, this, 'disconnected')
    saved?.catch((error: unknown) => {
      logger.warn('mqtt_session_not_saved', { reason: toBusError(error).reason })
    })
    this.#client?.close()
    connection.end()
    connection.destroySoon()
    const wasConnected = this.#isConnected
    const isVersionRefused = this.#isVersionRefused
    this.#settle({ reason, wasConnected, isVersionRefused })
  }

  // From the other broker

  connack({ sessionPresent, code, properties }: Connack): void {
    const isRefused = code !== 0
    if (isRefused) {
      this.#isVersionRefused = code === reasonCodes.unsupportedVersion || code === 1
      const told = properties.reasonString ?? connackTexts[code]
      this.end(`refused: ${told ?? `reason code 0x${code.toString(16)}`}`)
      return
    }
    this.#gate |= gates.opening
    this.#options.connection.pause()
    this.#open(sessionPresent, properties).catch((error: unknown) => {
      this.#options.logger.warn('mqtt_bridge_failed', { bridge: this.#options.name, err: error })
      this.end(toBusError(error).message)
    })
  }

  publish(publish: IncomingPublish): void {
    const { topics, onCarried, onLoop } = this.#options
    const local = topics.toLocal(publish.bytes, publish.topicStart, publish.topicEnd)
    const isLoop = publish.hasProperties && this.#hasMark(publish)
    if (isLoop) onLoop()
    if (local === undefined || isLoop) {
      this.#takeAndDrop(publish)
      return
    }
    onCarried('in')
    this.#mapped.map(publish, local)
    this.#incoming?.publish(this.#mapped)
  }

  acknowledge(type: AckType, id: number, reasonCode: number): void {
    if (type === packetTypes.pubrel) {
      this.#incoming?.release(id)
      return
    }
    const isRefusal = reasonCode >= reasonCodes.unspecifiedError
    if (isRefusal) {
      const { logger, name, counters } = this.#options
      counters.dropped.refused += 1
      logger.info('mqtt_bridge_publish_refused', { bridge: name, reasonCode })
    }
    this.#session?.acknowledged(type, id, reasonCode)
  }

  answered(type: number, _id: number, codes: Uint8Array): void {
    if (type !== packetTypes.suback || !codes.some((code) => code >= 0x80)) return
    const { topics, logger, name } = this.#options
    const filters = topics.remoteFilters().filter((_, i) => (codes[i] ?? 0) >= 0x80)
    const refused = filters.map(({ filter }) => filter)
    logger.warn('mqtt_bridge_subscription_refused', { bridge: name, filters: refused })
  }

  pong(): void {}

  disconnect(reasonCode: number, { reasonString }: Properties): void {
    const code = `0x${reasonCode.toString(16)}`
    this.end(`the other broker ended it: ${reasonString ?? `reason code ${code}`}`)
  }

  // From the session and the bus

  sendAck(type: AckType, id: number, reasonCode: number = reasonCodes.success): void {
    writeAck(this.#options.connection.outbox, this.version, type, id, reasonCode)
  }

  pauseReading(): void {
    this.#gate |= gates.paused
    this.#options.connection.pause()
  }

  resumeReading(): void {
    this.#openGate(gates.paused)
  }

  endedByBus(error: BusError): void {
    this.end(error.message)
  }

  takenOver(): void {
    this.#session = undefined
    this.end('another connection of this bridge took its place')
  }

  #connect(): void {
    const { connection, clientId, cleanStart, keepAliveSeconds, window, maxPacketBytes } =
      this.#options
    const { userName, password, isMarked } = this.#options
    writeConnect(connection.outbox, {
      version: this.version,
      isBridge: isMarked && this.version < 5,
      clientId,
      cleanStart,
      keepAliveSeconds,
      userName,
      password,
      properties: {
        ...(!cleanStart && { sessionExpiry: 0xffff_ffff }),
        receiveMaximum: window,
        maximumPacketSize: maxPacketBytes,
      },
    })
  }

  async #open(isPresent: boolean, properties: Properties): Promise<void> {
    const { connection, window, topics, sessions, name, logger, onConnected } = this.#options
    const { receiveMaximum = window, maximumPacketSize, topicAliasMaximum = 0 } = properties
    this.receiveMaximum = Math.min(receiveMaximum, window)
    this.#maximumQos = properties.maximumQos === 0 ? 0 : properties.maximumQos === 1 ? 1 : 2
    this.#mayRetain = properties.retainAvailable !== 0
    this.#sender = new Sender({
      outbox: connection.outbox,
      version: this.version,
      topicAliasMaximum: Math.min(topicAliasMaximum, aliasesMost),
      maxPacketBytes: maximumPacketSize ?? Number.MAX_SAFE_INTEGER,
    })
    const session = await this.#options.open(this)
    if (this.#isOver) {
      await sessions.ended(session, this, 'disconnected')
      return
    }
    this.#session = session
    // Identifiers of a session that the other broker has forgotten belong to other messages from now on.
    if (!isPresent) for (const id of session.received.values()) await session.release(id)
    const client = this.#options.join(session)
    this.#client = client
    this.#incoming = this.#newIncoming(session, client)
    this.#isConnected = true
    session.attach(this, client)
    const remote = topics.remoteFilters()
    if (remote.length > 0) writeSubscribe(connection.outbox, this.version, 1, this.#capped(remote))
    await subscribeAll(session, this.#capped(topics.localFilters()), sessions, true)
    if (this.#isOver) return
    this.#timer.cancel()
    const seconds = properties.serverKeepAlive ?? this.#options.keepAliveSeconds
    if (seconds > 0) this.#pingLater(seconds * 500)
    logger.info('mqtt_bridge_connected', { bridge: name, version: this.version, isPresent })
    onConnected()
    this.#openGate(gates.opening)
  }

  #capped(filters: readonly SideFilter[]): SideFilter[] {
    const most = this.#maximumQos
    return filters.map((each) => ({ ...each, qos: each.qos < most ? each.qos : most }))
  }

  /** Nothing heard since the last ping: it is gone. */
  #pingLater(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => {
      if (!this.#wasHeard) {
        this.end('no answer to a ping')
        return
      }
      this.#wasHeard = false
      writePingreq(this.#options.connection.outbox)
      // While packets are held back nobody can tell whether it is silent.
      if (this.#gate !== 0) this.#wasHeard = true
      this.#pingLater(delayMs)
    })
  }

  #receive(bytes: Uint8Array, length: number): void {
    this.#wasHeard = true
    this.#guard(() => this.#decoder.push(bytes, 0, length))
    if (this.isHeld && !this.#isOver) this.#options.connection.pause()
  }

  #hungUp(error?: Error): void {
    // Brokers that do not know a version hang up, some of them without a word.
    if (!this.#isConnected && error === undefined) this.#isVersionRefused = true
    this.end(error?.message ?? 'the other broker closed the connection')
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof MqttError)) throw error
      this.end(`the other broker broke the protocol: ${error.message}`)
    }
  }

  #openGate(bit: number): void {
    if ((this.#gate & bit) === 0 || this.#isOver) return
    this.#gate &= ~bit
    this.#guard(() => this.#decoder.resume())
    if (!this.isHeld) this.#options.connection.resume()
  }

  #send(dispatch: Dispatch): boolean {
    const topic = this.#options.topics.toRemote(dispatch.topic)
    if (topic === undefined || dispatch.qos > this.#maximumQos) return false
    const outgoing: Mutable<Dispatch> = (this.#outgoing ??= { ...dispatch })
    Object.assign(outgoing, dispatch)
    outgoing.topic = topic
    outgoing.ids = this.#mark
    outgoing.retain = dispatch.retain && this.#mayRetain
    const isSent = this.#sender?.send(outgoing) === true
    if (isSent) this.#options.onCarried('out')
    return isSent
  }

  #hasMark(publish: IncomingPublish): boolean {
    if (this.#mark.length === 0) return false
    const properties = publish.properties()
    return Buffer.from(properties.buffer, properties.byteOffset, properties.length).includes(
      this.#mark,
    )
  }

  /** It is not for here: the other broker is to think that it is done. */
  #takeAndDrop({ qos, id }: IncomingPublish): void {
    if (qos === 1) this.sendAck(packetTypes.puback, id)
    else if (qos === 2) this.sendAck(packetTypes.pubrec, id)
  }

  #newIncoming(session: MqttSession, client: BusClient): Incoming {
    const { clock, logger, counters, window } = this.#options
    return new Incoming({
      bus: undefined,
      client,
      session,
      clock,
      logger,
      counters,
      receiveMaximum: window,
      topicAliasMaximum: 0,
      isVersion5: this.version === 5,
      sendAck: (type, id, reasonCode) => this.sendAck(type, id, reasonCode),
      hold: (isHeld) => {
        if (isHeld) this.#gate |= gates.acks
        else this.#openGate(gates.acks)
      },
      end: (reason) => this.end(reason),
    })
  }
}

/** Topic aliases that are used towards another broker. */
const aliasesMost = 32

/**
 * Makes a session have these subscriptions and no others; resolves when that is on disk.
 * @param isRetainedSent retained messages go out, too, but for topics that are carried both ways: which is newer nobody
 *   could tell
 */
export async function subscribeAll(
  session: MqttSession,
  filters: readonly SideFilter[],
  sessions: Sessions,
  isRetainedSent: boolean,
): Promise<void> {
  for (const { filter } of session.subscriptions.values()) {
    if (!filters.some((wanted) => wanted.filter === filter)) session.unsubscribe(filter)
  }
  const answers = filters.map(({ filter, qos, isBoth }) =>
    session.subscribe(
      {
        filter,
        qos,
        noLocal: true,
        retainAsPublished: true,
        retainHandling: isRetainedSent && !isBoth ? 0 : 2,
      },
      0,
    ),
  )
  const added = answers.flatMap(({ subscription }) => subscription ?? [])
  await sessions.save(session, session.subscriptionsWith(added))
  for (const answer of answers) answer.confirm()
}
