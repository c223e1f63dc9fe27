/**
 * One WAMP session (spec/wamp 3): somebody who has joined a realm. It is the session's client on the bus and the inbox
 * of that client; what a message means is the business of the realm's broker and dealer. It ends before or with its
 * connection.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Inbox, Publication } from '../../core/live.ts'
import type { BusError } from '../../model/errors.ts'
import { messageTypes } from '../../wire/wamp/message-types.ts'
import type { HelloMessage, RouterMessage } from '../../wire/wamp/messages.ts'
import { encodePayload } from '../../wire/wamp/payload.ts'
import type { Serializer } from '../../wire/wamp/serializer.ts'
import type { WampArgs, WampDict, WampKwargs } from '../../wire/wamp/value.ts'
import type { Principal } from './authenticator.ts'
import { PublishLane } from './publish-lane.ts'
import type { Realm } from './realm.ts'
import type { Replay } from './replay.ts'
import type { Subscription } from './subscription-table.ts'
import { errorUris, textOf, uriOfError, type WampError } from './translate-error.ts'

/** What a session needs of its connection. */
export interface SessionPeer {
  readonly serializer: Serializer
  readonly transport: TransportInfo
  /** Above the soft mark: nothing that can be dropped or read again later is to be queued. */
  readonly isFull: boolean
  readonly queuedBytes: number
  /** Resolves when there is room again, or the connection is over. */
  room(): Promise<void>
  /** False: it is larger than what the client takes, and was not sent. */
  send(message: RouterMessage): boolean
  /** A message encoded in the client's serializer; false as `send`. */
  sendEncoded(bytes: Uint8Array, start: number, end: number): boolean
  /** Ends the session with GOODBYE; the connection follows when the client has answered. */
  goodbye(reason: string, message?: string): void
  /** Ends session and connection with ABORT. */
  abort(reason: string, message: string): void
  pauseReading(): void
  resumeReading(): void
}

/** As meta procedures tell it (spec/wamp 10). */
export interface TransportInfo {
  /** `websocket` or `rawsocket`. */
  readonly type: string
  /** Sub-protocol, or name of the serializer. */
  readonly protocol: string
  /** `ip:port`; `unix` where there is none. */
  readonly peer: string
}

export type ClientRole = 'publisher' | 'subscriber' | 'caller' | 'callee'

export class WampSession implements Inbox {
  readonly id: number
  readonly realm: Realm
  readonly principal: Principal
  /** Of HELLO. */
  readonly details: WampDict
  readonly joinedAtMs: number
  readonly peer: SessionPeer
  /** The session on the bus: what it may do, and under whose name, is decided there. */
  readonly client: BusClient
  /** Publications on their way to the store. */
  readonly lane: PublishLane
  /** Stands for the session in what is stored; the id is for those only to whom it is disclosed. */
  readonly token = crypto.randomUUID().slice(-12)
  /** What is being sent to it of the past, or was, by subscription. */
  readonly replays = new Map<Subscription, Replay>()
  /** Events that were not delivered because it did not read. */
  droppedEvents = 0
  isOver = false
  /** Nobody is told that it leaves, and it leaves nothing behind: everybody is sent away at once. */
  leavesQuietly = false
  readonly #features: ReadonlySet<string>

  constructor(options: {
    readonly id: number
    readonly realm: Realm
    readonly principal: Principal
    readonly hello: HelloMessage
    readonly joinedAtMs: number
    readonly peer: SessionPeer
    readonly connect: (inbox: Inbox) => BusClient
  }) {
    this.id = options.id
    this.realm = options.realm
    this.principal = options.principal
    this.details = options.hello.details
    this.joinedAtMs = options.joinedAtMs
    this.peer = options.peer
    this.#features = featuresOf(this.details)
    this.client = options.connect(this)
    this.lane = new PublishLane(this.client, (isHeld) => {
      if (isHeld) this.peer.pauseReading()
      else this.peer.resumeReading()
    })
  }

  get serializer(): Serializer {
    return this.peer.serializer
  }

  /** Name and version that the client gave; undefined: none. */
  get agent(): string | undefined {
    const agent = this.details.get('agent')
    return typeof agent === 'string' ? agent : undefined
  }

  /** Whether the client announced a feature of one of its roles. */
  has(role: ClientRole, feature: string): boolean {
    return this.#features.has(`${role}.${feature}`)
  }

  /** False: it is larger than what the client takes, and was not sent. After the end nothing is sent. */
  send(message: RouterMessage): boolean {
    return this.isOver || this.peer.send(message)
  }

  /** Answers a request with an error. */
  sendError(
    requestType: number,
    request: number,
    error: string,
    args: WampArgs = [],
    kwargs?: WampKwargs,
  ): void {
    const { error: type } = messageTypes
    const payload = encodePayload(this.serializer, args, kwargs)
    this.send({ type, requestType, request, details: {}, error, payload })
  }

  /** Answers a request with what the bus, or a part of the router, says. */
  fail(requestType: number, request: number, error: BusError | WampError): void {
    this.sendError(requestType, request, uriOfError(error), [textOf(error)])
  }

  // From the bus

  message(): void {
    // It has no name, so nobody can send to it.
  }

  broadcast(): void {
    // As `message`.
  }

  publication(publication: Publication): void {
    if (!this.isOver) this.realm.broker.deliver(this, publication)
  }

  pause(): void {
    this.peer.pauseReading()
  }

  resume(): void {
    this.peer.resumeReading()
  }

  get queuedBytes(): number {
    return this.peer.queuedBytes
  }

  end(error: BusError): void {
    if (error.reason === 'shutting_down') this.peer.goodbye(errorUris.systemShutdown, error.message)
    else if (error.reason === 'slow_client')
      this.peer.abort(errorUris.networkFailure, error.message)
    else this.peer.goodbye(errorUris.killed, error.message)
  }
}

/** `role.feature` for each that is announced with true. */
function featuresOf(details: WampDict): ReadonlySet<string> {
  const found = new Set<string>()
  const roles = details.get('roles')
  if (!(roles instanceof Map)) return found
  for (const [role, about] of roles) {
    const features: unknown = about instanceof Map ? about.get('features') : undefined
    if (typeof role !== 'string' || !(features instanceof Map)) continue
    for (const [feature, isThere] of features) {
      if (typeof feature === 'string' && isThere === true) found.add(`${role}.${feature}`)
    }
  }
  return found
}
