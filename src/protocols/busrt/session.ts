/**
 * One BUS/RT client: its frames become calls of the bus, what the bus has for it becomes frames
 * (spec/busrt 1.3, 2.4, 3). Knows no socket, only where bytes come in and the outbox where they go out, so
 * it serves every transport.
 *
 * Frames of one client are handled strictly in order. Publications that ask for an acknowledgement are stored
 * first (architecture 4); several of them may be on their way to the disk together, but no other frame
 * overtakes them: until they are answered, the decoder keeps what follows. The same gate holds frames back
 * while somebody this client sends to has no room.
 */

import { copyOf } from '../../base/copy-of.ts'
import { isUtf8 } from 'node:buffer'
import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Inbox, LiveOperations, Publication, Sender } from '../../core/live.ts'
import type { Logger } from '../../core/logger.ts'
import { BusError, ProtocolError, toBusError } from '../../model/errors.ts'
import type { Identity } from '../../model/identity.ts'
import { type LevelFilter, levelFilter } from '../../model/level-filter.ts'
import { noHeaders } from '../../model/message.ts'
import { isBlankName } from '../../model/name.ts'
import type { Outbox } from '../../net/outbox.ts'
import type { Admission, Newcomer } from '../admission.ts'
import {
  ackFlag,
  deliveryKinds,
  greeting,
  maxNameBytes,
  opcodeMask,
  opcodes,
  realtimeFlag,
  requestHeaderBytes,
  results,
} from '../../wire/busrt/frames.ts'
import { FrameDecoder, type FrameHandler } from './codec.ts'
import { writeAck, writeMessage, writePing, writePublication } from './frame-writer.ts'
import { Handshake } from './handshake.ts'
import { LastTarget } from './last-target.ts'
import { registrationResult, resultOfError, resultOfSend } from './translate.ts'

/** What a session needs of the connection it serves. */
export interface SessionLink extends Newcomer {
  readonly transport: string
  readonly outbox: Outbox
  /** Bytes the other side did not take; falls whenever it reads. */
  readonly unsentBytes: number
  pause(): void
  resume(): void
  /** Writes what is in the outbox, then closes. */
  end(): void
}

export interface SessionOptions {
  readonly bus: Bus
  readonly admission: Admission
  readonly logger: Logger
  readonly link: SessionLink
  /** Milliseconds; what the protocol calls the server's timeout. */
  readonly timeoutMs: number
  readonly maxFrameBytes: number
  /** A newcomer takes a name that is taken (spec 4.3). */
  readonly forceRegister: boolean
  /** Monotonic milliseconds, as of the last tick: exact enough, and free. */
  readonly now: () => number
  /** Runs once everything the system reported in this turn was handled. */
  readonly afterEvents: (task: () => void) => void
  readonly onClosed: () => void
}

/** Every client starts subscribed to this (spec 4.5). */
const warnings = levelFilter('busrt', '.broker/warn')

/** Reasons for keeping frames back, as bits of the gate. */
const publishing = 1
const paused = 2
const unread = 4
const closed = 8

/** Publications of one client that may be on their way to the disk; beyond it nothing more is taken. */
const publicationsMost = 1_000
const publicationBytesMost = 4_194_304
/** Looks at a name that is taken, before it is refused: its owner's end may be waiting to be read. */
const nameLooksMost = 3

interface PendingPublication {
  readonly opId: Uint8Array
  readonly bytes: number
  result: number | undefined
}

export class BusrtSession implements FrameHandler, Inbox {
  gate = 0
  readonly #options: SessionOptions
  readonly #outbox: Outbox
  readonly #decoder: FrameDecoder
  /** Undefined once registered. */
  #handshake: Handshake | undefined = new Handshake()
  #client: BusClient | undefined
  #live: LiveOperations | undefined
  readonly #pending: PendingPublication[] = []
  #pendingBytes = 0
  readonly #target = new LastTarget()
  /** When the last frame, or before registration the last step of the handshake, was complete. */
  #lastFrameAt: number
  #lastByteAt: number
  #nextPingAt = Infinity
  /** Frames it had been sent at the last look: a client that takes what it is sent is not idle. */
  #sentFramesSeen = 0
  /** While the outbox is full: what was unsent at the last look, and since when it is the same. */
  #stalledBytes = 0
  #stalledSince = 0
  #hasEnded = false
  #isWelcome = false

  constructor(options: SessionOptions) {
    this.#options = options
    this.#outbox = options.link.outbox
    this.#decoder = new FrameDecoder(this, options.maxFrameBytes)
    this.#lastFrameAt = options.now()
    this.#lastByteAt = this.#lastFrameAt
    this.#outbox.push(Uint8Array.from(greeting), true)
  }

  get name(): string {
    return this.#live?.name ?? ''
  }

  get queuedBytes(): number {
    return this.#outbox.queuedBytes
  }

  // From the connection

  /** Input, borrowed for the call. */
  receive(bytes: Uint8Array, length: number): void {
    if ((this.gate & closed) !== 0) return
    this.#lastByteAt = this.#options.now()
    try {
      const at = this.#handshake === undefined ? 0 : this.#greet(bytes, length)
      if (at < length && (this.gate & closed) === 0) this.#decoder.push(bytes, at, length)
    } catch (error) {
      this.#break(error)
      return
    }
    if (this.gate !== 0 && (this.gate & closed) === 0) this.#holdBack()
  }

  /** The client sent everything it will send: what it sent still counts. */
  inputEnded(): void {
    this.#hasEnded = true
    this.#endIfDone()
  }

  /** The connection is gone. */
  connectionClosed(): void {
    this.#close(undefined)
  }

  /** The outbox is above its high mark. */
  outboxFull(): void {
    this.#stalledBytes = this.#options.link.unsentBytes
    this.#stalledSince = this.#options.now()
    this.#live?.congested(true)
  }

  /** The outbox is empty again. */
  outboxEmpty(): void {
    this.#live?.congested(false)
    if ((this.gate & unread) === 0) return
    this.gate &= ~unread
    this.#goOn()
  }

  /** Looks at the time limits; called some times per timeout. */
  tick(): void {
    const now = this.#options.now()
    const { timeoutMs } = this.#options
    if (this.#handshake !== undefined) {
      if (now - this.#lastFrameAt >= timeoutMs) this.#finish(undefined)
      return
    }
    if (this.#outbox.isFull) {
      if (this.#isStalled(now)) return
    } else if (this.#live !== undefined && this.#live.sentFrames !== this.#sentFramesSeen) {
      this.#sentFramesSeen = this.#live.sentFrames
      this.#lastFrameAt = now
    }
    const isWaitedFor = this.gate === 0 && !this.#hasEnded
    const { isMidFrame } = this.#decoder
    if (isWaitedFor && isMidFrame && now - this.#lastByteAt >= timeoutMs) {
      this.#finish(undefined)
    } else if (isWaitedFor && !isMidFrame && now - this.#lastFrameAt > idleFactor * timeoutMs) {
      this.#finish(undefined)
    } else if (now >= this.#nextPingAt) {
      this.#nextPingAt += timeoutMs / 2
      if (!this.#outbox.isFull) writePing(this.#outbox)
    }
  }

  // From the decoder

  admits(flags: number): boolean {
    if (this.gate !== publishing) return false
    const isPublication = (flags & opcodeMask) === opcodes.publish && (flags & ackFlag) !== 0
    return (
      isPublication &&
      this.#pending.length < publicationsMost &&
      this.#pendingBytes < publicationBytesMost
    )
  }

  ping(): void {
    this.#lastFrameAt = this.#lastByteAt
  }

  frame(bytes: Uint8Array, head: number, end: number): void {
    const live = this.#live as LiveOperations
    const flags = bytes[head + 4] as number
    const body = head + requestHeaderBytes
    this.#lastFrameAt = this.#lastByteAt
    live.receivedFrames += 1
    live.receivedBytes += end - body
    const realtime = (flags & realtimeFlag) !== 0
    const opcode = flags & opcodeMask
    if (opcode === opcodes.message) {
      const target = this.#target
      if (!target.isAt(bytes, body, end) || target.version !== live.namesVersion) {
        const nul = endOfText(bytes, body, end)
        if (nul - body > maxNameBytes) {
          if ((flags & ackFlag) !== 0) this.#ack(bytes, head, results.notRegistered)
          return
        }
        target.remember(bytes, body, nul, live)
      }
      const payload = body + target.length + 1
      const outcome =
        target.peer === undefined
          ? live.sendToNobody(bytes, body, payload - 1)
          : live.sendTo(target.peer, bytes, payload, end, realtime)
      if ((flags & ackFlag) !== 0) this.#ack(bytes, head, resultOfSend[outcome])
      return
    }
    const isAcked = (flags & ackFlag) !== 0
    switch (opcode) {
      case opcodes.publish:
        this.#publish(bytes, head, end, realtime, isAcked)
        break
      case opcodes.broadcast: {
        const nul = endOfText(bytes, body, end)
        // No name is as long as that, so nobody is meant; 01 is the answer then, too.
        const isTooLong = nul - body > maxNameBytes
        const mask = isTooLong ? '' : textOf(bytes, body, nul)
        const result = attempt(() => live.broadcast(mask, bytes, nul + 1, end, realtime))
        if (isAcked) this.#ack(bytes, head, result)
        break
      }
      case opcodes.publishFor: {
        const nul = endOfText(bytes, body, end)
        const receiverEnd = endOfText(bytes, nul + 1, end)
        const isTooLong = receiverEnd - nul > maxNameBytes
        const only = isTooLong ? '' : textOf(bytes, nul + 1, receiverEnd)
        const outcome = live.publish(bytes, body, nul, receiverEnd + 1, end, realtime, only)
        if (isAcked) this.#ack(bytes, head, resultOfPublish[outcome])
        break
      }
      case opcodes.nop:
        // Not a ping, since it has quality bits: a body without a zero ends the connection (spec 2.2).
        endOfText(bytes, body, end)
        break
      default: {
        const result = this.#changeFilters(opcode, bytes, body, end)
        if (isAcked) this.#ack(bytes, head, result)
      }
    }
  }

  // From the bus

  message(sender: Sender, bytes: Uint8Array, start: number, end: number, realtime: boolean): void {
    const live = this.#live ?? this.#welcome()
    const kind = deliveryKinds.message
    live.sentBytes += writeMessage(this.#outbox, kind, sender, bytes, start, end, realtime)
    live.sentFrames += 1
  }

  broadcast(
    sender: Sender,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): void {
    const live = this.#live ?? this.#welcome()
    const kind = deliveryKinds.broadcast
    live.sentBytes += writeMessage(this.#outbox, kind, sender, bytes, start, end, realtime)
    live.sentFrames += 1
  }

  publication(publication: Publication): void {
    const live = this.#live ?? this.#welcome()
    live.sentBytes += writePublication(this.#outbox, publication)
    live.sentFrames += 1
  }

  pause(): void {
    this.gate |= paused
    this.#options.link.pause()
  }

  resume(): void {
    if ((this.gate & paused) === 0) return
    this.gate &= ~paused
    this.#goOn()
  }

  end(error: BusError): void {
    this.#finish(error)
  }

  #greet(bytes: Uint8Array, length: number): number {
    let at = 0
    const handshake = this.#handshake as Handshake
    while (at < length) {
      const steps = handshake.steps
      const step = handshake.take(bytes, at, length)
      at = handshake.taken
      if (handshake.steps !== steps) this.#lastFrameAt = this.#lastByteAt
      switch (step.kind) {
        case 'more':
          if (at === length) return at
          break
        case 'greeted':
          this.#outbox.push(Uint8Array.of(results.ok), true)
          break
        case 'unsupported':
          this.#refuse(results.notSupported)
          return length
        case 'broken':
          this.#finish(undefined)
          return length
        case 'named':
          this.#handshake = undefined
          this.#identify(step.name)
          return at
      }
    }
    return at
  }

  /** The protocol knows names only, so who it is has to be proved by the connection. */
  #identify(name: string): void {
    const { admission, link, logger } = this.#options
    if (admission.isOpen) {
      this.#register(name, admission.nameless(link), nameLooksMost)
      return
    }
    // Nothing of this client is handled until it is known.
    this.gate |= paused
    admission.byConnection(link).then(
      (identity) => {
        if ((this.gate & closed) !== 0) return
        this.gate &= ~paused
        if (identity === undefined) this.#refuse(results.denied)
        else this.#register(name, identity, nameLooksMost)
        if (this.#live !== undefined) this.#goOn()
      },
      (error: unknown) => {
        const { reason, code } = toBusError(error)
        logger.info('busrt_refused', { client: name, source: link.source, reason })
        if ((this.gate & closed) === 0) {
          this.#refuse(code === 'internal' ? results.io : results.denied)
        }
      },
    )
  }

  /** @param looks how often a name that is taken is looked at again */
  #register(name: string, identity: Identity, looks: number): void {
    const { bus, link, forceRegister, afterEvents, now, timeoutMs } = this.#options
    if (name === '') {
      this.#refuse(results.badData)
      return
    }
    try {
      const client = bus.connect(identity, {
        name,
        replace: forceRegister,
        inbox: this,
        protocol: 'busrt',
        transport: link.transport,
        source: link.source,
        listener: link.listener,
      })
      this.#client = client
      this.#welcome()
      this.#live = client.live
      client.live.subscribe(warnings)
    } catch (error) {
      const refusal = toBusError(error)
      if (refusal.reason === 'name_taken' && looks > 0) {
        // Its owner may have gone in this very turn; nothing of this client is handled meanwhile.
        this.gate |= paused
        afterEvents(() => {
          if ((this.gate & closed) !== 0) return
          this.gate &= ~paused
          this.#register(name, identity, looks - 1)
          if (this.#live !== undefined) this.#goOn()
        })
        return
      }
      this.#refuse(registrationResult(refusal))
      return
    }
    const at = now()
    this.#lastFrameAt = at
    this.#nextPingAt = at + timeoutMs / 2
  }

  /**
   * Answers the registration: when it is done, or before, in front of what somebody who was told of this client sends it
   * at once. Answers with counters for that.
   */
  #welcome(): Pick<LiveOperations, 'sentFrames' | 'sentBytes'> {
    if (!this.#isWelcome) this.#outbox.push(Uint8Array.of(results.ok), true)
    this.#isWelcome = true
    return { sentFrames: 0, sentBytes: 0 }
  }

  #publish(
    bytes: Uint8Array,
    head: number,
    end: number,
    realtime: boolean,
    isAcked: boolean,
  ): void {
    const live = this.#live as LiveOperations
    const body = head + requestHeaderBytes
    const nul = endOfText(bytes, body, end)
    if (!isAcked) {
      live.publish(bytes, body, nul, nul + 1, end, realtime)
      return
    }
    if (nul - body > this.#options.bus.limits.topicBytes) {
      this.#ackPublication(bytes, head, results.badData)
      return
    }
    const topic = textOf(bytes, body, nul)
    if (topic.startsWith(reservedPrefix)) {
      this.#ackPublication(bytes, head, results.denied)
      return
    }
    if (isNeverStored(topic)) {
      const outcome = live.publish(bytes, body, nul, nul + 1, end, realtime)
      this.#ackPublication(bytes, head, resultOfPublish[outcome])
      return
    }
    const payload = copyOf(bytes, nul + 1, end)
    const pending: PendingPublication = {
      opId: copyOf(bytes, head, head + 4),
      bytes: payload.length,
      result: undefined,
    }
    this.#pending.push(pending)
    this.#pendingBytes += pending.bytes
    this.gate |= publishing
    const client = this.#client as BusClient
    const message = { topic, payload, headers: noHeaders, history: true, realtime }
    client.publish([message]).then(
      ([outcome]) => {
        const isRefused = outcome?.kind === 'rejected'
        this.#published(pending, isRefused ? resultOfError(outcome.error) : results.ok)
      },
      (error: unknown) => this.#published(pending, resultOfError(toBusError(error))),
    )
  }

  /** The answer is known already; others that are on their way come first. */
  #ackPublication(bytes: Uint8Array, head: number, result: number): void {
    if (this.#pending.length === 0) this.#ack(bytes, head, result)
    else this.#pending.push({ opId: copyOf(bytes, head, head + 4), bytes: 0, result })
  }

  /** Answers publications in the order in which they came. */
  #published(pending: PendingPublication, result: number): void {
    pending.result = result
    this.#pendingBytes -= pending.bytes
    if ((this.gate & closed) !== 0) return
    while (this.#pending[0]?.result !== undefined) {
      const first = this.#pending.shift()
      if (first?.result !== undefined) this.#ack(first.opId, 0, first.result)
    }
    if (this.#pending.length > 0 && this.#decoder.keptBytes === 0) return
    if (this.#pending.length === 0) this.gate &= ~publishing
    this.#goOn()
  }

  #ack(bytes: Uint8Array, id: number, result: number): void {
    writeAck(this.#outbox, bytes, id, result)
    const live = this.#live as LiveOperations
    live.sentFrames += 1
    live.sentBytes += ackBytes
    // Whoever does not read its acknowledgements is not read from. Twice the mark, since a service under a flood of
    // requests has its outbox full of them and must still be able to answer.
    const outbox = this.#outbox
    if (outbox.isFull && outbox.queuedBytes > 2 * this.#options.bus.limits.outboxBytes) {
      this.gate |= unread
    }
  }

  /** The list is divided by zeros, none behind the last; an empty body is one empty filter (spec 2.1). */
  #changeFilters(opcode: number, bytes: Uint8Array, start: number, end: number): number {
    if (!isUtf8(bytes.subarray(start, end))) throw notUtf8()
    const { limits } = this.#options.bus
    let result: number = results.ok
    let filters = 0
    for (let at = start; at <= end; filters += 1) {
      // Nobody may have so many; whoever names them all the same is not served for seconds.
      if (filters >= limits.filtersPerClient) return results.notDelivered
      const nul = bytes.indexOf(0, at)
      const next = nul === -1 || nul > end ? end : nul
      const isTooLong = next - at > limits.topicBytes
      const one = isTooLong
        ? results.badData
        : this.#changeFilter(opcode, levelFilter('busrt', textOf(bytes, at, next)))
      // One answer per operation: the first refusal, while the others of the list are applied.
      if (result === results.ok) result = one
      at = next + 1
    }
    return result
  }

  #changeFilter(opcode: number, filter: LevelFilter): number {
    const live = this.#live as LiveOperations
    return attempt(() => {
      switch (opcode) {
        case opcodes.subscribe:
          live.subscribe(filter)
          break
        case opcodes.unsubscribe:
          live.unsubscribe(filter)
          break
        case opcodes.exclude:
          live.exclude(filter)
          break
        case opcodes.unexclude:
          live.unexclude(filter)
          break
      }
    })
  }

  /** Handles what was kept back, and reads on when all of it could be. */
  #goOn(): void {
    if ((this.gate & closed) !== 0) return
    this.#lastByteAt = this.#options.now()
    this.#lastFrameAt = this.#lastByteAt
    try {
      this.#decoder.resume()
    } catch (error) {
      this.#break(error)
      return
    }
    if (!this.#holdBack()) this.#options.link.resume()
    this.#endIfDone()
  }

  /** Reads no further while frames are kept back; what is kept is one chunk at most. */
  #holdBack(): boolean {
    const isHeldUp =
      (this.gate & ~publishing) !== 0 || (this.gate !== 0 && this.#decoder.isMidFrame)
    if (isHeldUp) this.#options.link.pause()
    return isHeldUp
  }

  #endIfDone(): void {
    if (this.#hasEnded && this.gate === 0) this.#finish(undefined)
  }

  #isStalled(now: number): boolean {
    const { link, bus } = this.#options
    const unsent = link.unsentBytes
    // It rises, too, when the system has taken one write and gets the next.
    if (unsent !== this.#stalledBytes) {
      this.#stalledBytes = unsent
      this.#stalledSince = now
      this.#lastFrameAt = now
      return false
    }
    if (now - this.#stalledSince < bus.limits.slowClientMs) return false
    const text = `${this.name} did not read for ${bus.limits.slowClientMs} ms`
    this.#finish(new BusError('aborted', 'slow_client', text))
    return true
  }

  #refuse(result: number): void {
    this.#outbox.push(Uint8Array.of(result), true)
    this.#finish(undefined)
  }

  #break(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error
    const { logger, link } = this.#options
    const { source } = link
    logger.info('busrt_protocol_error', { client: this.name, source, reason: error.message })
    this.#finish(undefined)
  }

  /** Ends it from this side: what is in the outbox still goes out. */
  #finish(reason: BusError | undefined): void {
    if ((this.gate & closed) !== 0) return
    this.#close(reason)
    this.#options.link.end()
  }

  #close(reason: BusError | undefined): void {
    if ((this.gate & closed) !== 0) return
    this.gate |= closed
    this.#handshake = undefined
    this.#client?.close(reason)
    this.#options.onClosed()
  }
}

/** The reference drops a client this many timeouts after its last frame (spec 3.4). */
const idleFactor = 1.25
const ackBytes = 6

const resultOfPublish = {
  published: results.ok,
  denied: results.denied,
  refused: results.badData,
} as const

/** What the daemon itself has to say; nobody else may. */
const reservedPrefix = '$msgbus.'

/** Topics that no log can have, blank ones and the broker's own events: acknowledged once routed. */
function isNeverStored(topic: string): boolean {
  return isBlankName(topic) || topic.startsWith('.broker/')
}

function attempt(operation: () => void): number {
  try {
    operation()
    return results.ok
  } catch (error) {
    return resultOfError(toBusError(error))
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end))
}

/**
 * Where the text at `start` ends: at the first zero.
 * @throws ProtocolError when there is none, or the text is no UTF-8
 */
function endOfText(bytes: Uint8Array, start: number, end: number): number {
  let highBits = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    if (byte === 0) {
      if (highBits >= 0x80 && !isUtf8(bytes.subarray(start, at))) throw notUtf8()
      return at
    }
    highBits |= byte
  }
  throw new ProtocolError('a text is not ended by a zero')
}

function notUtf8(): ProtocolError {
  return new ProtocolError('a text is not UTF-8')
}
