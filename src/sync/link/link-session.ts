/**
 * A link between two daemons, once somebody has dialled: both sides say who they are, then each gives and takes, and
 * live traffic passes in between (ADR 0014). A session ends with its connection; what is worth remembering stands in
 * `LinkMemory`.
 */

import type { Clock, Timer } from '../../core/clock.ts'
import type { LogStore } from '../../core/log-store.ts'
import { BusError, ProtocolError } from '../../model/errors.ts'
import type { LogKey } from '../../model/message.ts'
import { formatNodeId, type NodeId } from '../../model/node-id.ts'
import type { FrameHandler, FrameStream } from '../../net/frame-stream.ts'
import type { LinkFrame, LinkHello } from '../../wire/gen/msgbus-link.ts'
import type { LiveChannel, LiveReceiver, LiveTraffic } from '../live-channel.ts'
import type { RecoveryGate } from '../recovery-gate.ts'
import type { LogReportsOptions } from '../log-reports.ts'
import type { PeerSession } from '../peer-link.ts'
import { checkIdentity } from '../peer-claims.ts'
import { allowsTopic, type PeerRules } from '../peer-rules.ts'
import type { Heads } from '../sync-rows.ts'
import type { FetchSlots } from '../fetch-slots.ts'
import { within } from '../waiting.ts'
import { readFrame } from './link-reader.ts'
import { alreadyLinked, closeError, lost, toClose } from './link-errors.ts'
import { LinkGiver } from './link-giver.ts'
import type { LinkMemory } from './link-memory.ts'
import type { LinkTable } from './link-table.ts'
import { LinkTaker } from './link-taker.ts'
import { LinkWriter } from './link-writer.ts'

export interface LinkOptions extends LogReportsOptions {
  readonly own: NodeId
  /** The node that must answer; undefined: whoever does. */
  readonly pin: NodeId | undefined
  readonly rules: PeerRules
  readonly store: LogStore
  readonly clock: Clock
  readonly slots: FetchSlots
  readonly memory: LinkMemory
  readonly table: LinkTable
  readonly live: LiveTraffic | undefined
  readonly recovery: RecoveryGate
  /** Larger messages are not taken. */
  readonly envelopeBytes: number
  /** How long the other side may take to say who it is. */
  readonly helloMs: number
  /** A link on which nothing comes for so long is given up; a third of it after the last frame it is asked for a sign. */
  readonly stallMs: number
}

const version = 1
/** Batches that may be on their way, or wait to be stored. */
const windowBytes = 4_194_304
/** What live traffic may have waiting before its senders are held. */
const liveMarkBytes = 1_048_576

export class LinkSession implements PeerSession, FrameHandler {
  readonly kind = 'link'
  readonly isOutgoing: boolean
  readonly upSinceMs: number
  /** Milliseconds between a question and its answer; undefined before the first. */
  rttMs: number | undefined
  receivedBytes = 0
  #options: LinkOptions
  #welcome: ((node: NodeId) => LinkOptions) | undefined
  readonly #stream: FrameStream
  readonly #writer: LinkWriter
  readonly #ended: Promise<void>
  #resolveEnded: () => void = () => undefined
  #failure: unknown
  #isOver = false
  #node: NodeId | undefined
  #hello: LinkHello | undefined
  #onHello: (() => void) | undefined
  #giver: LinkGiver | undefined
  #taker: LinkTaker | undefined
  #live: LiveReceiver | undefined
  #isLiveFull = false
  /** Frames behind a live one that is being dealt with. */
  #held: Uint8Array[] = []
  #isHolding = false
  #beat: Timer | undefined
  #heardAt: number
  #pingedAt = 0
  #pings = 0

  constructor(stream: FrameStream, isOutgoing: boolean, options: LinkOptions) {
    this.isOutgoing = isOutgoing
    this.#options = options
    this.#stream = stream
    this.#writer = new LinkWriter(stream)
    this.#heardAt = options.clock.monotonic()
    this.upSinceMs = options.clock.now()
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
    stream.start(this)
  }

  /**
   * Says who we are, and waits for the answer.
   * @throws BusError, ProtocolError; the stream is closed then
   */
  static async open(
    stream: FrameStream,
    options: LinkOptions,
    signal: AbortSignal,
  ): Promise<LinkSession> {
    const session = new LinkSession(stream, true, options)
    session.#sayHello()
    const abort = (): void => session.#end(lost('given up'))
    signal.addEventListener('abort', abort)
    try {
      await session.#meet()
      return session
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /**
   * For a stream that somebody else has dialled.
   * @param options until they have said who they are
   * @param welcome what holds for the node that says hello; throws when it is not welcome
   * @throws BusError, ProtocolError; the stream is closed then
   */
  static async accept(
    stream: FrameStream,
    options: LinkOptions,
    welcome: (node: NodeId) => LinkOptions,
  ): Promise<LinkSession> {
    const session = new LinkSession(stream, false, options)
    session.#welcome = welcome
    await session.#meet()
    return session
  }

  get node(): NodeId {
    if (this.#node === undefined) throw new Error('asked before the hello')
    return this.#node
  }

  /** Of the peer's store. */
  get epoch(): string {
    return this.#hello?.epoch ?? ''
  }

  get heads(): Heads {
    return this.#taker?.heads ?? { local: 0, remote: 0 }
  }

  /** Everything of this node that the peer has is here, or cannot be. */
  get hasReturnedOwn(): boolean {
    return this.#taker === undefined ? this.#isMet : this.#taker.hasReturnedOwn
  }

  /** See `LinkTaker.repair`. */
  async repair(log: LogKey, from: number, to: number): Promise<void> {
    await this.#taker?.repair(log, from, to)
  }

  /** Messages that the peer asked for and has not stored yet. */
  get behind(): number {
    return this.#giver?.behind ?? 0
  }

  get sentBytes(): number {
    return this.#writer.sentBytes
  }

  /** Resolves when the link is down and nothing of it is under way. */
  get ended(): Promise<void> {
    return this.#ended
  }

  /** Resolves when the signal fires. @throws what ended it before */
  async run(onPass: () => void, signal: AbortSignal): Promise<void> {
    const stop = (): void => this.stop()
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    try {
      onPass()
      await this.#ended
    } finally {
      signal.removeEventListener('abort', stop)
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** The daemon stops, or does not want the peer any more. */
  stop(): void {
    this.#end(undefined)
  }

  /** Another link to the same node takes its place. */
  replaced(): void {
    this.#end(alreadyLinked())
  }

  frame(bytes: Uint8Array): void {
    this.#heardAt = this.#options.clock.monotonic()
    this.receivedBytes += bytes.length
    if (this.#isHolding) this.#held.push(bytes)
    else this.#guard(() => this.#receive(bytes))
  }

  room(): void {
    if (this.#isLiveFull && this.#writer.unsentBytes < liveMarkBytes) {
      this.#isLiveFull = false
      this.#live?.onRoom()
    }
    this.#giver?.room()
  }

  closed(error: Error): void {
    this.#end(error)
  }

  async #meet(): Promise<void> {
    const { clock, helloMs } = this.#options
    try {
      const met = new Promise<void>((resolve, reject) => {
        this.#onHello = resolve
        void this.#ended.then(() => reject(this.#failure ?? lost('the link was closed')))
      })
      await within(clock, helloMs, 'the hello of a link', met)
    } catch (error) {
      this.#end(error)
      throw error
    }
  }

  #sayHello(): void {
    const { own, store, rules, envelopeBytes, memory } = this.#options
    this.#writer.hello({
      version,
      node: own,
      epoch: store.epoch,
      windowBytes,
      envelopeBytes,
      knownEpoch: memory.epoch,
      knownPosition: memory.position,
      takesNothing: rules.direction === 'out',
      givesNothing: rules.direction === 'in',
    })
  }

  get #isMet(): boolean {
    return this.#hello !== undefined
  }

  /** Both have said hello. */
  #start(): void {
    const { store, clock, stallMs, memory, rules, live } = this.#options
    const hello = this.#hello as LinkHello
    const isKnown = hello.knownEpoch === store.epoch && hello.knownPosition <= store.lastSequence
    const onFailure = (error: unknown): void => this.#end(error)
    const writer = this.#writer
    const takes = rules.direction !== 'out' && !hello.givesNothing
    if (takes) {
      // A peer that was not where it is now lists all; see `LinkHello.known_position`.
      this.#taker = new LinkTaker({ ...this.#options, memory, writer, windowBytes, onFailure })
    }
    if (rules.direction !== 'in' && !hello.takesNothing) {
      this.#giver = new LinkGiver({
        store,
        writer,
        gives: (log) => this.#gives(log),
        credit: hello.windowBytes,
        envelopeBytes: hello.envelopeBytes,
        known: isKnown ? hello.knownPosition : 0,
        peerHead: (topic, origin) => this.#taker?.peerHead(topic, origin) ?? 0,
        onFailure,
      })
    }
    this.#live = live?.open(this.#channel())
    this.#ping()
    this.#beat = clock.after(stallMs / 3, () => this.#onBeat())
  }

  #gives({ topic }: LogKey): boolean {
    return allowsTopic(this.#options.rules, topic)
  }

  #channel(): LiveChannel {
    const { rules } = this.#options
    return {
      peer: this.node,
      isOutgoing: this.isOutgoing,
      mayCross: {
        topic: (topic, direction) => {
          if (rules.direction !== undefined && rules.direction !== 'both') {
            if (rules.direction !== direction) return false
          }
          return allowsTopic(rules, topic)
        },
      },
      send: (frame) => {
        if (this.#isOver) return true
        this.#writer.live(frame)
        this.#isLiveFull = this.#writer.unsentBytes >= liveMarkBytes
        return !this.#isLiveFull
      },
      fail: (error) => this.#end(error),
    }
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isOver) return
    const frame = readFrame(bytes)
    if (this.#hello === undefined) {
      this.#meetPeer(frame)
      return
    }
    if (frame.hello !== undefined) throw new ProtocolError('a second hello')
    if (frame.close !== undefined) {
      this.#end(closeError(frame.close))
      return
    }
    if (frame.live.length > 0 && this.#live !== undefined) {
      this.#receiveLive(frame, bytes.length, 0)
      return
    }
    this.#receiveRest(frame, bytes.length)
  }

  /** What is live is dealt with first; while it waits, nothing else is read. */
  #receiveLive(frame: LinkFrame, bytes: number, from: number): void {
    for (let i = from; i < frame.live.length; i += 1) {
      const wait = this.#live?.receive(frame.live[i] as Uint8Array)
      if (this.#isOver) return
      if (wait === undefined) continue
      this.#isHolding = true
      this.#stream.pause()
      const goOn = (): void => {
        this.#guard(() => {
          this.#isHolding = false
          this.#receiveLive(frame, bytes, i + 1)
          this.#release()
        })
      }
      wait.then(goOn, (error: unknown) => this.#end(error))
      return
    }
    this.#receiveRest(frame, bytes)
  }

  #release(): void {
    while (!this.#isHolding) {
      const bytes = this.#held.shift()
      if (bytes === undefined) {
        if (!this.#isOver) this.#stream.resume()
        return
      }
      this.#receive(bytes)
    }
  }

  #receiveRest(frame: LinkFrame, bytes: number): void {
    const giver = this.#giver
    const taker = this.#taker
    if (frame.ping !== 0) this.#writer.pong(frame.ping)
    if (frame.pong !== 0 && frame.pong === this.#pings) {
      this.rttMs = this.#options.clock.monotonic() - this.#pingedAt
    }
    if (frame.credit > 0) giver?.grant(frame.credit)
    if (frame.heads.length > 0) taker?.heard(frame.heads)
    if (frame.stops.length > 0) giver?.stops(frame.stops)
    if (frame.wants.length > 0) giver?.wants(frame.wants)
    if (frame.batches.length > 0) taker?.arrived(frame.batches, bytes)
    if (frame.stored.length > 0) giver?.stored(frame.stored)
    if (frame.position > 0) taker?.told(frame.position)
    if (frame.listed) taker?.listed()
  }

  /** The first frame. */
  #meetPeer({ hello, close }: LinkFrame): void {
    if (close !== undefined) {
      this.#end(closeError(close))
      return
    }
    if (hello === undefined) throw new ProtocolError('a link that begins without a hello')
    const { own, pin } = this.#options
    this.#node = checkIdentity({ node: hello.node }, own, pin)
    if (hello.version === 0 || hello.epoch === '' || hello.windowBytes === 0) {
      throw new ProtocolError('a hello without version, epoch or window')
    }
    this.#options = this.#welcome?.(this.#node) ?? this.#options
    this.#hello = hello
    const { memory, table, endpoint, logger } = this.#options
    if (memory.epoch !== '' && memory.epoch !== hello.epoch) {
      // Its histories are compared anew, message by message where that matters.
      logger.warn('peer_store_changed', { peer: endpoint, node: formatNodeId(this.#node) })
    }
    memory.begin(hello.epoch)
    if (!table.admit(this)) throw alreadyLinked()
    if (!this.isOutgoing) this.#sayHello()
    this.#start()
    this.#onHello?.()
  }

  #ping(): void {
    this.#pings += 1
    this.#pingedAt = this.#options.clock.monotonic()
    this.#writer.ping(this.#pings)
  }

  #onBeat(): void {
    if (this.#isOver) return
    const { clock, stallMs } = this.#options
    const silentMs = clock.monotonic() - this.#heardAt
    if (silentMs >= stallMs && !this.#isHolding) {
      this.#end(new BusError('deadline_exceeded', 'timed_out', `no sign of life in ${stallMs} ms`))
      return
    }
    this.#giver?.beat()
    this.#ping()
    this.#beat = clock.after(stallMs / 3, () => this.#onBeat())
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#end(error)
    }
  }

  /** @param why undefined: because we stop */
  #end(why: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#failure = why
    this.#beat?.cancel()
    const error = toClose(why)
    // Who dialled cannot send a status; who was dialled may do both.
    this.#writer.flush()
    this.#writer.close(error.code, error.reason, error.message)
    this.#stream.close(error)
    this.#giver?.close()
    if (this.#node !== undefined) this.#options.table.remove(this)
    this.#live?.close()
    const closing = this.#taker?.close() ?? Promise.resolve()
    closing.then(this.#resolveEnded, this.#resolveEnded)
  }
}
