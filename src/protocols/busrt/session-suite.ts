/** What tests of sessions share: a link without a socket, whose other side reads when it is told to. */

import { type LiveTestBus, textOf } from '../../core/live-suite.ts'
import { silentLogger } from '../../core/logger.ts'
import { type BlockWriter, FlushSchedule, Outbox } from '../../net/outbox.ts'
import { deliveryKinds, requestHeaderBytes } from '../../wire/busrt/frames.ts'
import { Admission } from '../admission.ts'
import { BusrtSession, type SessionLink, type SessionOptions } from './session.ts'

export const timeoutMs = 1_000

/** A frame as a client sends it. */
export function frameOf(flags: number, body: string | Uint8Array, opId = 1): Buffer {
  const head = Buffer.alloc(requestHeaderBytes)
  const bytes = Buffer.from(body)
  head.writeUInt32LE(opId, 0)
  head[4] = flags
  head.writeUInt32LE(bytes.length, 5)
  return Buffer.concat([head, bytes])
}

export const ping = Buffer.alloc(requestHeaderBytes)

export function registrationOf(name: string | Uint8Array): Buffer {
  const bytes = Buffer.from(name)
  const length = Buffer.alloc(2)
  length.writeUInt16LE(bytes.length)
  return Buffer.concat([Buffer.from([0xeb, 0x01, 0x00]), length, bytes])
}

export class TestLink implements SessionLink, BlockWriter {
  readonly transport = 'local_ipc'
  readonly source = undefined
  readonly listener = 'unix:/test'
  readonly outbox: Outbox
  /** `pause`, `resume`, `end`, in order. */
  readonly told: string[] = []
  isPaused = false
  hasEnded = false
  /** The other side reads at once. */
  isReading = true
  /** Set: what the link says of it, whatever is true. */
  saidUnsentBytes: number | undefined
  onRoom: () => void = () => undefined
  onFull: () => void = () => undefined
  #read: Buffer[] = []
  #unread: Buffer[] = []

  constructor(schedule: FlushSchedule, highBytes: number) {
    const onFull = () => this.onFull()
    this.outbox = new Outbox({ writer: this, schedule, highBytes, onFull })
  }

  get pendingBytes(): number {
    return this.#unread.reduce((sum, { length }) => sum + length, 0)
  }

  get unsentBytes(): number {
    return this.saidUnsentBytes ?? this.pendingBytes
  }

  write(block: Uint8Array): boolean {
    const copy = Buffer.from(block)
    if (this.isReading && this.#unread.length === 0) {
      this.#read.push(copy)
      return true
    }
    this.#unread.push(copy)
    return false
  }

  /** The other side reads everything. */
  drain(): void {
    this.#read.push(...this.#unread)
    this.#unread = []
    if (this.outbox.drained()) this.onRoom()
  }

  /** What the other side has read since it was asked last. */
  take(): Buffer {
    const bytes = Buffer.concat(this.#read)
    this.#read = []
    return bytes
  }

  pause(): void {
    this.isPaused = true
    this.told.push('pause')
  }

  resume(): void {
    this.isPaused = false
    this.told.push('resume')
  }

  end(): void {
    this.outbox.flush()
    this.hasEnded = true
    this.told.push('end')
  }
}

export interface TestSessionOptions extends Partial<
  Pick<SessionOptions, 'forceRegister' | 'maxFrameBytes'>
> {
  readonly highBytes?: number
}

/** A session and its other side. */
export class TestSession {
  readonly link: TestLink
  readonly session: BusrtSession
  readonly #schedule: FlushSchedule
  /** Tasks for when the events of this turn were handled. */
  readonly afterEvents: (() => void)[] = []
  closedTimes = 0
  #rest: Buffer = Buffer.alloc(0)

  constructor({ bus, clock }: LiveTestBus, options: TestSessionOptions = {}) {
    const { highBytes = 1_000_000, forceRegister = false, maxFrameBytes = 1_000_000 } = options
    this.#schedule = new FlushSchedule()
    this.link = new TestLink(this.#schedule, highBytes)
    this.session = new BusrtSession({
      admission: new Admission(undefined, 'busrt'),
      bus,
      logger: silentLogger,
      link: this.link,
      timeoutMs,
      maxFrameBytes,
      forceRegister,
      now: () => clock.monotonic(),
      afterEvents: (task) => this.afterEvents.push(task),
      onClosed: () => {
        this.closedTimes += 1
      },
    })
    this.link.onFull = () => this.session.outboxFull()
    this.link.onRoom = () => this.session.outboxEmpty()
  }

  /** Registers, and passes over what is answered. */
  register(name: string): this {
    this.send(registrationOf(name))
    this.bytes()
    return this
  }

  /** As one chunk. */
  send(...frames: Uint8Array[]): void {
    const bytes = Buffer.concat(frames)
    this.#schedule.beginChunk()
    this.session.receive(bytes, bytes.length)
    this.#schedule.endChunk()
    // Borrowed for the call.
    bytes.fill(0xdd)
  }

  /** What came since, flushed. */
  bytes(): Buffer {
    this.link.outbox.flush()
    return this.link.take()
  }

  /** The same as text, frame by frame: `message a: text`, `publish a t: text`, `ack 1: 01`, `ping`. */
  frames(): string[] {
    let bytes = Buffer.concat([this.#rest, this.bytes()])
    const frames: string[] = []
    while (bytes.length >= 6) {
      const kind = bytes[0] ?? 0
      if (kind === deliveryKinds.ack || kind === deliveryKinds.nop) {
        const result = (bytes[5] ?? 0).toString(16).padStart(2, '0')
        frames.push(kind === deliveryKinds.nop ? 'ping' : `ack ${bytes.readUInt32LE(1)}: ${result}`)
        bytes = bytes.subarray(6)
        continue
      }
      const end = 6 + bytes.readUInt32LE(1)
      if (bytes.length < end) break
      frames.push(deliveryText(kind, bytes[5] === 1, bytes.subarray(6, end)))
      bytes = bytes.subarray(end)
    }
    this.#rest = Buffer.from(bytes)
    return frames
  }
}

function deliveryText(kind: number, isRealtime: boolean, body: Buffer): string {
  const parts = kind === deliveryKinds.publish ? 2 : 1
  const names: string[] = []
  let at = 0
  for (let i = 0; i < parts; i++) {
    const nul = body.indexOf(0, at)
    names.push(textOf(body, at, nul))
    at = nul + 1
  }
  const kinds: Readonly<Record<number, string>> = {
    [deliveryKinds.message]: 'message',
    [deliveryKinds.broadcast]: 'broadcast',
    [deliveryKinds.publish]: 'publish',
  }
  const mark = isRealtime ? '!' : ''
  return `${kinds[kind]}${mark} ${names.join(' ')}: ${textOf(body, at)}`
}
