/**
 * Messages on their way to the one connection that a session has: each with the smaller QoS, those of QoS 1 and 2 with a
 * place in the window. What finds no room waits: stored messages in the log, which the bus is told, others here.
 * It ends with the connection.
 */

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
  readonly sender: Sender
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
interface Waiting {
  readonly message: KeptMessage
  readonly terms: Terms
}

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
  /** The store failed. */
  readonly onError: (error: unknown) => void
}

/** Messages that no log has and that may wait for room in the window; more are dropped and counted. */
const waitingMost = 1_000
/** Of so small a window every place is used at once. */
const smallWindow = 20

export class Delivery {
  readonly client: BusClient
  readonly peer: SessionPeer
  readonly #options: DeliveryOptions
  readonly #context: SessionContext
  readonly #window: Window
  readonly #retained: RetainedSending
  /** Undefined when everything was sent again. */
  #resending: Resending | undefined
  readonly #waiting: Waiting[] = []
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
        context.counters.messagesDropped += 1
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
    this.#context.counters.messagesDropped += this.#waiting.length
    this.#waiting.length = 0
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
    while (this.#waiting.length > 0 && this.#hasWindow) {
      const next = this.#waiting.shift()
      if (next !== undefined) this.#sendWaiting(next)
    }
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
      const terms: Terms = { qos: qos === 2 ? 2 : 1, ids, retain, group }
      // What is stored does not come while there is no room: the bus was told to hold it.
      if (this.#hasWindow) this.#sendNew(publication, terms, left)
      else this.#wait({ message: keep(publication), terms })
      return true
    }
    if (this.peer.isFull && sequence === 0) this.#context.counters.messagesDropped += 1
    else this.#send(publication, 0, 0, ids, retain, left)
    return false
  }

  /** A message of QoS 1 or 2 for which there is room. */
  #sendNew(publication: Publication, terms: Terms, left: number): void {
    const { sequence, topic } = publication
    const mustWait = terms.qos === 2 && this.#options.isDurable()
    const message = sequence === 0 || mustWait ? keep(publication) : undefined
    const kept = sequence === 0 ? message : undefined
    const inFlight = this.#take({ ...terms, sequence, topic: topic.name, message: kept })
    if (message === undefined || !mustWait) {
      this.#send(publication, terms.qos, inFlight.id, terms.ids, terms.retain, left)
    } else this.#sendWhenNoted(message, inFlight)
  }

  /** A message of QoS 1 or 2 that is in no log. */
  #sendUnstored(message: KeptMessage, terms: Terms): void {
    const topic = Buffer.from(message.topic).toString()
    const inFlight = this.#take({ ...terms, sequence: 0, topic, message })
    this.#sendWhenNoted(message, inFlight)
  }

  #sendWhenNoted(message: KeptMessage, inFlight: InFlight): void {
    const send = () => {
      if (!this.#isOver) this.#sendKept(message, inFlight, false)
    }
    if (inFlight.qos === 2 && this.#options.isDurable()) this.#options.noted.add(send)
    else send()
  }

  /** Gives a message an identifier and a place in the window. */
  #take(message: Omit<InFlight, 'id' | 'isReleased'>): InFlight {
    const inFlight = this.#window.add(message)
    this.#options.onChange()
    // At once: what is stored next must not come.
    if (!this.#hasWindow) this.client.live.holdStored(true)
    return inFlight
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
    const dispatch: Dispatch = {
      qos,
      duplicate: false,
      retain,
      topic: topic.bytes,
      id,
      passedOn: this.#context.properties.of(headers),
      ids,
      secondsLeft: left,
      bytes,
      start,
      end,
    }
    this.#sent(this.peer.sender.send(dispatch, publication), dispatch)
  }

  #sendKept(message: KeptMessage, inFlight: InFlight, duplicate: boolean): void {
    const { payload, topic, headers } = message
    const { qos, id, ids, retain } = inFlight
    const left = secondsLeft(headers, this.#context.clock.now())
    const dispatch: Dispatch = {
      qos,
      duplicate,
      retain,
      topic,
      id,
      passedOn: this.#context.properties.of(headers),
      ids,
      // A handshake that has begun is completed, whatever became of its message meanwhile.
      secondsLeft: left === 0 ? 1 : left,
      bytes: payload,
      start: 0,
      end: payload.length,
    }
    this.#sent(this.peer.sender.send(dispatch), dispatch)
  }

  #sent(isSent: boolean, { id, topic, start, end }: Dispatch): void {
    if (isSent) {
      const { live } = this.client
      live.sentFrames += 1
      live.sentBytes += topic.length + end - start
      return
    }
    // Larger than the client takes: counts as delivered.
    this.#context.counters.messagesDropped += 1
    if (id > 0) this.done(this.#window.delete(id))
  }

  #sendRetained(retained: RetainedMessage, subscription: Subscription): void {
    const { topic, payload, headers } = retained
    const left = secondsLeft(headers, this.#context.clock.now())
    if (left === 0) {
      this.#context.forgetRetained(topic)
      return
    }
    const message = { topic: Buffer.from(topic), payload, headers }
    const ids = encodeIds([subscription.id])
    const qos = Math.min(qosOf(headers, true), subscription.qos)
    if (qos !== 0) {
      const terms: Terms = { qos: qos === 2 ? 2 : 1, ids, retain: true, group: undefined }
      this.#sendUnstored(message, terms)
      return
    }
    const dispatch: Dispatch = {
      qos: 0,
      duplicate: false,
      retain: true,
      topic: message.topic,
      id: 0,
      passedOn: this.#context.properties.of(headers),
      ids,
      secondsLeft: left,
      bytes: payload,
      start: 0,
      end: payload.length,
    }
    this.#sent(this.peer.sender.send(dispatch), dispatch)
  }

  #wait(message: Waiting): void {
    if (this.#waiting.length < waitingMost) this.#waiting.push(message)
    else this.#context.counters.messagesDropped += 1
  }

  #sendWaiting({ message, terms }: Waiting): void {
    if (secondsLeft(message.headers, this.#context.clock.now()) === 0) return
    this.#sendUnstored(message, terms)
  }

  get #hasWindow(): boolean {
    return this.#resending === undefined && this.#window.size < this.peer.receiveMaximum
  }
}
