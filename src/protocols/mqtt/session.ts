/**
 * One MQTT session (spec/mqtt 5 to 7): subscriptions, what was sent and is not done, identifiers of QoS 2 that were
 * received. It outlives the connection when its client asked for that; then it is a place in the commit order and a
 * small window, not a queue. It knows no socket, only the peer it sends to while there is one.
 *
 * What must be on disk before something is sent, is (spec/mqtt 14): a message of QoS 2 goes out after the note that
 * it has this identifier, PUBREL after the note of PUBREC. Of QoS 1 the notes may be a second old.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Inbox, Publication } from '../../core/live.ts'
import type { NoteChange } from '../../core/log-store.ts'
import type { RetainedMessage } from '../../core/retained-messages.ts'
import { BusError } from '../../model/errors.ts'
import { levelFilter } from '../../model/level-filter.ts'
import { parseFilter } from './filters.ts'
import { keep, type KeptMessage } from './kept-message.ts'
import { OutgoingProperties, qosOf, secondsLeft, wasRetained } from './message-properties.ts'
import {
  type AckType,
  packetTypes,
  type Qos,
  reasonCodes,
  type SubscriptionRequest,
} from './packets.ts'
import type { Sender } from './sender.ts'
import type { SessionContext } from './session-context.ts'
import { encodeIds, type Subscription, Subscriptions, type TopicView } from './subscriptions.ts'
import { reasonOfError } from './translate.ts'
import { type InFlight, Window } from './window.ts'

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

/** A message of QoS 1 or 2 that no log has and for which there is no room now. */
interface Waiting {
  readonly message: KeptMessage
  readonly qos: 1 | 2
  readonly ids: Uint8Array
  readonly retain: boolean
}

/** Messages that no log has and that may wait for room in the window; more are dropped and counted. */
const waitingMost = 1_000
/** Retained messages sent in one turn. */
const retainedPerTurn = 100

export class MqttSession implements Inbox {
  readonly clientId: string
  /** Its name on the bus. */
  readonly name: string
  readonly subscriptions = new Subscriptions()
  readonly window = new Window()
  /** Identifiers of QoS 2 that were received and not released. */
  readonly received = new Set<number>()
  /** Seconds it is kept without a connection; 0: it ends with the connection, Infinity: for ever. */
  expirySeconds = 0
  /** Place in the commit order up to which everything has been looked at, as of the last save or detach. */
  position = 0
  /** Sent something, or was answered, since it was saved. */
  isChanged = false
  readonly #context: SessionContext
  readonly #properties = new OutgoingProperties()
  #client: BusClient | undefined
  #peer: SessionPeer | undefined
  #waiting: Waiting[] = []
  /** Sent again one by one, as there is room; undefined when done. */
  #resending: { readonly queue: InFlight[]; readonly done: () => void } | undefined
  /** Retained messages on their way to new subscriptions. */
  readonly #retained: { readonly messages: Iterator<RetainedMessage>; readonly view: TopicView }[] =
    []
  #isPumping = false
  /** Its filters are set up: the bus knows how far it has got. */
  #isJoined = false
  /** Run once what is noted now is on disk. */
  #afterNote: (() => void)[] = []
  #isNoting = false

  constructor(clientId: string, context: SessionContext) {
    this.clientId = clientId
    this.name = `mqtt.${clientId}`
    this.#context = context
  }

  /** It is kept without a connection, so it must be on disk. */
  get isDurable(): boolean {
    return this.expirySeconds > 0
  }

  get isConnected(): boolean {
    return this.#peer !== undefined
  }

  get queuedBytes(): number {
    return this.#peer?.queuedBytes ?? 0
  }

  // From its connection

  /**
   * A connection takes it over: what is not done is sent again, then it is joined to the bus and continues where it
   * was. Resolves when it takes part again.
   */
  async attach(peer: SessionPeer, client: BusClient): Promise<void> {
    this.#peer = peer
    this.#client = client
    await this.#resend()
    if (this.#peer !== peer) return
    for (const subscription of this.subscriptions.values()) this.#join(subscription)
    if (this.position > 0 && this.subscriptions.size > 0) client.live.continueAfter(this.position)
    this.#isJoined = true
    this.#checkRoom()
  }

  /** A subscription that was kept; it counts once the session is attached. */
  restore(subscription: Subscription): void {
    const parsed = parseFilter(subscription.filter)
    this.subscriptions.set(subscription, parsed?.group === undefined ? parsed?.filter : undefined)
  }

  /** The connection is gone. Returns what was under way for groups of shared subscriptions. */
  detach(): InFlight[] {
    this.#notePosition()
    this.#isJoined = false
    this.#peer = undefined
    this.#client = undefined
    this.#retained.length = 0
    this.#waiting = []
    this.#resending = undefined
    this.isChanged = true
    for (const { filter } of this.subscriptions.values()) this.#context.groups.leave(filter, this)
    const shared = [...this.window.values()].filter(
      ({ group, qos }) => group !== undefined && qos === 1,
    )
    for (const { id } of shared) this.window.delete(id)
    return shared
  }

  /**
   * Answers one request of a SUBSCRIBE with its reason code; the caller makes the change last.
   * @param retained called for the retained messages it asks for; to be sent after SUBACK
   */
  subscribe(request: SubscriptionRequest, id: number): { code: number; retained?: () => void } {
    const parsed = parseFilter(request.filter)
    if (parsed === undefined) return { code: reasonCodes.topicFilterInvalid }
    const { filter, qos, noLocal, retainAsPublished, retainHandling } = request
    const known = this.subscriptions.get(filter)
    const { live } = this.#requireClient()
    const since = known?.since ?? live.offeredTo
    const subscription = { filter, qos, noLocal, retainAsPublished, id, since }
    try {
      if (known === undefined) this.#join(subscription)
    } catch (error) {
      return { code: refusalOf(error) }
    }
    const isShared = parsed.group !== undefined
    this.subscriptions.set(subscription, isShared ? undefined : parsed.filter)
    if (isShared) this.#context.groups.update(filter, this, subscription)
    const isWanted =
      !isShared && (retainHandling === 0 || (retainHandling === 1 && known === undefined))
    if (!isWanted) return { code: qos }
    return { code: qos, retained: () => this.#sendRetained(subscription, parsed.filter) }
  }

  /** False: there was no such subscription. */
  unsubscribe(filter: string): boolean {
    if (!this.subscriptions.delete(filter)) return false
    const parsed = parseFilter(filter)
    if (parsed?.group !== undefined) this.#context.groups.leave(filter, this)
    else this.#client?.live.unsubscribe(levelFilter('mqtt', filter))
    return true
  }

  /** PUBACK, PUBREC or PUBCOMP of the client. @throws MqttError */
  acknowledged(type: AckType, id: number, reasonCode: number): void {
    const isError = reasonCode >= reasonCodes.unspecifiedError
    switch (type) {
      case packetTypes.puback:
        if (this.window.acknowledged(id) !== undefined) this.#done()
        break
      case packetTypes.pubrec:
        if (isError) {
          if (this.window.refused(id) !== undefined) this.#done()
        } else {
          const found = this.window.received(id)
          if (found === undefined) {
            this.#peer?.sendAck(packetTypes.pubrel, id, reasonCodes.packetIdNotFound)
          } else this.#noted(() => this.#peer?.sendAck(packetTypes.pubrel, id))
        }
        break
      case packetTypes.pubcomp:
        if (this.window.completed(id) !== undefined) this.#done()
        break
      case packetTypes.pubrel:
        break
    }
  }

  /** The connection takes bytes again, or does not. */
  roomChanged(): void {
    this.#client?.live.congested(this.#peer?.isFull === true)
    this.#checkRoom()
  }

  /** Runs `task` once what has changed is on disk; at once when it is not kept. */
  whenNoted(task: () => void): void {
    this.#noted(task)
  }

  /** The note about the window as it is now. */
  windowNote(): NoteChange {
    this.#notePosition()
    this.isChanged = false
    return this.#context.notes.windowOf(this)
  }

  // From the bus

  publication(publication: Publication): void {
    const isOwn = publication.sender.name === this.name
    const view = this.subscriptions.view(publication.topic, isOwn)
    if (view === undefined) return
    if (publication.sequence > 0 && publication.sequence <= view.since) return
    const { qos, ids, retainAsPublished } = view
    const retain = retainAsPublished && wasRetained(publication.headers)
    this.#offer(publication, qos, ids, retain, undefined)
  }

  /** MQTT has no messages to names. */
  message(): void {
    this.#context.counters.messagesDropped += 1
  }

  broadcast(): void {}

  pause(): void {
    this.#peer?.pauseReading()
  }

  resume(): void {
    this.#peer?.resumeReading()
  }

  end(error: BusError): void {
    this.#peer?.endedByBus(error)
  }

  // From groups of shared subscriptions

  /** Whether it takes a message of this QoS now. */
  hasRoomFor(qos: Qos): boolean {
    const peer = this.#peer
    if (peer === undefined || peer.isFull || this.#resending !== undefined) return false
    return qos === 0 || this.window.size < peer.receiveMaximum
  }

  /** A message that a group gives it; there is room. */
  give(publication: Publication, { qos, id }: Subscription, group: string): void {
    this.#offer(publication, qos, encodeIds([id]), false, group)
  }

  #offer(
    publication: Publication,
    granted: Qos,
    ids: Uint8Array,
    retain: boolean,
    group: string | undefined,
  ): void {
    const peer = this.#peer
    if (peer === undefined) return
    const { headers, sequence } = publication
    const isStored = sequence > 0
    const qos = Math.min(qosOf(headers, isStored), granted) as Qos
    if (qos === 0) {
      if (peer.isFull && !isStored) this.#context.counters.messagesDropped += 1
      else this.#send(peer, publication, 0, 0, ids, retain, publication)
      return
    }
    if (this.window.size >= peer.receiveMaximum) {
      // What is stored comes from the log when there is room: the bus was told to hold it.
      if (!isStored) this.#wait({ message: keep(publication), qos, ids, retain })
      return
    }
    this.#sendNew(peer, publication, qos, ids, retain, group)
  }

  #sendNew(
    peer: SessionPeer,
    publication: Publication,
    qos: 1 | 2,
    ids: Uint8Array,
    retain: boolean,
    group: string | undefined,
  ): void {
    if (secondsLeft(publication.headers, this.#context.clock.now()) === 0) return
    const { sequence, topic } = publication
    const mustWait = qos === 2 && this.isDurable
    const message = sequence === 0 || mustWait ? keep(publication) : undefined
    const inFlight = this.window.add({
      qos,
      sequence,
      topic: topic.name,
      message,
      retain,
      ids,
      group,
    })
    this.isChanged = true
    if (!mustWait) this.#send(peer, publication, qos, inFlight.id, ids, retain)
    else if (message !== undefined) {
      this.#noted(() => {
        if (this.#peer === peer) this.#sendKept(peer, message, inFlight, false)
      })
    }
    this.#checkRoom()
  }

  #send(
    peer: SessionPeer,
    publication: Publication,
    qos: Qos,
    id: number,
    ids: Uint8Array,
    retain: boolean,
    shared?: Publication,
  ): void {
    const { topic, headers, bytes, start, end } = publication
    const left = secondsLeft(headers, this.#context.clock.now())
    if (left === 0) return
    const passedOn = this.#properties.of(headers)
    const isSent = peer.sender.send(
      {
        qos,
        duplicate: false,
        retain,
        topic: topic.bytes,
        id,
        passedOn,
        ids,
        secondsLeft: left,
        bytes,
        start,
        end,
      },
      shared,
    )
    if (!isSent) this.#tooLarge(id)
    else if (this.#client !== undefined) {
      this.#client.live.sentFrames += 1
      this.#client.live.sentBytes += topic.bytes.length + end - start
    }
  }

  #sendKept(peer: SessionPeer, message: KeptMessage, inFlight: InFlight, duplicate: boolean): void {
    const { payload, topic, headers } = message
    const { qos, id, ids, retain } = inFlight
    const left = secondsLeft(headers, this.#context.clock.now())
    const passedOn = this.#properties.of(headers)
    const where = { bytes: payload, start: 0, end: payload.length }
    // A handshake that has begun is completed, whatever became of its message meanwhile.
    const secondsLeftNow = duplicate && left === 0 ? 1 : left
    const dispatch = {
      qos,
      duplicate,
      retain,
      topic,
      id,
      passedOn,
      ids,
      secondsLeft: secondsLeftNow,
    }
    if (!peer.sender.send({ ...dispatch, ...where })) this.#tooLarge(id)
  }

  /** Larger than the client takes: counts as delivered. */
  #tooLarge(id: number): void {
    this.#context.counters.messagesDropped += 1
    if (id > 0) this.window.delete(id)
  }

  #wait(waiting: Waiting): void {
    if (this.#waiting.length < waitingMost) this.#waiting.push(waiting)
    else this.#context.counters.messagesDropped += 1
  }

  /** A message is done: there may be room for others. */
  #done(): void {
    this.isChanged = true
    this.#checkRoom()
  }

  /** Tells the bus whether stored messages are to wait, and sends what waits here. */
  #checkRoom(): void {
    const peer = this.#peer
    const live = this.#client?.live
    if (peer === undefined || live === undefined) return
    this.#pumpResending(peer)
    while (this.#waiting.length > 0 && this.window.size < peer.receiveMaximum) {
      const waiting = this.#waiting.shift()
      if (waiting !== undefined) this.#sendWaiting(peer, waiting)
    }
    if (this.window.size >= peer.receiveMaximum) live.holdStored(true)
    // Not with every acknowledgement: each time the log is read anew.
    else if (this.window.size <= peer.receiveMaximum / 2 && !peer.isFull) live.holdStored(false)
    this.#pumpRetained()
    if (this.window.size < peer.receiveMaximum) this.#context.groups.roomIn(this)
  }

  #sendWaiting(peer: SessionPeer, { message, qos, ids, retain }: Waiting): void {
    const topic = Buffer.from(message.topic).toString()
    const group = undefined
    const inFlight = this.window.add({ qos, sequence: 0, topic, message, retain, ids, group })
    const mustWait = qos === 2 && this.isDurable
    const send = () => {
      if (this.#peer === peer) this.#sendKept(peer, message, inFlight, false)
    }
    if (mustWait) this.#noted(send)
    else send()
  }

  // What was not done when the last connection ended

  #resend(): Promise<void> {
    const queue = [...this.window.values()]
    if (queue.length === 0) return Promise.resolve()
    return new Promise((done) => {
      this.#resending = { queue, done }
      const peer = this.#peer
      if (peer !== undefined) this.#pumpResending(peer)
    })
  }

  /** Sends the next ones again, in order, as many as may be under way. */
  #pumpResending(peer: SessionPeer): void {
    const resending = this.#resending
    if (resending === undefined || this.#isPumping) return
    this.#isPumping = true
    void this.#resendAll(peer, resending).finally(() => {
      this.#isPumping = false
    })
  }

  async #resendAll(
    peer: SessionPeer,
    resending: { readonly queue: InFlight[]; readonly done: () => void },
  ): Promise<void> {
    const { queue } = resending
    // Those that are done meanwhile make room for those that were not sent yet.
    const isUnderWay = () => this.window.size - queue.length
    while (this.#peer === peer && isUnderWay() < peer.receiveMaximum) {
      const next = queue.shift()
      if (next === undefined) break
      if (next.isReleased) peer.sendAck(packetTypes.pubrel, next.id)
      else {
        const message = next.message ?? (await this.#context.readAgain(next))
        if (this.#peer !== peer) return
        if (message === undefined) this.window.delete(next.id)
        else this.#sendKept(peer, message, next, true)
      }
    }
    if (this.#peer !== peer || queue.length > 0) return
    this.#resending = undefined
    resending.done()
  }

  // Retained messages

  #sendRetained({ qos, id, since }: Subscription, filter: string): void {
    const messages = this.#requireClient().retained.match(levelFilter('mqtt', filter))
    const view = { qos, ids: encodeIds([id]), retainAsPublished: true, since }
    this.#retained.push({ messages: messages[Symbol.iterator](), view })
    this.#pumpRetained()
  }

  /** Sends what there is room for; the rest when there is more, some per turn. */
  #pumpRetained(): void {
    const peer = this.#peer
    if (peer === undefined) return
    for (let sent = 0; this.#retained.length > 0; sent++) {
      if (peer.isFull || this.window.size >= peer.receiveMaximum) return
      if (sent === retainedPerTurn) {
        setImmediate(() => this.#pumpRetained())
        return
      }
      const [first] = this.#retained
      const next = first?.messages.next()
      if (first === undefined || next === undefined || next.done === true) this.#retained.shift()
      else this.#sendOneRetained(peer, next.value, first.view)
    }
  }

  #sendOneRetained(peer: SessionPeer, retained: RetainedMessage, { qos, ids }: TopicView): void {
    const { topic, payload, headers } = retained
    const left = secondsLeft(headers, this.#context.clock.now())
    if (left === 0) {
      this.#context.forgetRetained(topic)
      return
    }
    const message = { topic: Buffer.from(topic), payload, headers }
    const granted = Math.min(qosOf(headers, true), qos) as Qos
    const bare = { duplicate: false, retain: true, topic: message.topic, ids, secondsLeft: left }
    const where = { bytes: payload, start: 0, end: payload.length }
    const passedOn = this.#properties.of(headers)
    if (granted === 0) {
      peer.sender.send({ ...bare, ...where, passedOn, qos: 0, id: 0 })
      return
    }
    const handshake = { qos: granted, sequence: 0, retain: true, group: undefined }
    const inFlight = this.window.add({ ...handshake, topic, message, ids })
    const send = () => {
      if (this.#peer === peer) this.#sendKept(peer, message, inFlight, false)
    }
    if (granted === 2 && this.isDurable) this.#noted(send)
    else send()
  }

  /** Runs `task` once the window as it is now is on disk; at once when nothing has to be. */
  #noted(task: () => void): void {
    if (!this.isDurable) {
      task()
      return
    }
    this.#afterNote.push(task)
    if (this.#isNoting) return
    this.#isNoting = true
    // What comes in this turn shares the note.
    queueMicrotask(() => void this.#noteWindow())
  }

  async #noteWindow(): Promise<void> {
    while (this.#afterNote.length > 0) {
      const tasks = this.#afterNote
      this.#afterNote = []
      try {
        await this.#context.notes.write([this.windowNote()])
      } catch (error) {
        this.#context.notes.failed(error)
        this.#isNoting = false
        this.#peer?.endedByBus(new BusError('unavailable', 'storage_failed', 'the store failed'))
        return
      }
      for (const task of tasks) task()
    }
    this.#isNoting = false
  }

  #notePosition(): void {
    if (this.#client !== undefined && this.#isJoined) this.position = this.#client.live.offeredTo
  }

  #join(subscription: Subscription): void {
    const parsed = parseFilter(subscription.filter)
    if (parsed?.group !== undefined)
      this.#context.groups.join(subscription.filter, this, subscription)
    else this.#requireClient().live.subscribe(levelFilter('mqtt', subscription.filter))
  }

  #requireClient(): BusClient {
    if (this.#client !== undefined) return this.#client
    throw new BusError('cancelled', 'connection_lost', 'this session has no connection')
  }
}

/** Reason code of a subscription that the bus refused. */
function refusalOf(error: unknown): number {
  if (!(error instanceof BusError)) throw error
  return error.code === 'invalid_argument' ? reasonCodes.topicFilterInvalid : reasonOfError(error)
}
