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
import type { Headers } from '../../model/message.ts'
import { Delivery, type SessionPeer } from './delivery.ts'
import { parseFilter } from './filters.ts'
import { asPublication } from './kept-message.ts'
import { wasRetained } from './message-properties.ts'
import { NotedTasks } from './noted-tasks.ts'
import {
  type AckType,
  packetTypes,
  type Qos,
  reasonCodes,
  type SubscriptionRequest,
} from './packets.ts'
import { ReceivedIds } from './received-ids.ts'
import type { SessionContext } from './session-context.ts'
import { busNameOf } from './session-name.ts'
import { receivedNote } from './session-notes.ts'
import { encodeIds, type Subscription, Subscriptions } from './subscriptions.ts'
import { reasonOfError } from './translate.ts'
import { Window } from './window.ts'

/** A subscription that is there once `confirm` was called. */
export interface Subscribing {
  /** Reason code for SUBACK. */
  readonly code: number
  /** Undefined: refused. */
  readonly subscription: Subscription | undefined
  /** To be called behind SUBACK; sends retained messages. */
  confirm(): void
}

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
  /** Said of this connection that messages were dropped. */
  #hasDropped = false
  /** Subscriptions that hold on the bus already and are to be confirmed, by filter. */
  readonly #unconfirmed = new Map<string, Subscription>()
  /** Undefined: it has no connection. */
  #delivery: Delivery | undefined

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

  /** Place in the commit order up to which everything has been looked at. */
  get reached(): number {
    return this.#delivery?.client.live.offeredTo ?? this.position
  }

  get queuedBytes(): number {
    return this.#delivery?.peer.queuedBytes ?? 0
  }

  // From its connection

  /**
   * A connection takes it over: what is not done is sent again, and behind that comes what was stored meanwhile.
   * @throws BusError when the bus refuses one of its subscriptions
   */
  attach(peer: SessionPeer, client: BusClient): void {
    const delivery = new Delivery({
      context: this.#context,
      peer,
      client,
      window: this.window,
      noted: this.#noted,
      isDurable: () => this.isDurable,
      onChange: () => (this.isChanged = true),
      onRoom: () => this.#context.groups.roomIn(this),
      onDropped: () => {
        if (this.#hasDropped) return
        this.#hasDropped = true
        this.#context.droppedFor(this.clientId)
      },
      onError: (error) => this.#storeFailed(error),
    })
    this.#delivery = delivery
    this.#hasDropped = false
    for (const subscription of this.subscriptions.values()) this.#join(client, subscription)
    if (this.subscriptions.size > 0) client.live.continueAfter(this.position)
    delivery.pump()
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
    const delivery = this.#delivery
    if (delivery === undefined) return
    this.#notePosition()
    this.#delivery = undefined
    delivery.stop()
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
    for (const filter of this.#unconfirmed.keys()) groups.leave(filter, this, false)
    this.#unconfirmed.clear()
  }

  /** Takes in one request of a SUBSCRIBE; it holds from `confirm` on. */
  subscribe(request: SubscriptionRequest, id: number): Subscribing {
    const { client } = this.#requireDelivery()
    const parsed = parseFilter(request.filter)
    if (parsed === undefined) return refused(reasonCodes.topicFilterInvalid)
    const { filter, qos, noLocal, retainAsPublished, retainHandling } = request
    // Also one that stands before it in the same packet.
    const known = this.subscriptions.get(filter) ?? this.#unconfirmed.get(filter)
    const count = this.subscriptions.size + this.#unconfirmed.size
    if (known === undefined && count >= this.#context.limits.filtersPerClient) {
      return refused(reasonCodes.quotaExceeded)
    }
    const since = known?.since ?? this.#context.lastSequence()
    const subscription = { filter, qos, noLocal, retainAsPublished, id, since }
    const isShared = parsed.group !== undefined
    try {
      if (known === undefined) {
        this.#join(client, subscription)
        this.#unconfirmed.set(filter, subscription)
      }
    } catch (error) {
      return refused(refusalOf(error))
    }
    const isRetainedWanted =
      !isShared && (retainHandling === 0 || (retainHandling === 1 && known === undefined))
    const confirm = () => {
      const delivery = this.#delivery
      if (delivery === undefined) return
      this.#unconfirmed.delete(filter)
      this.subscriptions.set(subscription, isShared ? undefined : parsed.filter)
      if (isShared) this.#context.groups.update(filter, this, subscription)
      if (!isRetainedWanted) return
      const messages = delivery.client.retained.match(levelFilter('mqtt', parsed.filter))
      const system = this.#visible(this.#context.systemTopics(parsed.filter))
      delivery.sendRetained([messages, system], subscription)
    }
    return { code: qos, subscription, confirm }
  }

  /** False: there was no such subscription. */
  unsubscribe(filter: string): boolean {
    if (!this.subscriptions.delete(filter)) return false
    const parsed = parseFilter(filter)
    this.#delivery?.cancelRetained(filter)
    if (parsed?.group !== undefined) this.#context.groups.leave(filter, this, false)
    else this.#delivery?.client.live.unsubscribe(levelFilter('mqtt', filter))
    return true
  }

  /** Whether something on this topic would reach it. */
  listensTo(topic: string): boolean {
    return this.subscriptions.matches(topic)
  }

  /** Gives it a message that nobody published and nobody else gets, if it listens to its topic. */
  tell(topic: string, payload: Uint8Array, headers: Headers): void {
    const place = { topic, sequence: 0, isAcknowledged: false }
    const message = { topic: Buffer.from(topic), payload, headers }
    if (this.listensTo(topic)) this.publication(asPublication(message, place))
  }

  /** PUBACK, PUBREC or PUBCOMP of the client. @throws MqttError */
  acknowledged(type: AckType, id: number, reasonCode: number): void {
    const isError = reasonCode >= reasonCodes.unspecifiedError
    switch (type) {
      case packetTypes.puback:
        this.#delivery?.done(this.window.acknowledged(id))
        break
      case packetTypes.pubrec:
        if (isError) this.#delivery?.done(this.window.refused(id))
        else this.#receivedByClient(id)
        break
      case packetTypes.pubcomp:
        this.#delivery?.done(this.window.completed(id))
        break
      case packetTypes.pubrel:
        break
    }
  }

  /** The connection takes bytes again, or does not. */
  roomChanged(): void {
    const delivery = this.#delivery
    delivery?.client.live.congested(delivery.peer.isFull)
    delivery?.pump()
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
    this.#delivery?.useRoom()
  }

  /** The note about the window as it is now. */
  windowNote(): NoteChange {
    this.#notePosition()
    this.isChanged = false
    return this.#context.notes.windowOf(this)
  }

  // From the bus

  publication(publication: Publication): void {
    const { topic, sequence, sender, headers } = publication
    const view = this.subscriptions.view(topic, sequence, sender.name === this.name)
    if (view === undefined) return
    const retain = view.retainAsPublished && wasRetained(headers)
    this.#delivery?.offer(publication, view.qos, view.ids, retain, undefined)
  }

  /** MQTT has no messages to names. */
  message(): void {
    this.#context.counters.dropped.refused += 1
  }

  broadcast(): void {}

  pause(): void {
    this.#delivery?.peer.pauseReading()
  }

  resume(): void {
    this.#delivery?.peer.resumeReading()
  }

  end(error: BusError): void {
    this.#delivery?.peer.endedByBus(error)
  }

  // From groups of shared subscriptions

  /** Whether it takes a message of this QoS now. */
  hasRoomFor(qos: Qos): boolean {
    return this.#delivery?.hasRoomFor(qos) === true
  }

  /** Whether rules allow it messages of this topic. */
  maySee(topic: string): boolean {
    return this.#delivery?.client.maySee('subscribe', topic) === true
  }

  /** A message that a group gives it; there is room. Answers whether it is under way now, to be acknowledged. */
  give(publication: Publication, subscription: Subscription, group: string): boolean {
    const retain = subscription.retainAsPublished && wasRetained(publication.headers)
    const ids = encodeIds([subscription.id])
    const { qos } = subscription
    return this.#delivery?.offer(publication, qos, ids, retain, group) === true
  }

  /** PUBREC: from now on the message waits for PUBCOMP. */
  #receivedByClient(id: number): void {
    const delivery = this.#delivery
    if (this.window.received(id) === undefined) {
      delivery?.peer.sendAck(packetTypes.pubrel, id, reasonCodes.packetIdNotFound)
      return
    }
    const send = () => {
      if (this.#delivery === delivery) delivery?.peer.sendAck(packetTypes.pubrel, id)
    }
    if (this.isDurable) this.#noted.add(send)
    else send()
  }

  *#visible(messages: Iterable<RetainedMessage>): Iterable<RetainedMessage> {
    for (const message of messages) if (this.maySee(message.topic)) yield message
  }

  #storeFailed(error: unknown): void {
    this.isChanged = true
    this.#context.notes.failed(error)
    const text = 'the store failed'
    this.#delivery?.peer.endedByBus(new BusError('unavailable', 'storage_failed', text))
  }

  #notePosition(): void {
    const delivery = this.#delivery
    if (delivery !== undefined) this.position = delivery.client.live.offeredTo
  }

  #join(client: BusClient, subscription: Subscription): void {
    const { filter } = subscription
    const parsed = parseFilter(filter)
    if (parsed?.group === undefined) client.live.subscribe(levelFilter('mqtt', filter))
    else {
      // The group is the daemon's; what its members get is what each of them may have.
      client.requireFilterAccess('subscribe', levelFilter('mqtt', parsed.filter))
      this.#context.groups.join(filter, this, subscription)
    }
  }

  #requireDelivery(): Delivery {
    if (this.#delivery !== undefined) return this.#delivery
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
