/**
 * One Join call: a client of the bus with a name, for as long as the stream lives. What the bus puts
 * into its inbox is encoded at once, since it is borrowed, and sent together once per turn of the loop.
 * A client that does not read is congested, which stops those who feed it, and is cut off when that lasts too
 * long, or when what comes from those who cannot be stopped is too much.
 */

import { ProtoWriter } from '../../base/proto-writer.ts'
import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { Inbox, PresenceEvent, Sender } from '../../core/live.ts'
import { BusError } from '../../model/errors.ts'
import { nameMatches } from '../../model/name-mask.ts'
import { encodeJoinResponse, type JoinRequest } from '../../wire/gen/msgbus-v2.ts'
import { mayKnowOf } from '../visible-clients.ts'
import type { Connection, SendingClient } from './connection.ts'
import type { ResponseStream } from './response-stream.ts'
import { SendGate } from './send-gate.ts'
import { StallWatch } from './stall-watch.ts'

/** Messages of one turn are sent together up to so many bytes. */
const responseBytes = 65_536
/** What may wait for a client to read, beyond what it was told to have no room for. */
const unreadBytesMost = 16_777_216

/** Field 2 of JoinResponse, and the fields of ReceivedMessage. */
const tags = { messages: 0x12, sender: 0x0a, payload: 0x12, broadcast: 0x18, realtime: 0x20 }

export class JoinStream implements Inbox, SendingClient {
  readonly client: BusClient
  readonly gate = new SendGate()
  ended: BusError | undefined
  readonly #responses: ResponseStream
  readonly #writer = new ProtoWriter()
  readonly #release: (() => void)[] = []
  readonly #stallWatch: StallWatch
  #reason: BusError | undefined
  #messageWidth = 1
  #isFlushDue = false

  /** @throws BusError as `Bus.connect` */
  constructor(
    connection: Connection,
    { name, replace }: JoinRequest,
    responses: ResponseStream,
    clock: Clock,
  ) {
    this.#responses = responses
    this.client = connection.join(name, replace, this)
    const limitMs = connection.limits.slowClientMs
    this.#stallWatch = new StallWatch({
      clock,
      limitMs,
      progress: () => responses.progress,
      onStalled: () => this.#cutOff(`nothing was read for ${limitMs} ms`),
    })
    this.#release.push(
      connection.addNamed(name, this),
      () => this.#stallWatch.stop(),
      () => this.client.close(this.#reason),
      () => this.gate.close(gone()),
    )
  }

  start(bus: Bus, presence: string): void {
    this.#responses.account = this.client.live
    this.#responses.onRoom = () => this.#roomChanged()
    this.#responses.onEnd(() => this.#leave())
    this.#send(encodeJoinResponse({ joined: {} }))
    if (presence === '') return
    const stopWatching = bus.onPresence((event) => {
      if (nameMatches(presence, event.name) && mayKnowOf(this.client)(event)) this.#tell(event)
    })
    this.#release.push(stopWatching)
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

  /** Whoever sends under the name waits at the gate. */
  pause(): void {
    this.gate.pause()
  }

  resume(): void {
    this.gate.resume()
  }

  end(error: BusError): void {
    this.ended = error
    this.#flush()
    this.#responses.fail(error)
  }

  #leave(): void {
    for (const release of this.#release.splice(0)) release()
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
    this.client.live.congested(true)
    this.#stallWatch.start()
    const { unsentBytes } = this.#responses
    if (unsentBytes > unreadBytesMost) this.#cutOff(`${unsentBytes} bytes wait to be read`)
  }

  #cutOff(why: string): void {
    this.#reason = new BusError('resource_exhausted', 'slow_client', why)
    this.#responses.fail(this.#reason)
    // The status waits behind what is not read; the name must not. Later, since the bus may be about to
    // make a sender wait for this client.
    queueMicrotask(() => this.#leave())
  }

  #roomChanged(): void {
    if (this.#responses.isEnded || !this.#responses.hasRoom) return
    this.#stallWatch.stop()
    this.client.live.congested(false)
  }
}

function gone(): BusError {
  return new BusError('unavailable', 'connection_lost', 'the name was given back')
}
