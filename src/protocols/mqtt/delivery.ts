/**
 * Messages on their way to the one connection that a session has: each with the smaller QoS, those of QoS 1 and 2 with a
 * place in the window. What finds no room waits: stored messages in the log, which the bus is told, others here.
 * It ends with the connection.
 */

import { copyOf } from '../../base/copy-of.ts'
import type { BusClient } from '../../core/bus-client.ts'
import type { Publication } from '../../core/live.ts'
import type { RetainedMessage } from '../../core/retained-messages.ts'
import type { BusError } from '../../model/errors.ts'
import { keep, type KeptMessage } from './kept-message.ts'
import { qosOf, secondsLeft } from './message-properties.ts'
import type { NotedTasks } from './noted-tasks.ts'
import { type AckType, packetTypes, type Qos } from './packets.ts'
import { Resending } from './resending.ts'
import { RetainedSending } from './retained-sending.ts'
import type { Dispatch, Sender } from './sender.ts'
import type { SessionContext } from './session-context.ts'
import { encodeIds, type Subscription } from './subscriptions.ts'
import type { InFlight, Window } from './window.ts'

/** The connection of a session, as the session sees it. */
export interface SessionPeer {
  readonly sender: Pick<Sender, 'send'>
  /** Messages of QoS 1 and 2 that may be under way to it. */
  readonly receiveMaximum: number
  /** It does not read: nothing of QoS 0 goes to it. */
  readonly isFull: boolean
  /** Unsent bytes. */
  readonly queuedBytes: number
  /** Sends PUBACK, PUBREC, PUBREL or PUBCOMP. */
  sendAck(type: AckType, id: number, reasonCode?: number): void
  pauseReading(): void
  resumeReading(): void
  /** The daemon ends it. */
  endedByBus(error: BusError): void
}

/** What a message is sent with. */
interface Terms {
  readonly qos: 1 | 2
  readonly ids: Uint8Array
  readonly retain: boolean
  readonly group: string | undefined
}

/** A message of QoS 1 or 2 that no log has and for which there is no room now. */
interface Waiting extends KeptMessage, Terms {
  readonly topicName: string
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface DeliveryOptions {
  readonly context: SessionContext
  readonly peer: SessionPeer
  readonly client: BusClient
  readonly window: Window
  /** What has to wait for a note of the window. */
  readonly noted: NotedTasks
  readonly isDurable: () => boolean
  /** The window has changed. */
  readonly onChange: () => void
  /** There is room for what groups have. */
  readonly onRoom: () => void
  /** A message that no log has found no room, though its publisher was acknowledged: a rule says so of its topic. */
  readonly onDropped: () => void
  /** The store failed. */
  readonly onError: (error: unknown) => void
}

/** Messages that no log has and that may wait for room in the window; more are dropped and counted. */
const waitingMost = 1_000
/** Of so small a window every place is used at once. */
const smallWindow = 20

const nothing = new Uint8Array(0)
/** What is being sent: one object for all, since a sender is done with it when it returns. */
const dispatch: Mutable<Dispatch> = {
  qos: 0,
  duplicate: false,
  retain: false,
  topic: nothing,
  id: 0,
  passedOn: nothing,
  ids: nothing,
  secondsLeft: -1,
  bytes: nothing,
  start: 0,
  end: 0,
}

export class Delivery {
  readonly client: BusClient
  readonly peer: SessionPeer
  readonly #options: DeliveryOptions
  readonly #context: SessionContext
  readonly #window: Window
  readonly #retained: RetainedSending
  /** Undefined when everything was sent again. */
  #resending: Resending | undefined
  #waiting: Waiting[] = []
  /** How many of them have left; they go in one piece, since taking the first of a long list moves all others. */
  #waited = 0
  #isPumping = false
  #isOver = false

  constructor(options: DeliveryOptions) {
    const { context, peer, client, window, onError } = options
    this.#options = options
    this.#context = context
    this.#window = window
    this.client = client
    this.peer = peer
    this.#retained = new RetainedSending({
      hasRoom: () => !this.#isOver && !peer.isFull && this.#hasWindow,
      send: (message, subscription) => this.#sendRetained(message, subscription),
    })
    this.#resending = new Resending({
      window,
      receiveMaximum: peer.receiveMaximum,
      read: (inFlight) => context.readAgain(inFlight),
      sendAgain: (message, inFlight) => this.#sendKept(message, inFlight, true),
      releaseAgain: (id) => peer.sendAck(packetTypes.pubrel, id),
      onLost: (inFlight) => {
        context.counters.dropped.not_stored_any_more += 1
        this.done(inFlight)
      },
      onDone: () => {
        this.#resending = undefined
        this.pump()
      },
      onError,
    })
    // Until everything was sent again.
    client.live.holdStored(true)
  }

  /** The connection has ended. */
  stop(): void {
    this.#isOver = true
    this.#retained.stop()
    this.#resending?.stop()
    this.#context.counters.dropped.connection_lost += this.#waiting.length - this.#waited
    this.#waiting = []
    this.#waited = 0
  }

  /** Whether a message of this QoS can leave now. */
  hasRoomFor(qos: Qos): boolean {
    return !this.peer.isFull && (qos === 0 || this.#hasWindow)
  }

  /** Retained messages for a new subscription, instead of those that it was still to get. */
  sendRetained(messages: readonly Iterable<RetainedMessage>[], subscription: Subscription): void {
    this.cancelRetained(subscription.filter)
    for (const each of messages) this.#retained.add(each, subscription)
  }

  /** A subscription that is not there any more gets no more of them. */
  cancelRetained(filter: string): void {
    this.#retained.cancel(filter)
  }

  /** A message is done: there may be room for others. */
  done(inFlight: InFlight | undefined): void {
    if (inFlight === undefined) return
    this.#options.onChange()
    if (inFlight.group !== undefined) this.#context.groups.settled(inFlight)
    this.pump()
  }

  /** Sends what there is room for: first what is sent again, then what waits here, then what is retained or stored. */
  pump(): void {
    if (this.#isOver || this.#isPumping) return
    this.#resending?.resume()
    if (this.#resending !== undefined) return
    this.#isPumping = true
    while (this.#waited < this.#waiting.length && this.#hasWindow) this.#sendNextWaiting()
    this.#retained.resume()
    this.#isPumping = false
    // Not with every acknowledgement: each time the log is read anew. The rest of a large window is used with the tick.
    const { receiveMaximum } = this.peer
    const isHalfFree = this.#window.size <= receiveMaximum / 2
    if (isHalfFree || receiveMaximum <= smallWindow) this.useRoom()
    if (this.#hasWindow) this.#options.onRoom()
  }

  /** Lets stored messages come if there is any room for them. */
  useRoom(): void {
    if (this.#hasWindow) this.client.live.holdStored(false)
  }

  /**
   * Takes a publication; `granted` is the QoS of its subscription. Answers whether it is under way now, to be
   * acknowledged.
   */
  offer(
    publication: Publication,
    granted: Qos,
    ids: Uint8Array,
    retain: boolean,
    group: string | undefined,
  ): boolean {
    const { headers, sequence, isAcknowledged } = publication
    // Most messages have no headers, and need no clock.
    const left = headers.size === 0 ? -1 : secondsLeft(headers, this.#context.clock.now())
    if (left === 0) return false
    const qos = Math.min(qosOf(headers, isAcknowledged), granted)
    if (qos !== 0) {
      const acknowledged = qos === 2 ? 2 : 1
      // What is stored does not come while there is no room: the bus was told to hold it.
      if (this.#hasWindow) this.#sendNew(publication, acknowledged, ids, retain, group, left)
      else this.#wait(publication, { qos: acknowledged, ids, retain, group })
      return true
    }
    if (this.peer.isFull && sequence === 0) this.#context.counters.dropped.slow_reader += 1
    else this.#send(publication, 0, 0, ids, retain, left)
    return false
  }

  /** A message of QoS 1 or 2 for which there is room. */
  #sendNew(
    publication: Publication,
    qos: 1 | 2,
    ids: Uint8Array,
    retain: boolean,
    group: string | undefined,
    left: number,
  ): void {
    const { sequence, topic } = publication
    const isDurable = this.#options.isDurable()
    const mustWait = qos === 2 && isDurable
    // What no log has is kept where it can be sent again: not for a session that ends with its connection.
    const isKept = sequence === 0 && (isDurable || group !== undefined)
    const kept = isKept || mustWait ? keep(publication) : undefined
    const message = isKept ? kept : undefined
    const id = this.#window.nextId()
    const inFlight: InFlight = {
      id,
      qos,
      sequence,
      topic: topic.name,
      message,
      retain,
      ids,
      isReleased: false,
      group,
    }
    this.#take(inFlight)
    if (mustWait && kept !== undefined) this.#sendWhenNoted(kept, inFlight)
    else this.#send(publication, qos, id, ids, retain, left)
  }

  /** A message of QoS 1 or 2 that is in no log. */
  #sendUnstored(message: KeptMessage, topic: string, terms: Terms): void {
    const { qos, retain, ids, group } = terms
    const isKept = this.#options.isDurable() || group !== undefined
    const inFlight: InFlight = {
      id: this.#window.nextId(),
      qos,
      sequence: 0,
      topic,
      message: isKept ? message : undefined,
      retain,
      ids,
      isReleased: false,
      group,
    }
    this.#take(inFlight)
    this.#sendWhenNoted(message, inFlight)
  }

  #sendWhenNoted(message: KeptMessage, inFlight: InFlight): void {
    if (inFlight.qos === 1 || !this.#options.isDurable()) {
      this.#sendKept(message, inFlight, false)
      return
    }
    this.#options.noted.add(() => {
      if (!this.#isOver) this.#sendKept(message, inFlight, false)
    })
  }

  /** Gives a message its place in the window. */
  #take(inFlight: InFlight): void {
    this.#window.add(inFlight)
    this.#options.onChange()
    // At once: what is stored next must not come.
    if (!this.#hasWindow) this.client.live.holdStored(true)
  }

  #send(
    publication: Publication,
    qos: Qos,
    id: number,
    ids: Uint8Array,
    retain: boolean,
    left: number,
  ): void {
    const { topic, headers, bytes, start, end } = publication
    dispatch.qos = qos
    dispatch.duplicate = false
    dispatch.retain = retain
    dispatch.topic = topic.bytes
    dispatch.id = id
    dispatch.passedOn = this.#context.properties.of(headers)
    dispatch.ids = ids
    dispatch.secondsLeft = left
    dispatch.bytes = bytes
    dispatch.start = start
    dispatch.end = end
    this.#dispatch(publication)
  }

  #sendKept({ payload, topic, headers }: KeptMessage, inFlight: InFlight, duplicate: boolean) {
    const left = headers.size === 0 ? -1 : secondsLeft(headers, this.#context.clock.now())
    dispatch.qos = inFlight.qos
    dispatch.duplicate = duplicate
    dispatch.retain = inFlight.retain
    dispatch.topic = topic
    dispatch.id = inFlight.id
    dispatch.passedOn = this.#context.properties.of(headers)
    dispatch.ids = inFlight.ids
    // A handshake that has begun is completed, whatever became of its message meanwhile.
    dispatch.secondsLeft = left === 0 ? 1 : left
    dispatch.bytes = payload
    dispatch.start = 0
    dispatch.end = payload.length
    this.#dispatch(undefined)
  }

  #dispatch(publication: Publication | undefined): void {
    const { id, topic, start, end } = dispatch
    if (this.peer.sender.send(dispatch, publication)) {
      const { live } = this.client
      this.#context.counters.sent[dispatch.qos] += 1
      live.sentFrames += 1
      live.sentBytes += topic.length + end - start
      return
    }
    // Larger than the client takes: counts as delivered.
    this.#context.counters.dropped.too_large += 1
    if (id > 0) this.done(this.#window.delete(id))
  }

  #sendRetained(retained: RetainedMessage, subscription: Subscription): void {
    const { topic, payload, headers } = retained
    const left = secondsLeft(headers, this.#context.clock.now())
    if (left === 0) {
      this.#context.forgetRetained(topic)
      return
    }
    const name = Buffer.from(topic)
    const ids = encodeIds([subscription.id])
    const qos = Math.min(qosOf(headers, true), subscription.qos)
    if (qos !== 0) {
      const terms: Terms = { qos: qos === 2 ? 2 : 1, ids, retain: true, group: undefined }
      this.#sendUnstored({ topic: name, payload, headers }, topic, terms)
      return
    }
    dispatch.qos = 0
    dispatch.duplicate = false
    dispatch.retain = true
    dispatch.topic = name
    dispatch.id = 0
    dispatch.passedOn = this.#context.properties.of(headers)
    dispatch.ids = ids
    dispatch.secondsLeft = left
    dispatch.bytes = payload
    dispatch.start = 0
    dispatch.end = payload.length
    this.#dispatch(undefined)
  }

  #wait(publication: Publication, { qos, ids, retain, group }: Terms): void {
    if (this.#waiting.length - this.#waited >= waitingMost) {
      this.#context.counters.dropped.window_full += 1
      this.#options.onDropped()
      return
    }
    const { topic, bytes, start, end, headers } = publication
    this.#waiting.push({
      topic: topic.bytes,
      payload: copyOf(bytes, start, end),
      headers,
      topicName: topic.name,
      qos,
      ids,
      retain,
      group,
    })
  }

  #sendNextWaiting(): void {
    const next = this.#waiting[this.#waited++]
    if (this.#waited === this.#waiting.length) {
      this.#waiting.length = 0
      this.#waited = 0
    } else if (this.#waited >= waitingMost) {
      this.#waiting = this.#waiting.slice(this.#waited)
      this.#waited = 0
    }
    if (next === undefined) return
    const { headers, topicName } = next
    if (headers.size > 0 && secondsLeft(headers, this.#context.clock.now()) === 0) return
    this.#sendUnstored(next, topicName, next)
  }

  get #hasWindow(): boolean {
    return this.#resending === undefined && this.#window.size < this.peer.receiveMaximum
  }
}
