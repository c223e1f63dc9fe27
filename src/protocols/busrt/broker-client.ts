/**
 * `.broker`: the client that answers for the broker and sends its events (spec/busrt 5).
 *
 * Events are msgpack maps with the keys `s` (subject), `d` (client name, if any), `t` (nanoseconds since 1970,
 * 64 bits), in this order. Other adapters' clients are clients here too: one bus, one list of names.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { LiveOperations, PresenceEvent, Sender } from '../../core/live.ts'
import { daemonIdentity } from '../../model/identity.ts'
import { rpcErrorCodes, rpcCodeOfResult } from '../../wire/busrt/rpc.ts'
import { results } from '../../wire/busrt/frames.ts'
import { type BrokerMethod, brokerMethods } from './broker-methods.ts'
import { DaemonInbox, RpcFailure, type RpcRequest } from './daemon-inbox.ts'
import { answerEcho, echo } from './echo.ts'
import { encodeEvent } from './events.ts'

export interface BrokerClientOptions {
  readonly bus: Bus
  readonly clock: Clock
  readonly version: string
}

const name = '.broker'
/** Answers read from the store at once; each has some megabytes at most. */
const readingsMost = 16
const encoder = new TextEncoder()
const benchmarkMethod = 'benchmark.test'
const infoTopic = encoder.encode('.broker/info')
const warnTopic = encoder.encode('.broker/warn')
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class BrokerClient extends DaemonInbox {
  readonly live: LiveOperations
  readonly #options: BrokerClientOptions
  readonly #client: BusClient
  readonly #methods: ReadonlyMap<string, BrokerMethod>
  readonly #stopWatching: (() => void)[]
  readonly #pauseListeners = new Set<() => void>()
  #isPaused = false
  #isEchoing = false
  /** Answers that are being read from the store. */
  #readings = 0

  constructor(options: BrokerClientOptions) {
    super()
    this.#options = options
    const { bus, clock, version } = options
    const join = { name, inbox: this, protocol: 'busrt', transport: 'internal' }
    this.#client = bus.connect(daemonIdentity, join)
    this.live = this.#client.live
    const startedAt = clock.monotonic()
    this.#methods = brokerMethods({ bus, clock, version, startedAt })
    this.#stopWatching = [
      bus.onPresence((event) => this.#presenceChanged(event)),
      bus.onShutdown(() => this.#publish(warnTopic, 'shutdown', undefined)),
    ]
  }

  close(): void {
    for (const stop of this.#stopWatching) stop()
    this.#client.close()
  }

  /** Somebody it feeds has no room. Its answers and events go out all the same; who sends in its name waits. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Told when `isPaused` has changed. */
  onPauseChanged(listener: () => void): () => void {
    this.#pauseListeners.add(listener)
    return () => this.#pauseListeners.delete(listener)
  }

  override pause(): void {
    this.#isPaused = true
    for (const listener of this.#pauseListeners) listener()
  }

  override resume(): void {
    this.#isPaused = false
    for (const listener of this.#pauseListeners) listener()
  }

  /** The bus shuts down: nobody is there to be sent to. */
  override end(): void {
    this.pause()
  }

  override message(
    sender: Sender,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): void {
    // An answer that is being handed over must not be written over by the next.
    if (this.#isEchoing || !answerEcho(sender.nameBytes, bytes, start, end)) {
      super.message(sender, bytes, start, end, realtime)
      return
    }
    const { live } = this
    live.receivedFrames += 1
    live.receivedBytes += end - start
    live.sentFrames += 1
    live.sentBytes += echo.end - echo.nameEnd
    this.#isEchoing = true
    live.send(echo.bytes, 0, echo.nameEnd, echo.nameEnd, echo.end, realtime)
    this.#isEchoing = false
  }

  protected answer({ method, params, sender }: RpcRequest): Uint8Array | Promise<Uint8Array> {
    let text: string
    try {
      text = decoder.decode(method)
    } catch {
      throw new RpcFailure(rpcCodeOfResult(results.badData))
    }
    if (text === benchmarkMethod) return params
    const answer = this.#methods.get(text)
    if (answer === undefined) throw new RpcFailure(rpcErrorCodes.methodNotFound)
    const result = answer(params, sender)
    return result instanceof Promise ? this.#underWay(result) : result
  }

  /** What is read from the store takes memory until it is sent: whoever asks for too much at once waits. */
  #underWay(reading: Promise<Uint8Array>): Promise<Uint8Array> {
    this.#readings += 1
    if (this.#readings === readingsMost) this.live.congested(true)
    return reading.finally(() => {
      this.#readings -= 1
      if (this.#readings === readingsMost / 2) this.live.congested(false)
    })
  }

  /** Secondaries come and go unnoticed; of a replacement only the newcomer is told (spec 4.2, 4.3). */
  #presenceChanged({ kind, name: client, secondary }: PresenceEvent): void {
    if (secondary || client === name) return
    this.#publish(infoTopic, kind === 'left' ? 'unreg' : 'reg', client)
  }

  #publish(topic: Uint8Array, subject: string, client: string | undefined): void {
    const payload = encodeEvent(subject, client, this.#options.clock.now())
    const frame = new Uint8Array(topic.length + payload.length)
    frame.set(topic)
    frame.set(payload, topic.length)
    this.live.publish(frame, 0, topic.length, topic.length, frame.length, false)
  }
}
