/**
 * The bus's side of a client in another thread: its frames become calls of the core, and what the core
 * has for it becomes frames.
 *
 * Back-pressure, from the bus's point of view: when the thread does not take what it is sent (the channel
 * is full) or says that its program does not (a `congested` frame), the client is congested, and the core
 * stops those who feed it; subscriptions fall back to the store. When somebody that the thread feeds has
 * no room, it is told to pause; what is on its way already is still taken, which is at most a window.
 */

import type { MessagePort } from 'node:worker_threads'
import type {
  BusClient,
  Consumer,
  ConsumeOptions,
  Delivery,
  SubscribeOptions,
  Subscription,
} from '../core/bus-client.ts'
import type {
  CallResult,
  Inbox,
  Invocation,
  JoinOptions,
  LiveOperations,
  Publication,
  Sender,
} from '../core/live.ts'
import type { MsgBus } from '../core/msg-bus.ts'
import { BusError, ProtocolError, toBusError } from '../model/errors.ts'
import type { Identity } from '../model/identity.ts'
import { levelFilter } from '../model/level-filter.ts'
import type { OutgoingMessage } from '../model/message.ts'
import { toReceipt } from './client-link.ts'
import { pooledCopy } from './payload.ts'
import { PortChannel } from './port-channel.ts'
import { writeDelivery } from './port-delivery.ts'
import {
  FieldReader,
  flags,
  type Frame,
  headerBytes,
  kinds,
  portProtocol,
  sendOutcomes,
} from './port-frames.ts'
import {
  type PortMethod,
  type PortRequests,
  portRequests,
  type PortWelcome,
  readFailure,
  readValue,
  writeFailure,
  writeValue,
} from './port-values.ts'
import type { Turn } from './turn.ts'

export interface PortSessionOptions {
  readonly bus: MsgBus
  readonly port: MessagePort
  readonly join: Pick<JoinOptions, 'name' | 'replace'>
  /** Of the clients in the thread of the bus. */
  readonly turn: Turn
}

/** Of one subscription, sent and not taken by the program. */
const subscriptionWindowBytes = 262_144

interface PortSubscription {
  readonly inner: Subscription
  outstanding: number
  /** The core was told to wait. */
  isWaiting: boolean
}

interface PendingPublish {
  readonly id: number
  readonly message: OutgoingMessage
  readonly frameBytes: number
}

interface PendingInvocation {
  resolve(result: CallResult): void
  reject(error: BusError): void
}

export class PortSession implements Inbox {
  /** With what the bus or a broken frame ended it, or undefined when the other end closed. */
  readonly closed: Promise<Error | undefined>
  #onClosed: (error: Error | undefined) => void = () => undefined
  readonly #channel: PortChannel
  readonly #client: BusClient
  /** Undefined while it joins. */
  #live: LiveOperations | undefined
  readonly #requests: PortRequests
  readonly #subscriptions = new Map<number, PortSubscription>()
  readonly #consumers = new Map<number, Consumer>()
  readonly #registrations = new Map<number, { close(): void }>()
  readonly #invocations = new Map<number, PendingInvocation>()
  /** Calls the thread has made. */
  readonly #calls = new Map<number, AbortController>()
  /** Publications of the batch being read: they go to the store together. */
  #publishes: PendingPublish[] = []
  #nextInvocation = 1
  /** As the thread says. */
  #isProgramCongested = false
  #isClosed = false

  /** Joins the bus and greets the thread. @throws BusError when the bus does not let it join */
  constructor({ bus, port, join, turn }: PortSessionOptions) {
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve
    })
    const { name = '' } = join
    const user = name === '' ? 'in-process' : name
    const identity: Identity = { user, groups: [], method: 'in-process' }
    this.#channel = new PortChannel({
      port,
      onFrame: (frame) => this.#take(frame),
      onBatchEnd: () => {
        this.#publish()
        turn.end()
      },
      onRoom: () => this.#onRoom(),
      onClosed: (error) => this.#end(error),
    })
    const { epoch } = bus.status()
    const welcome: PortWelcome = { protocol: portProtocol, name, node: bus.node, epoch }
    writeValue(this.#channel.writer, kinds.welcome, 0, welcome)
    // Those who hear of the newcomer may send to it before this returns.
    this.#client = bus.connect(identity, {
      ...join,
      inbox: this,
      protocol: 'in-process',
      transport: 'worker',
    })
    const { live } = this.#client
    this.#live = live
    this.#requests = portRequests(this.#client, {
      clients: () => bus.clients(),
      subscribeLive: (filter) => live.subscribe(levelFilter('mqtt', filter)),
      unsubscribeLive: (filter) => void live.unsubscribe(levelFilter('mqtt', filter)),
    })
    this.#channel.open()
    // The thread keeps the process alive if it has something to do.
    port.unref()
    live.congested(this.#channel.isFull)
  }

  get queuedBytes(): number {
    return this.#channel.queuedBytes
  }

  message(sender: Sender, bytes: Uint8Array, start: number, end: number, realtime: boolean): void {
    const flagBits = realtime ? flags.realtime : 0
    this.#channel.writer.add(kinds.message, flagBits, 0, sender.nameBytes, bytes, start, end)
    this.#sent(end - start, realtime)
  }

  broadcast(
    sender: Sender,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): void {
    const flagBits = realtime ? flags.realtime : 0
    this.#channel.writer.add(kinds.broadcast, flagBits, 0, sender.nameBytes, bytes, start, end)
    this.#sent(end - start, realtime)
  }

  publication(publication: Publication): void {
    const { topic, sender, bytes, start, end, headers, realtime, sequence } = publication
    const { writer } = this.#channel
    writer.begin(kinds.publication, realtime ? flags.realtime : 0, 0, topic.bytes)
    writer.block(sender.nameBytes)
    writer.headers(headers)
    writer.f64(sequence)
    writer.rest(bytes, start, end)
    writer.finish()
    this.#sent(end - start, realtime)
  }

  pause(): void {
    this.#channel.writer.addEmpty(kinds.pause)
    this.#channel.written(true)
  }

  resume(): void {
    this.#channel.writer.addEmpty(kinds.resume)
    this.#channel.written(true)
  }

  /** The bus ends the client. */
  end(error: BusError): void {
    if (this.#isClosed) return
    writeFailure(this.#channel.writer, kinds.end, 0, error)
    this.#end(error)
    this.#channel.close()
  }

  /** The thread is over, whatever its port says. */
  threadEnded(): void {
    this.#end(undefined)
    this.#channel.close()
  }

  /** The program ends it from the bus's side. May be called twice. */
  close(): void {
    this.end(new BusError('cancelled', 'cancelled', 'the client was closed by its bus'))
  }

  #sent(payloadBytes: number, realtime: boolean): void {
    this.#channel.written(realtime)
    const live = this.#live
    if (live === undefined) return
    live.sentFrames += 1
    live.sentBytes += payloadBytes
    if (this.#channel.isFull) live.congested(true)
  }

  #take(frame: Frame): void {
    if (this.#isClosed) return
    const { bytes, kind, id, nameStart, nameEnd, start, end, realtime } = frame
    const { live } = this.#client
    const { writer } = this.#channel
    live.receivedFrames += 1
    live.receivedBytes += end - start
    switch (kind) {
      case kinds.post:
        live.send(bytes, nameStart, nameEnd, start, end, realtime)
        return
      case kinds.send: {
        const outcome = live.send(bytes, nameStart, nameEnd, start, end, realtime)
        writer.begin(kinds.outcome, 0, id, '')
        writer.u8(sendOutcomes.indexOf(outcome))
        writer.finish()
        this.#channel.written()
        return
      }
      case kinds.publishLive:
        live.publish(bytes, nameStart, nameEnd, start, end, realtime)
        return
      case kinds.broadcast:
        this.#answerWith(id, () => {
          const count = live.broadcast(frame.name, bytes, start, end, realtime)
          writer.begin(kinds.count, 0, id, '')
          writer.u32(count)
          writer.finish()
        })
        return
      case kinds.publish:
        this.#collectPublish(frame)
        return
      case kinds.congested:
        this.#isProgramCongested = new FieldReader(frame).u8() === 1
        live.congested(this.#isProgramCongested || this.#channel.isFull)
        return
      case kinds.subscribe:
        this.#subscribe(id, readValue(frame) as SubscribeOptions)
        return
      case kinds.taken:
        this.#taken(id, new FieldReader(frame).u32())
        return
      case kinds.unsubscribe:
        this.#subscriptions.get(id)?.inner.close()
        this.#subscriptions.delete(id)
        return
      case kinds.request:
        this.#request(frame)
        return
      case kinds.consume:
        this.#consume(id, readValue(frame) as ConsumeOptions)
        return
      case kinds.unconsume:
        this.#consumers.get(id)?.close()
        this.#consumers.delete(id)
        return
      case kinds.register:
        this.#register(id, frame.name)
        return
      case kinds.unregister:
        this.#registrations.get(id)?.close()
        this.#registrations.delete(id)
        return
      case kinds.call:
        this.#call(frame)
        return
      case kinds.cancel:
        this.#calls.get(id)?.abort()
        return
      case kinds.result: {
        const fields = new FieldReader(frame)
        const headers = fields.headers()
        this.#invocations.get(id)?.resolve({ payload: pooledCopy(fields.rest()), headers })
        this.#invocations.delete(id)
        return
      }
      case kinds.failure:
        this.#invocations.get(id)?.reject(readFailure(frame))
        this.#invocations.delete(id)
        return
      default:
        throw new ProtocolError(`a bus does not know frames of kind ${kind}`)
    }
  }

  #collectPublish(frame: Frame): void {
    const fields = new FieldReader(frame)
    const publishId = (frame.flags & flags.publishId) === 0 ? undefined : fields.text()
    const headers = fields.headers()
    const payload = fields.rest()
    const message: OutgoingMessage = {
      topic: frame.name,
      payload,
      headers,
      publishId,
      realtime: frame.realtime,
    }
    // Given back when it is stored: what waits for the disk is bounded by the window.
    const frameBytes = frame.size
    this.#channel.keep(frameBytes)
    this.#publishes.push({ id: frame.id, message, frameBytes })
  }

  /** At the end of a batch. */
  #publish(): void {
    const publishes = this.#publishes
    if (publishes.length === 0) return
    this.#publishes = []
    let bytes = 0
    for (const { frameBytes } of publishes) bytes += frameBytes
    this.#client
      .publish(publishes.map(({ message }) => message))
      .then(
        (outcomes) => publishes.forEach(({ id }, i) => this.#receipt(id, outcomes[i])),
        (error: unknown) => {
          const failure = toBusError(error)
          for (const { id } of publishes) this.#fail(id, failure)
        },
      )
      .finally(() => this.#channel.release(bytes))
  }

  #receipt(id: number, outcome: Parameters<typeof toReceipt>[0]): void {
    this.#answerWith(id, () => {
      const receipt = toReceipt(outcome)
      const { writer } = this.#channel
      writer.begin(kinds.receipt, 0, id, receipt.id)
      writer.f64(receipt.headId)
      writer.f64(receipt.createdAtMs)
      writer.u8(receipt.duplicate ? 1 : 0)
      writer.finish()
    })
  }

  #subscribe(id: number, options: SubscribeOptions): void {
    const sink = {
      deliver: (delivery: Delivery) => this.#deliver(id, delivery),
      end: (error: BusError) => {
        this.#subscriptions.delete(id)
        this.#ended(id, error)
      },
    }
    try {
      const inner = this.#client.subscribe(options, sink)
      this.#subscriptions.set(id, { inner, outstanding: 0, isWaiting: false })
    } catch (error) {
      this.#ended(id, toBusError(error))
    }
  }

  #deliver(id: number, delivery: Delivery): boolean {
    const subscription = this.#subscriptions.get(id)
    if (subscription === undefined) return true
    const { writer } = this.#channel
    const before = writer.length
    writer.begin(kinds.delivery, 0, id, '')
    writeDelivery(writer, delivery)
    writer.finish()
    const bytes = writer.length - before
    const { live } = this.#client
    live.sentFrames += 1
    live.sentBytes += bytes - headerBytes
    subscription.outstanding += bytes
    this.#channel.written()
    subscription.isWaiting =
      subscription.outstanding >= subscriptionWindowBytes || this.#channel.isFull
    return !subscription.isWaiting
  }

  #taken(id: number, bytes: number): void {
    const subscription = this.#subscriptions.get(id)
    if (subscription === undefined) return
    subscription.outstanding -= bytes
    this.#resume(subscription)
  }

  #resume(subscription: PortSubscription): void {
    if (!subscription.isWaiting || this.#channel.isFull) return
    if (subscription.outstanding > subscriptionWindowBytes / 2) return
    subscription.isWaiting = false
    subscription.inner.resume()
  }

  /** The channel has room again. */
  #onRoom(): void {
    for (const subscription of this.#subscriptions.values()) this.#resume(subscription)
    this.#client.live.congested(this.#isProgramCongested || this.#channel.isFull)
  }

  #request(frame: Frame): void {
    const { id } = frame
    const [method, ...args] = readValue(frame) as [PortMethod, ...unknown[]]
    if (!Object.hasOwn(this.#requests, method)) {
      throw new ProtocolError(`a bus does not know the request ${method}`)
    }
    const serve = this.#requests[method] as (...values: unknown[]) => unknown
    void this.#answer(id, async () => serve(...args))
  }

  async #answer(id: number, work: () => Promise<unknown>): Promise<void> {
    let value: unknown
    try {
      value = await work()
    } catch (error) {
      this.#fail(id, toBusError(error))
      return
    }
    this.#answerWith(id, () => writeValue(this.#channel.writer, kinds.answer, id, value))
  }

  #consume(id: number, options: ConsumeOptions): void {
    const sink = {
      deliver: (message: unknown, leaseId: string, leaseUntilMs: number) => {
        if (this.#isClosed) return
        const lease = { message, leaseId, leaseUntilMs }
        writeValue(this.#channel.writer, kinds.lease, id, lease)
        this.#channel.written()
      },
      end: (error: BusError) => {
        this.#consumers.delete(id)
        this.#ended(id, error)
      },
    }
    try {
      this.#consumers.set(id, this.#client.queue.consume(options, sink))
    } catch (error) {
      this.#ended(id, toBusError(error))
    }
  }

  #register(id: number, procedure: string): void {
    this.#answerWith(id, () => {
      const registration = this.#client.calls.register(procedure, async (invocation) =>
        this.#invoke(id, invocation),
      )
      this.#registrations.set(id, registration)
      writeValue(this.#channel.writer, kinds.answer, id, undefined)
    })
  }

  #invoke(registration: number, invocation: Invocation): Promise<CallResult> {
    const { procedure, payload, headers, caller, signal } = invocation
    const id = this.#nextInvocation++
    const { writer } = this.#channel
    writer.begin(kinds.invoke, 0, id, procedure)
    writer.u32(registration)
    writer.text(caller)
    writer.headers(headers)
    writer.rest(payload)
    writer.finish()
    this.#channel.written()
    signal.addEventListener('abort', () => {
      if (!this.#invocations.delete(id) || this.#isClosed) return
      writer.addEmpty(kinds.abort, id)
      this.#channel.written()
    })
    return new Promise((resolve, reject) => {
      this.#invocations.set(id, { resolve, reject })
    })
  }

  #call(frame: Frame): void {
    const { id, name: procedure } = frame
    const fields = new FieldReader(frame)
    const timeoutMs = fields.f64()
    const headers = fields.headers()
    const payload = pooledCopy(fields.rest())
    const abort = new AbortController()
    this.#calls.set(id, abort)
    this.#client.calls
      .call({
        procedure,
        payload,
        headers,
        timeoutMs: Number.isNaN(timeoutMs) ? undefined : timeoutMs,
        signal: abort.signal,
      })
      .then(
        (result) => {
          this.#answerWith(id, () => {
            const { writer } = this.#channel
            writer.begin(kinds.result, 0, id, '')
            writer.headers(result.headers)
            writer.rest(result.payload)
            writer.finish()
          })
        },
        (error: unknown) => this.#fail(id, toBusError(error)),
      )
      .finally(() => this.#calls.delete(id))
  }

  /** Writes an answer; what it throws is the answer instead. */
  #answerWith(id: number, write: () => void): void {
    if (this.#isClosed) return
    try {
      write()
    } catch (error) {
      writeFailure(this.#channel.writer, kinds.failure, id, toBusError(error))
    }
    this.#channel.written()
  }

  #fail(id: number, error: BusError): void {
    if (this.#isClosed) return
    writeFailure(this.#channel.writer, kinds.failure, id, error)
    this.#channel.written()
  }

  #ended(id: number, error: BusError): void {
    if (this.#isClosed) return
    writeFailure(this.#channel.writer, kinds.ended, id, error)
    this.#channel.written()
  }

  #end(error: Error | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // The core forgets subscriptions, registrations, calls and leases with the client.
    this.#client.close()
    for (const call of this.#calls.values()) call.abort()
    this.#onClosed(error)
  }
}
