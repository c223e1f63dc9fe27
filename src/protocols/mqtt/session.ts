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
import { qosOf, secondsLeft, wasRetained } from './message-properties.ts'
import { NotedTasks } from './noted-tasks.ts'
import {
  type AckType,
  packetTypes,
  type Qos,
  reasonCodes,
  type SubscriptionRequest,
} from './packets.ts'
import { ReceivedIds } from './received-ids.ts'
import { Resending } from './resending.ts'
import { RetainedSending } from './retained-sending.ts'
import type { Sender } from './sender.ts'
import type { SessionContext } from './session-context.ts'
import { busNameOf } from './session-name.ts'
import { receivedNote } from './session-notes.ts'
import { encodeIds, type Subscription, Subscriptions } from './subscriptions.ts'
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

/** A subscription that is there once `confirm` was called. */
export interface Subscribing {
  /** Reason code for SUBACK. */
  readonly code: number
  /** Undefined: refused. */
  readonly subscription: Subscription | undefined
  /** To be called behind SUBACK; sends retained messages. */
  confirm(): void
}

/** Everything that ends with the connection. */
interface Attached {
  readonly peer: SessionPeer
  readonly client: BusClient
  readonly retained: RetainedSending
  /** Undefined when everything was sent again. */
  resending: Resending | undefined
  readonly waiting: Waiting[]
}

/** Messages that no log has and that may wait for room in the window; more are dropped and counted. */
const waitingMost = 1_000
/** Of so small a window every place is used at once. */
const smallWindow = 20

export class MqttSession implements Inbox {
  readonly clientId: string
  /** Its name on the bus. */
  readonly name: string
  readonly subscriptions = new Subscriptions()
  readonly window = new Window()
  readonly received = new ReceivedIds()
  /** Seconds it is kept without a connection; 0: it ends with the connection, Infinity: for ever. */
  expirySeconds = 0
  /** Place in the commit order up to which everything has been looked at, as of the last note or detach. */
  position: number
  /** Sent something, or was answered, since it was noted down. */
  isChanged = false
  readonly #context: SessionContext
  readonly #noted: NotedTasks
  #attached: Attached | undefined
  #isPumping = false

  constructor(clientId: string, context: SessionContext) {
    this.clientId = clientId
    this.name = busNameOf(clientId)
    this.#context = context
    this.position = context.lastSequence()
    this.#noted = new NotedTasks({
      write: () => context.notes.write([this.windowNote(), ...context.groups.notesOf(this)]),
      onError: (error) => this.#storeFailed(error),
    })
  }

  /** It is kept without a connection, so it must be on disk. */
  get isDurable(): boolean {
    return this.expirySeconds > 0
  }

  get queuedBytes(): number {
    return this.#attached?.peer.queuedBytes ?? 0
  }

  // From its connection

  /**
   * A connection takes it over: what is not done is sent again, and behind that comes what was stored meanwhile.
   * @throws BusError when the bus refuses one of its subscriptions
   */
  attach(peer: SessionPeer, client: BusClient): void {
    const isHere = () => this.#attached === attached
    const attached: Attached = {
      peer,
      client,
      retained: new RetainedSending({
        hasRoom: () => isHere() && !peer.isFull && this.#hasWindow(attached),
        send: (message, subscription) => this.#sendRetained(attached, message, subscription),
      }),
      resending: new Resending({
        window: this.window,
        receiveMaximum: peer.receiveMaximum,
        read: (inFlight) => this.#context.readAgain(inFlight),
        sendAgain: (message, inFlight) => this.#sendKept(attached, message, inFlight, true),
        releaseAgain: (id) => peer.sendAck(packetTypes.pubrel, id),
        onLost: (inFlight) => {
          this.#context.counters.messagesDropped += 1
          this.#done(inFlight)
        },
        onDone: () => {
          attached.resending = undefined
          this.#pump()
        },
        onError: (error) => this.#storeFailed(error),
      }),
      waiting: [],
    }
    this.#attached = attached
    client.live.holdStored(true)
    for (const subscription of this.subscriptions.values()) this.#join(client, subscription)
    if (this.subscriptions.size > 0) client.live.continueAfter(this.position)
    this.#pump()
  }

  /** A subscription that was kept; it counts once the session is attached. */
  restore(subscription: Subscription): void {
    const parsed = parseFilter(subscription.filter)
    this.subscriptions.set(subscription, parsed?.group === undefined ? parsed?.filter : undefined)
  }

  /**
   * The connection is gone. What was under way for groups of shared subscriptions goes to other members.
   * @param isKept the session goes on
   */
  detach(isKept: boolean): void {
    const attached = this.#attached
    if (attached === undefined) return
    this.#notePosition()
    this.#attached = undefined
    attached.retained.stop()
    attached.resending?.stop()
    this.#context.counters.messagesDropped += attached.waiting.length
    this.isChanged = true
    const { groups } = this.#context
    for (const inFlight of this.window.values()) {
      const { group, qos, id } = inFlight
      if (group === undefined) continue
      const isGivenAway = qos === 1 && (!isKept || groups.hasOthers(group, this))
      if (isGivenAway) {
        this.window.delete(id)
        groups.giveBack(inFlight)
      } else groups.stays(inFlight)
    }
    for (const { filter } of this.subscriptions.values()) groups.leave(filter, this, isKept)
  }

  /** Takes in one request of a SUBSCRIBE; it holds from `confirm` on. */
  subscribe(request: SubscriptionRequest, id: number): Subscribing {
    const { client } = this.#requireAttached()
    const parsed = parseFilter(request.filter)
    if (parsed === undefined) return refused(reasonCodes.topicFilterInvalid)
    const { filter, qos, noLocal, retainAsPublished, retainHandling } = request
    const known = this.subscriptions.get(filter)
    if (known === undefined && this.subscriptions.size >= this.#context.limits.filtersPerClient) {
      return refused(reasonCodes.quotaExceeded)
    }
    const since = known?.since ?? this.#context.lastSequence()
    const subscription = { filter, qos, noLocal, retainAsPublished, id, since }
    const isShared = parsed.group !== undefined
    try {
      if (known === undefined) this.#join(client, subscription)
    } catch (error) {
      return refused(refusalOf(error))
    }
    const isRetainedWanted =
      !isShared && (retainHandling === 0 || (retainHandling === 1 && known === undefined))
    const confirm = () => {
      const attached = this.#attached
      if (attached === undefined) return
      this.subscriptions.set(subscription, isShared ? undefined : parsed.filter)
      if (isShared) this.#context.groups.update(filter, this, subscription)
      if (!isRetainedWanted) return
      attached.retained.cancel(filter)
      const messages = attached.client.retained.match(levelFilter('mqtt', parsed.filter))
      attached.retained.add(messages, subscription)
      attached.retained.add(this.#context.systemTopics(parsed.filter), subscription)
    }
    return { code: qos, subscription, confirm }
  }

  /** False: there was no such subscription. */
  unsubscribe(filter: string): boolean {
    if (!this.subscriptions.delete(filter)) return false
    const parsed = parseFilter(filter)
    this.#attached?.retained.cancel(filter)
    if (parsed?.group !== undefined) this.#context.groups.leave(filter, this, false)
    else this.#attached?.client.live.unsubscribe(levelFilter('mqtt', filter))
    return true
  }

  /** PUBACK, PUBREC or PUBCOMP of the client. @throws MqttError */
  acknowledged(type: AckType, id: number, reasonCode: number): void {
    const isError = reasonCode >= reasonCodes.unspecifiedError
    switch (type) {
      case packetTypes.puback:
        this.#done(this.window.acknowledged(id))
        break
      case packetTypes.pubrec:
        if (isError) this.#done(this.window.refused(id))
        else this.#receivedByClient(id)
        break
      case packetTypes.pubcomp:
        this.#done(this.window.completed(id))
        break
      case packetTypes.pubrel:
        break
    }
  }

  /** The connection takes bytes again, or does not. */
  roomChanged(): void {
    const attached = this.#attached
    attached?.client.live.congested(attached.peer.isFull)
    this.#pump()
  }

  /** What goes into the commit of a QoS 2 message that came with this identifier. */
  receivedNotes(id: number): NoteChange[] {
    return this.isDurable ? [receivedNote(this.clientId, id, true)] : []
  }

  /**
   * PUBREL of the client: its identifier is free. False: it was not known. Otherwise resolves when that is on disk;
   * undefined: it need not be.
   */
  release(id: number): false | Promise<void> | undefined {
    if (!this.received.release(id)) return false
    if (!this.isDurable) return undefined
    return this.#context.notes.write([receivedNote(this.clientId, id, false)])
  }

  /** Its subscriptions with what is about to be confirmed. */
  subscriptionsWith(added: readonly Subscription[]): Subscription[] {
    const byFilter = new Map<string, Subscription>()
    for (const each of this.subscriptions.values()) byFilter.set(each.filter, each)
    for (const each of added) byFilter.set(each.filter, each)
    return [...byFilter.values()]
  }

  /** Lets stored messages come if there is any room for them. */
  useRoom(): void {
    const attached = this.#attached
    if (attached !== undefined && this.#hasWindow(attached)) attached.client.live.holdStored(false)
  }

  /** The note about the window as it is now. */
  windowNote(): NoteChange {
    this.#notePosition()
    this.isChanged = false
    return this.#context.notes.windowOf(this)
  }

  // From the bus

  publication(publication: Publication): void {
    const attached = this.#attached
    if (attached === undefined) return
    const { topic, sequence, sender, headers } = publication
    const view = this.subscriptions.view(topic, sequence, sender.name === this.name)
    if (view === undefined) return
    const retain = view.retainAsPublished && wasRetained(headers)
    this.#offer(attached, publication, view.qos, view.ids, retain, undefined)
  }

  /** MQTT has no messages to names. */
  message(): void {
    this.#context.counters.messagesDropped += 1
  }

  broadcast(): void {}

  pause(): void {
    this.#attached?.peer.pauseReading()
  }

  resume(): void {
    this.#attached?.peer.resumeReading()
  }

  end(error: BusError): void {
    this.#attached?.peer.endedByBus(error)
  }

  // From groups of shared subscriptions

  /** Whether it takes a message of this QoS now. */
  hasRoomFor(qos: Qos): boolean {
    const attached = this.#attached
    if (attached === undefined || attached.peer.isFull) return false
    return qos === 0 || this.#hasWindow(attached)
  }

  /** A message that a group gives it; there is room. Answers whether it is under way now, to be acknowledged. */
  give(publication: Publication, subscription: Subscription, group: string): boolean {
    const attached = this.#attached
    if (attached === undefined) return false
    const retain = subscription.retainAsPublished && wasRetained(publication.headers)
    const ids = encodeIds([subscription.id])
    return this.#offer(attached, publication, subscription.qos, ids, retain, group)
  }

  #offer(
    attached: Attached,
    publication: Publication,
    granted: Qos,
    ids: Uint8Array,
    retain: boolean,
    group: string | undefined,
  ): boolean {
    const { headers, sequence, isAcknowledged } = publication
    const left = secondsLeft(headers, this.#context.clock.now())
    if (left === 0) return false
    const qos = Math.min(qosOf(headers, isAcknowledged), granted)
    if (qos !== 0) {
      const terms: Terms = { qos: qos === 2 ? 2 : 1, ids, retain, group }
      // What is stored does not come while there is no room: the bus was told to hold it.
      if (this.#hasWindow(attached)) this.#sendNew(attached, publication, terms, left)
      else this.#wait(attached, { message: keep(publication), terms })
      return true
    }
    if (attached.peer.isFull && sequence === 0) this.#context.counters.messagesDropped += 1
    else this.#send(attached, publication, 0, { ids, retain }, left)
    return false
  }

  /** A message of QoS 1 or 2 for which there is room. */
  #sendNew(attached: Attached, publication: Publication, terms: Terms, left: number): void {
    const { sequence, topic } = publication
    const mustWait = terms.qos === 2 && this.isDurable
    const message = sequence === 0 || mustWait ? keep(publication) : undefined
    const kept = sequence === 0 ? message : undefined
    const inFlight = this.#take(attached, { ...terms, sequence, topic: topic.name, message: kept })
    if (message === undefined || !mustWait) {
      this.#send(attached, publication, inFlight.id, terms, left)
    } else this.#sendWhenNoted(attached, message, inFlight)
  }

  /** A message of QoS 1 or 2 that is in no log. */
  #sendUnstored(attached: Attached, message: KeptMessage, terms: Terms): void {
    const topic = Buffer.from(message.topic).toString()
    const inFlight = this.#take(attached, { ...terms, sequence: 0, topic, message })
    this.#sendWhenNoted(attached, message, inFlight)
  }

  #sendWhenNoted(attached: Attached, message: KeptMessage, inFlight: InFlight): void {
    const send = () => {
      if (this.#attached === attached) this.#sendKept(attached, message, inFlight, false)
    }
    if (inFlight.qos === 2 && this.isDurable) this.#noted.add(send)
    else send()
  }

  /** Gives a message an identifier and a place in the window. */
  #take(attached: Attached, message: Omit<InFlight, 'id' | 'isReleased'>): InFlight {
    const inFlight = this.window.add(message)
    this.isChanged = true
    // At once: what is stored next must not come.
    if (!this.#hasWindow(attached)) attached.client.live.holdStored(true)
    return inFlight
  }

  #send(
    attached: Attached,
    publication: Publication,
    id: number,
    { ids, retain, qos = 0 }: Pick<Terms, 'ids' | 'retain'> & { readonly qos?: Qos },
    left: number,
  ): void {
    const { topic, headers, bytes, start, end } = publication
    const passedOn = this.#context.properties.of(headers)
    const where = { topic: topic.bytes, bytes, start, end }
    const rest = { duplicate: false, retain, id, passedOn, ids, secondsLeft: left }
    this.#sent(
      attached,
      attached.peer.sender.send({ qos, ...rest, ...where }, publication),
      id,
      where,
    )
  }

  #sendKept(
    attached: Attached,
    message: KeptMessage,
    inFlight: InFlight,
    duplicate: boolean,
  ): void {
    const { payload, topic, headers } = message
    const { qos, id, ids, retain } = inFlight
    const left = secondsLeft(headers, this.#context.clock.now())
    const passedOn = this.#context.properties.of(headers)
    const where = { topic, bytes: payload, start: 0, end: payload.length }
    // A handshake that has begun is completed, whatever became of its message meanwhile.
    const rest = { qos, duplicate, retain, id, passedOn, ids, secondsLeft: left === 0 ? 1 : left }
    this.#sent(attached, attached.peer.sender.send({ ...rest, ...where }), id, where)
  }

  #sent(
    attached: Attached,
    isSent: boolean,
    id: number,
    {
      topic,
      start,
      end,
    }: { readonly topic: Uint8Array; readonly start: number; readonly end: number },
  ): void {
    if (isSent) {
      const { live } = attached.client
      live.sentFrames += 1
      live.sentBytes += topic.length + end - start
      return
    }
    // Larger than the client takes: counts as delivered.
    this.#context.counters.messagesDropped += 1
    if (id > 0) this.#done(this.window.delete(id))
  }

  #sendRetained(attached: Attached, retained: RetainedMessage, subscription: Subscription): void {
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
      this.#sendUnstored(attached, message, terms)
      return
    }
    const where = { topic: message.topic, bytes: payload, start: 0, end: payload.length }
    const passedOn = this.#context.properties.of(headers)
    const rest = { duplicate: false, retain: true, id: 0, passedOn, ids, secondsLeft: left }
    this.#sent(attached, attached.peer.sender.send({ qos: 0, ...rest, ...where }), 0, where)
  }

  #wait({ waiting }: Attached, message: Waiting): void {
    if (waiting.length < waitingMost) waiting.push(message)
    else this.#context.counters.messagesDropped += 1
  }

  /** PUBREC: from now on the message waits for PUBCOMP. */
  #receivedByClient(id: number): void {
    const attached = this.#attached
    if (this.window.received(id) === undefined) {
      attached?.peer.sendAck(packetTypes.pubrel, id, reasonCodes.packetIdNotFound)
      return
    }
    const send = () => {
      if (this.#attached === attached) attached?.peer.sendAck(packetTypes.pubrel, id)
    }
    if (this.isDurable) this.#noted.add(send)
    else send()
  }

  /** A message is done: there may be room for others. */
  #done(inFlight: InFlight | undefined): void {
    if (inFlight === undefined) return
    this.isChanged = true
    if (inFlight.group !== undefined) this.#context.groups.settled(inFlight)
    this.#pump()
  }

  #hasWindow({ peer, resending }: Attached): boolean {
    return resending === undefined && this.window.size < peer.receiveMaximum
  }

  /** Sends what there is room for: first what is sent again, then what waits here, then what is retained or stored. */
  #pump(): void {
    const attached = this.#attached
    if (attached === undefined || this.#isPumping) return
    attached.resending?.resume()
    if (attached.resending !== undefined) return
    const { peer, waiting, retained } = attached
    this.#isPumping = true
    while (waiting.length > 0 && this.#hasWindow(attached)) {
      const next = waiting.shift()
      if (next !== undefined) this.#sendWaiting(attached, next)
    }
    retained.resume()
    this.#isPumping = false
    // Not with every acknowledgement: each time the log is read anew. The rest of a large window is used with the tick.
    const isFewLeft = this.window.size > peer.receiveMaximum / 2
    if (!isFewLeft || peer.receiveMaximum <= smallWindow) this.useRoom()
    if (this.#hasWindow(attached)) this.#context.groups.roomIn(this)
  }

  #sendWaiting(attached: Attached, { message, terms }: Waiting): void {
    if (secondsLeft(message.headers, this.#context.clock.now()) === 0) return
    this.#sendUnstored(attached, message, terms)
  }

  #storeFailed(error: unknown): void {
    this.isChanged = true
    this.#context.notes.failed(error)
    const text = 'the store failed'
    this.#attached?.peer.endedByBus(new BusError('unavailable', 'storage_failed', text))
  }

  #notePosition(): void {
    const attached = this.#attached
    if (attached !== undefined) this.position = attached.client.live.offeredTo
  }

  #join(client: BusClient, subscription: Subscription): void {
    const { filter } = subscription
    if (parseFilter(filter)?.group === undefined) {
      client.live.subscribe(levelFilter('mqtt', filter))
    } else this.#context.groups.join(filter, this, subscription)
  }

  #requireAttached(): Attached {
    if (this.#attached !== undefined) return this.#attached
    throw new BusError('cancelled', 'connection_lost', 'this session has no connection')
  }
}

function refused(code: number): Subscribing {
  return { code, subscription: undefined, confirm: () => undefined }
}

/** Reason code of a subscription that the bus refused. */
function refusalOf(error: unknown): number {
  if (!(error instanceof BusError)) throw error
  return error.code === 'invalid_argument' ? reasonCodes.topicFilterInvalid : reasonOfError(error)
}
