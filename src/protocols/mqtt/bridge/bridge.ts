/**
 * A bridge to another MQTT broker: keeps a session here whether or not there is a connection, so that what is stored
 * waits in the log, and dials again and again, ever more rarely, until it is stopped (spec of the bridge:
 * docs/adr/0016-mqtt-bridge.md).
 */

import { readFile } from 'node:fs/promises'
import type { BusClient } from '../../../core/bus-client.ts'
import type { Bus } from '../../../core/bus.ts'
import type { Clock } from '../../../core/clock.ts'
import type { Logger } from '../../../core/logger.ts'
import { toBusError } from '../../../model/errors.ts'
import { dialBytes, type DialTls } from '../../../net/dial.ts'
import { FlushSchedule } from '../../../net/outbox.ts'
import type { SessionPeer } from '../delivery.ts'
import type { MqttConfig } from '../index.ts'
import type { Version } from '../packets.ts'
import type { MqttCounters } from '../counters.ts'
import type { MqttSession } from '../session.ts'
import type { SessionOwner, Sessions } from '../sessions.ts'
import { bridgeIdentity } from './bridge-identity.ts'
import { BridgeLink, type LinkEnd, subscribeAll } from './bridge-link.ts'
import { type BridgeAddress, addressOf, type BridgeConfig, bridgeName } from './bridge-settings.ts'
import { BridgeTopics } from './bridge-topics.ts'

export interface BridgeOptions {
  readonly bus: Bus
  readonly clock: Clock
  readonly logger: Logger
  readonly sessions: Sessions
  readonly counters: MqttCounters
  readonly config: MqttConfig
  readonly bridge: BridgeConfig
}

export interface BridgeStatus {
  readonly name: string
  /** Without user and password. */
  readonly address: string
  /** `waiting`: until the next attempt. */
  readonly state: 'starting' | 'connecting' | 'connected' | 'waiting' | 'stopped'
  /** Of MQTT, while connected: 3, 4 or 5. */
  readonly version: Version | undefined
  /** Why the last connection ended, or could not be had; empty: it did not. */
  readonly lastError: string
  /** Since the start of the daemon. */
  readonly connections: number
  readonly messagesIn: number
  readonly messagesOut: number
  /** Came back from where they had been sent, and were dropped. */
  readonly messagesLooped: number
}

/** Client ids that begin with it are the daemon's own. */
export const bridgeIdPrefix = '$msgbus.bridge/'

/** What is tried, in this order: version, and whether it says that it is a bridge. */
const attempts: Readonly<
  Record<BridgeConfig['version'], readonly { version: Version; isMarked: boolean }[]>
> = {
  auto: [
    { version: 5, isMarked: false },
    { version: 4, isMarked: true },
    { version: 4, isMarked: false },
  ],
  '5': [{ version: 5, isMarked: false }],
  '3.1.1': [
    { version: 4, isMarked: true },
    { version: 4, isMarked: false },
  ],
  '3.1': [
    { version: 3, isMarked: true },
    { version: 3, isMarked: false },
  ],
}

export class Bridge {
  readonly name: string
  readonly #options: BridgeOptions
  readonly #address: BridgeAddress
  readonly #topics: BridgeTopics
  readonly #clientId: string
  readonly #stopping = new AbortController()
  #link: BridgeLink | undefined
  #running: Promise<void> = Promise.resolve()
  #attempt = 0
  #failures = 0
  #wake: () => void = () => undefined
  #state: BridgeStatus['state'] = 'starting'
  #lastError = ''
  #connections = 0
  #messagesIn = 0
  #messagesOut = 0
  #messagesLooped = 0

  constructor(options: BridgeOptions) {
    this.#options = options
    const { bridge } = options
    this.name = bridgeName(bridge)
    this.#address = addressOf(bridge.url)
    this.#topics = new BridgeTopics(bridge.topics)
    this.#clientId = bridgeIdPrefix + this.name
  }

  get clientId(): string {
    return this.#clientId
  }

  /** The store is open. */
  start(): void {
    this.#running = this.#run().catch((error: unknown) => {
      this.#options.logger.error('mqtt_bridge_failed', { bridge: this.name, err: error })
    })
  }

  /** Ends the connection at once; resolves when nothing goes on any more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#link?.end('the daemon is shutting down')
    this.#wake()
    await this.#running
    this.#state = 'stopped'
  }

  status(): BridgeStatus {
    return {
      name: this.name,
      address: this.#address.shown,
      state: this.#state,
      version: this.#state === 'connected' ? this.#link?.version : undefined,
      lastError: this.#lastError,
      connections: this.#connections,
      messagesIn: this.#messagesIn,
      messagesOut: this.#messagesOut,
      messagesLooped: this.#messagesLooped,
    }
  }

  async #run(): Promise<void> {
    const { bridge } = this.#options
    // From now on nothing that is stored passes it by, connected or not.
    if (!bridge.cleanStart) await this.#register()
    while (!this.#isStopped) {
      this.#state = 'connecting'
      const end = await this.#connection()
      if (this.#isStopped) return
      this.#lastError = end.reason
      this.#log(end)
      if (end.wasConnected) this.#failures = 0
      const ways = attempts[bridge.version]
      if (end.isVersionRefused && !end.wasConnected) {
        this.#attempt = (this.#attempt + 1) % ways.length
        // The other ways are tried at once, before it is called a failure.
        if (this.#attempt !== 0) continue
      }
      this.#state = 'waiting'
      await this.#pause()
    }
  }

  /** One connection, from dialling to its end. Never rejects. */
  async #connection(): Promise<LinkEnd> {
    const { bridge, bus, config, clock } = this.#options
    const timeout = new AbortController()
    const timer = clock.after(config.connectTimeoutMs, () => timeout.abort())
    try {
      const [tls, password] = await Promise.all([this.#tls(), this.#password()])
      const { target, userName } = this.#address
      const connection = await dialBytes({
        target,
        tls,
        schedule: new FlushSchedule(),
        highBytes: config.outboxBytes,
        signal: AbortSignal.any([timeout.signal, this.#stopping.signal]),
      })
      const way = attempts[bridge.version][this.#attempt] ?? { version: 5, isMarked: false }
      this.#link = new BridgeLink({
        ...this.#options,
        ...way,
        connection,
        name: this.name,
        topics: this.#topics,
        clientId: bridge.clientId ?? `msgbus-${bus.node.deviceId}-${this.name}`,
        userName: bridge.userName ?? userName,
        password,
        cleanStart: bridge.cleanStart,
        keepAliveSeconds: bridge.keepAliveSeconds,
        loopMark: bridge.loopMark ? bus.status().epoch : undefined,
        connectTimeoutMs: config.connectTimeoutMs,
        maxPacketBytes: config.maxPacketBytes,
        window: config.window,
        open: (owner) => this.#openSession(owner),
        join: (session) => this.#join(session),
        onConnected: () => {
          this.#state = 'connected'
          this.#connections += 1
          this.#lastError = ''
        },
        onCarried: (direction) => {
          if (direction === 'in') this.#messagesIn += 1
          else this.#messagesOut += 1
        },
        onLoop: () => (this.#messagesLooped += 1),
      })
      // It may have been stopped while the connection was being made.
      if (this.#isStopped) this.#link.end('the daemon is shutting down')
      return await this.#link.ended
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return { reason, wasConnected: false, isVersionRefused: false }
    } finally {
      timer.cancel()
      this.#link = undefined
    }
  }

  async #openSession(owner: SessionOwner): Promise<MqttSession> {
    const { sessions, bridge } = this.#options
    const { cleanStart } = bridge
    const { session } = await sessions.open(
      {
        clientId: this.#clientId,
        cleanStart,
        expirySeconds: cleanStart ? 0 : Infinity,
        isOwned: false,
      },
      owner,
    )
    return session
  }

  #join(session: MqttSession): BusClient {
    const identity = bridgeIdentity(this.name)
    return this.#options.bus.connect(identity, {
      name: session.name,
      replace: true,
      inbox: session,
      protocol: 'mqtt',
      transport: 'bridge',
      source: this.#address.shown,
      slowReader: 'drop-newest',
    })
  }

  /** Makes the session be there, with what is configured now, and leaves it alone again. */
  async #register(): Promise<void> {
    const { sessions } = this.#options
    const owner: SessionOwner = {
      version: 5,
      will: undefined,
      identity: bridgeIdentity(this.name),
      takenOver: () => undefined,
    }
    const session = await this.#openSession(owner)
    const client = this.#join(session)
    try {
      session.attach(nobody, client)
      await subscribeAll(session, this.#topics.localFilters(), sessions, false)
    } finally {
      await sessions.ended(session, owner, 'disconnected')
      client.close()
    }
  }

  /** Ever longer, up to the longest, and never the same for two bridges. */
  async #pause(): Promise<void> {
    const { bridge, clock } = this.#options
    const step = bridge.backOffMinMs * 2 ** Math.min(this.#failures, 20)
    this.#failures += 1
    const delayMs = Math.min(bridge.backOffMaxMs, step) * (0.5 + Math.random() / 2)
    await new Promise<void>((resolve) => {
      const timer = clock.after(delayMs, resolve)
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
      if (this.#isStopped) this.#wake()
    })
  }

  /** Read anew for each connection, so that renewed certificates are used. */
  async #tls(): Promise<DialTls | undefined> {
    if (!this.#address.isSecure) return undefined
    const { ca, cert, key, domain } = this.#options.bridge.tls
    return {
      ca: await contentOf(ca),
      cert: await contentOf(cert),
      key: await contentOf(key),
      serverName: domain,
    }
  }

  async #password(): Promise<string | undefined> {
    const { password, passwordFile } = this.#options.bridge
    if (passwordFile === undefined) return password ?? this.#address.password
    return (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '')
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted
  }

  #log({ reason, wasConnected }: LinkEnd): void {
    const { logger } = this.#options
    const fields = { bridge: this.name, address: this.#address.shown, reason }
    // Said once, and then again whenever it has been connected in between.
    if (wasConnected || this.#failures === 0) logger.warn('mqtt_bridge_down', fields)
    else logger.debug('mqtt_bridge_down', fields)
  }
}

async function contentOf(path: string | undefined): Promise<Buffer | undefined> {
  return path === undefined ? undefined : readFile(path)
}

/** The other side of a session while there is no connection: takes nothing. */
const nobody: SessionPeer = {
  sender: { send: () => true },
  receiveMaximum: 0,
  isFull: true,
  queuedBytes: 0,
  sendAck: () => undefined,
  pauseReading: () => undefined,
  resumeReading: () => undefined,
  endedByBus: () => undefined,
}

/** All bridges of the daemon. */
export class Bridges {
  readonly #bridges: readonly Bridge[]
  readonly #options: Omit<BridgeOptions, 'bridge'>
  readonly #stopWaiting: () => void
  readonly #stopWatching: () => void
  #stopped: Promise<void> | undefined

  constructor(options: Omit<BridgeOptions, 'bridge'>) {
    this.#options = options
    const { bus, config } = options
    this.#bridges = config.bridges.map((bridge) => new Bridge({ ...options, bridge }))
    this.#stopWaiting = bus.store === undefined ? bus.onOpen(() => this.#start()) : () => undefined
    // While everybody is still there, so that sessions find the store open.
    this.#stopWatching = bus.onShutdown(() => void this.stop())
    if (bus.store !== undefined) this.#start()
  }

  status(): BridgeStatus[] {
    return this.#bridges.map((bridge) => bridge.status())
  }

  /** May be called twice. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop())
  }

  async #stop(): Promise<void> {
    this.#stopWaiting()
    this.#stopWatching()
    await Promise.all(this.#bridges.map((bridge) => bridge.stop()))
  }

  #start(): void {
    this.#forgetOthers().catch((error: unknown) => {
      this.#options.logger.warn('mqtt_session_not_saved', { reason: toBusError(error).reason })
    })
    for (const bridge of this.#bridges) bridge.start()
  }

  /** Bridges that are configured no more need nothing of the log. */
  async #forgetOthers(): Promise<void> {
    const { sessions } = this.#options
    await sessions.prepare()
    const ids = new Set(this.#bridges.map(({ clientId }) => clientId))
    for (const clientId of sessions.absentIds()) {
      if (clientId.startsWith(bridgeIdPrefix) && !ids.has(clientId)) await sessions.remove(clientId)
    }
  }
}
