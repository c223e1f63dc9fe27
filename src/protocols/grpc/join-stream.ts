/**
 * One Join call: a client of the bus with a name, for as long as the stream lives. What the bus puts
 * into its inbox is encoded at once, since it is borrowed, and sent together once per turn of the loop.
 *
 * Memory is bounded in both directions: a client that does not read is congested, which stops those
 * who feed it, and is cut off when what comes from those who cannot be stopped is too much; and nothing
 * is read from a client while receivers of its messages, or its own stream, have no room.
 */

import { ProtoWriter } from '../../base/proto-writer.ts'
import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Inbox, PresenceEvent, Sender } from '../../core/live.ts'
import { BusError, toBusError } from '../../model/errors.ts'
import { nameMatches } from '../../model/name-mask.ts'
import {
  type Dispatch,
  type DispatchResult,
  encodeJoinResponse,
  type JoinRequest,
} from '../../wire/gen/msgbus-v2.ts'
import type { Caller, RequestStream } from './calls.ts'
import { broadcastTo, sendTo } from './direct-message.ts'
import type { ResponseStream } from './response-stream.ts'
import { SendGate } from './send-gate.ts'
import { toRefusal } from './translate.ts'

/** Messages of one turn are sent together up to so many bytes. */
const responseBytes = 65_536
/** What may wait for a client to read, beyond what it was told to have no room for. */
const unreadBytesMost = 16_777_216
/** Empty messages take few bytes each; without a bound one request could become millions of them. */
const batchMessages = 10_000

/** Field 2 of JoinResponse, and the fields of ReceivedMessage. */
const tags = { messages: 0x12, sender: 0x0a, payload: 0x12, broadcast: 0x18, realtime: 0x20 }

export class JoinStream implements Inbox {
  readonly gate = new SendGate()
  readonly #bus: Bus
  readonly #caller: Caller
  readonly #requests: RequestStream<JoinRequest>
  readonly #responses: ResponseStream
  readonly #writer = new ProtoWriter()
  readonly #release: (() => void)[] = []
  /** Undefined before the first request. */
  #client: BusClient | undefined
  #messageWidth = 1
  #isFlushDue = false
  #isReading = true

  constructor(
    bus: Bus,
    caller: Caller,
    requests: RequestStream<JoinRequest>,
    responses: ResponseStream,
  ) {
    this.#bus = bus
    this.#caller = caller
    this.#requests = requests
    this.#responses = responses
  }

  start(): void {
    this.gate.onResume(() => this.#readOn())
    this.#responses.onRoom = () => this.#roomChanged()
    this.#responses.onEnd(() => this.#leave())
    this.#requests.on('data', (request) => this.#accept(request))
    this.#requests.on('end', () => {
      if (this.#client === undefined) this.#responses.finish()
    })
  }

  get queuedBytes(): number {
    return this.#responses.unsentBytes + this.#writer.length
  }

  message(sender: Sender, bytes: Uint8Array, start: number, end: number, realtime: boolean): void {
    this.#deliver(sender, bytes, start, end, false, realtime)
  }

  broadcast(
    sender: Sender,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): void {
    this.#deliver(sender, bytes, start, end, true, realtime)
  }

  /** Never called: Subscribe is how gRPC clients subscribe. */
  publication(): void {}

  pause(): void {
    this.gate.pause()
    this.#stopReading()
  }

  resume(): void {
    this.gate.resume()
  }

  end(error: BusError): void {
    this.#flush()
    this.#responses.fail(error)
  }

  #accept({ joining, messages, batchId }: JoinRequest): void {
    if (this.#client === undefined) {
      if (joining === undefined) throw badRequest('the first request of Join says who joins')
      this.#client = this.#join(joining)
    } else if (joining !== undefined) {
      throw badRequest('only the first request of Join says who joins')
    }
    if (messages.length > batchMessages) {
      const text = `a batch of ${messages.length} messages, limit ${batchMessages}`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    const results: Partial<DispatchResult>[] = []
    for (const message of messages) results.push(dispatch(this.#client, message))
    if (batchId !== 0) this.#send(encodeJoinResponse({ results: { batchId, results } }))
    if (!this.#mayRead()) this.#stopReading()
  }

  #join({ name, replace, presence }: NonNullable<JoinRequest['joining']>): BusClient {
    const { connection } = this.#caller
    const client = connection.join(name, replace, this)
    this.#responses.account = client.live
    this.#release.push(connection.addNamed(name, { client, gate: this.gate }), () => client.close())
    this.#send(encodeJoinResponse({ joined: {} }))
    if (presence !== '') {
      const stopWatching = this.#bus.onPresence((event) => {
        if (nameMatches(presence, event.name)) this.#tell(event)
      })
      this.#release.push(stopWatching)
    }
    return client
  }

  #leave(): void {
    for (const release of this.#release.splice(0)) release()
    this.gate.close(new BusError('unavailable', 'connection_lost', 'the name was given back'))
  }

  #deliver(
    sender: Sender,
    bytes: Uint8Array,
    start: number,
    end: number,
    isBroadcast: boolean,
    realtime: boolean,
  ): void {
    const writer = this.#writer
    // A large message goes alone, so that it is no larger than it must be.
    if (writer.length > 0 && writer.length + end - start > responseBytes) this.#flush()
    const at = writer.begin(tags.messages, this.#messageWidth)
    if (sender.nameBytes.length > 0) writer.bytes(tags.sender, sender.nameBytes)
    if (end > start) writer.bytes(tags.payload, bytes.subarray(start, end))
    if (isBroadcast) writer.bool(tags.broadcast, true)
    if (realtime) writer.bool(tags.realtime, true)
    this.#messageWidth = writer.end(at, this.#messageWidth)
    if (realtime || writer.length >= responseBytes) this.#flush()
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true
      queueMicrotask(this.#flushDue)
    }
  }

  readonly #flushDue = (): void => {
    this.#isFlushDue = false
    this.#flush()
  }

  #tell({ kind, name, secondary, protocol, reason }: PresenceEvent): void {
    const value = kind === 'left' ? { reason: reason?.reason } : {}
    const change = { case: kind, value } as const
    this.#send(encodeJoinResponse({ presence: [{ name, secondary, protocol, change }] }))
  }

  /** Sends a response after the messages that came before it. */
  #send(response: Uint8Array): void {
    this.#flush()
    this.#write(response)
  }

  #flush(): void {
    if (this.#writer.length === 0) return
    const response = this.#writer.finish()
    this.#writer.reset()
    this.#write(response)
  }

  #write(response: Uint8Array): void {
    if (this.#responses.send([response]) || this.#responses.isEnded) return
    this.#client?.live.congested(true)
    if (this.#responses.unsentBytes <= unreadBytesMost) return
    const text = `${this.#responses.unsentBytes} bytes wait to be read`
    this.#responses.fail(new BusError('resource_exhausted', 'slow_client', text))
    // The status waits behind what is not read; the name must not. Later, since the bus is about to
    // make the sender wait for this client.
    queueMicrotask(() => this.#leave())
  }

  #roomChanged(): void {
    if (this.#responses.isEnded || !this.#responses.hasRoom) return
    this.#client?.live.congested(false)
    this.#readOn()
  }

  #mayRead(): boolean {
    return !this.gate.isPaused && this.#responses.hasRoom
  }

  #stopReading(): void {
    if (!this.#isReading) return
    this.#isReading = false
    this.#requests.pause()
  }

  #readOn(): void {
    if (this.#isReading || !this.#mayRead()) return
    this.#isReading = true
    this.#requests.resume()
  }
}

function dispatch(client: BusClient, { to, payload, realtime }: Dispatch): Partial<DispatchResult> {
  try {
    switch (to?.case) {
      case 'target':
        sendTo(client, to.value, payload, realtime)
        return { receivers: 1 }
      case 'mask':
        return { receivers: broadcastTo(client, to.value, payload, realtime) }
      case undefined:
        throw badRequest('a message needs a target or a mask')
    }
  } catch (error) {
    return { refusal: toRefusal(toBusError(error)) }
  }
}

function badRequest(text: string): BusError {
  return new BusError('invalid_argument', 'bad_argument', text)
}
