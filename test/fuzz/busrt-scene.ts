/**
 * A BUS/RT session over a real bus, without sockets: bytes go in as from a connection, what it writes is kept.
 */

import assert from 'node:assert/strict'
import { ManualClock } from '../../src/core/manual-clock.ts'
import { MsgBus } from '../../src/core/msg-bus.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import { type BlockWriter, FlushSchedule, Outbox } from '../../src/net/outbox.ts'
import { BrokerClient } from '../../src/protocols/busrt/broker-client.ts'
import { Admission } from '../../src/protocols/admission.ts'
import { BusrtSession, type SessionLink } from '../../src/protocols/busrt/session.ts'
import { openMemoryLogStore } from '../../src/stores/memory/memory-log-store.ts'
import { turn } from '../conformance/busrt/chunking.ts'

/** Name of the client whose session it is. */
export const self = 'a.b'
const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }
/** As the daemon has it. */
const maxFrameBytes = 16_777_216
const clock = new ManualClock()
const schedule = new FlushSchedule()

export interface Scene {
  readonly bus: MsgBus
  close(): Promise<void>
}

/** A bus with a store in memory and the client `.broker`. */
export async function openScene(): Promise<Scene> {
  const logger = silentLogger
  const bus = new MsgBus({ node, limits: defaultLimits, clock, logger })
  const { publishIdWindowMs, publishIdCount } = defaultLimits
  const window = { publishIdWindowMs, publishIdCount }
  const durability = 'memory'
  const store = await openMemoryLogStore({
    folder: '',
    node,
    durability,
    clock,
    logger,
    ...window,
  })
  bus.attach(store)
  const broker = new BrokerClient({ bus, clock, version: '0.0.0' })
  return {
    bus,
    close: async () => {
      await bus.shutdown()
      broker.close()
      await store.close()
    },
  }
}

/** A session and what would be its socket: takes everything at once and keeps it. */
export class Peer implements BlockWriter, SessionLink {
  readonly transport = 'local_ipc'
  readonly source = undefined
  readonly listener = 'unix:/fuzz.sock'
  readonly pendingBytes = 0
  readonly unsentBytes = 0
  readonly outbox: Outbox
  readonly #session: BusrtSession
  readonly #written: Buffer[] = []
  readonly #waiting: Buffer[] = []
  #isPaused = false
  #isEnded = false
  /** Longest time that one piece took: of the processor, since others use the machine, too. */
  longestMs = 0

  constructor(bus: MsgBus) {
    this.outbox = new Outbox({
      writer: this,
      schedule,
      highBytes: 1_048_576,
      onFull: () => undefined,
    })
    this.#session = new BusrtSession({
      admission: new Admission(undefined, 'busrt'),
      bus,
      logger: silentLogger,
      link: this,
      timeoutMs: 5_000,
      maxFrameBytes,
      forceRegister: false,
      now: () => clock.monotonic(),
      afterEvents: (task) => setImmediate(task),
      onClosed: () => undefined,
    })
  }

  /** Sends pieces, then the end, and waits until the session has ended. */
  async run(chunks: readonly Buffer[]): Promise<void> {
    this.#waiting.push(...chunks)
    this.#feed()
    for (let turns = 0; !this.#isEnded; turns += 1) {
      assert.ok(turns < 10_000, 'it neither reads on nor ends')
      await turn()
    }
    await turn()
    this.#session.connectionClosed()
  }

  get output(): Buffer {
    return Buffer.concat(this.#written)
  }

  write(block: Uint8Array): boolean {
    this.#written.push(Buffer.from(block))
    return true
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    setImmediate(() => this.#feed())
  }

  end(): void {
    this.outbox.flush()
    this.#isEnded = true
  }

  #feed(): void {
    while (!this.#isPaused && !this.#isEnded) {
      const chunk = this.#waiting.shift()
      if (chunk === undefined) {
        this.#session.inputEnded()
        return
      }
      // The buffer that all connections share is used again at once.
      const buffer = new Uint8Array(chunk)
      const startedAt = performance.now()
      const cpu = process.cpuUsage()
      schedule.beginChunk()
      this.#session.receive(buffer, buffer.length)
      schedule.endChunk()
      const { user, system } = process.cpuUsage(cpu)
      const tookMs = Math.min(performance.now() - startedAt, (user + system) / 1_000)
      this.longestMs = Math.max(this.longestMs, tookMs)
      buffer.fill(0x55)
    }
  }
}

/** Handshake bytes, then frames that a client may be sent and nothing else. */
export function assertWellFormed(output: Buffer): void {
  const refusals = ['75', '0172', '0171', '0176', '0174', '01', '']
  if (output.subarray(0, 5).toString('hex') !== 'eb01000101') {
    assert.ok(refusals.includes(output.subarray(3).toString('hex')), output.toString('hex'))
    return
  }
  for (let at = 5; at < output.length;) {
    assert.ok(output.length - at >= 6, 'a header is not whole')
    const kind = output.readUInt8(at)
    assert.ok([0x00, 0x01, 0x12, 0x13, 0xfe].includes(kind), `kind ${kind}`)
    const length = kind === 0xfe || kind === 0 ? 0 : output.readUInt32LE(at + 1)
    assert.ok(kind === 0xfe || output.readUInt8(at + 5) <= 1)
    at += 6 + length
    assert.ok(at <= output.length, 'a body is not whole')
  }
}
