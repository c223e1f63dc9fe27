/** A TMB session over a real bus, without sockets: bytes go in as from a connection, what it writes is kept. */

import assert from 'node:assert/strict'
import process from 'node:process'
import { ManualClock } from '../../src/core/manual-clock.ts'
import { MsgBus } from '../../src/core/msg-bus.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import { type BlockWriter, FlushSchedule, Outbox } from '../../src/net/outbox.ts'
import { Admission } from '../../src/protocols/admission.ts'
import { LineWriter } from '../../src/protocols/tmb/line-writer.ts'
import { QueueBudget } from '../../src/protocols/tmb/output-queue.ts'
import { Regexps } from '../../src/protocols/tmb/regexps.ts'
import { type SessionLink, type SessionShare, TmbSession } from '../../src/protocols/tmb/session.ts'
import { CategoryTable } from '../../src/protocols/tmb/translate.ts'
import { openMemoryLogStore } from '../../src/stores/memory/memory-log-store.ts'

export const maxLineBytes = 65_536
const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }

export interface Scene {
  readonly bus: MsgBus
  readonly share: SessionShare
}

/** A bus of its own, with room for few topics, so that they have to make place for each other. */
export async function openScene(): Promise<Scene> {
  const clock = new ManualClock()
  const logger = silentLogger
  const limits = { ...defaultLimits, rememberedTopics: 2_000, lastValueBytes: 4_194_304 }
  const bus = new MsgBus({ node, limits, clock, logger })
  const { publishIdWindowMs, publishIdCount } = defaultLimits
  const window = { publishIdWindowMs, publishIdCount }
  const durability = 'memory'
  bus.attach(await openMemoryLogStore({ folder: '', node, durability, clock, logger, ...window }))
  const share: SessionShare = {
    bus,
    logger,
    admission: new Admission(undefined, 'tmb'),
    version: '0.0.0',
    maxLineBytes,
    slow: 'disconnect',
    regexps: new Regexps(),
    categories: new CategoryTable(),
    lines: new LineWriter(logger),
    budget: new QueueBudget(8_388_608, 268_435_456),
    clock,
    later: (task) => setImmediate(task),
  }
  return { bus, share }
}

/** A session and what would be its socket: takes everything at once. */
export class Peer implements BlockWriter, SessionLink {
  readonly transport = 'tcp'
  readonly source = undefined
  readonly listener = '127.0.0.1:4711'
  readonly pendingBytes = 0
  readonly outbox: Outbox
  readonly session: TmbSession
  isEnded = false
  #isPaused = false
  #written: Buffer[] = []

  constructor({ share }: Scene) {
    const schedule = new FlushSchedule()
    const options = { writer: this, schedule, highBytes: 65_536, onFull: () => undefined }
    this.outbox = new Outbox(options)
    this.session = new TmbSession({ share, link: this, onClosed: () => (this.isEnded = true) })
  }

  /**
   * Gives it bytes in pieces; answers what it wrote, and the longest time that a piece took: of the processor, since
   * others use the machine, too.
   */
  give(pieces: readonly Buffer[], isMessage: boolean): { output: string; longestMs: number } {
    let longestMs = 0
    for (const piece of pieces) {
      assert.ok(!this.#isPaused, 'it takes everything it is given')
      const startedAt = performance.now()
      const before = process.cpuUsage()
      this.session.receive(piece, piece.length)
      const { user, system } = process.cpuUsage(before)
      const tookMs = Math.min(performance.now() - startedAt, (user + system) / 1_000)
      longestMs = Math.max(longestMs, tookMs)
      // What was borrowed is gone.
      piece.fill(0x0a)
    }
    if (isMessage) this.session.endMessage()
    this.outbox.flush()
    const output = Buffer.concat(this.#written).toString('latin1')
    this.#written = []
    return { output, longestMs }
  }

  write(block: Uint8Array): boolean {
    this.#written.push(Buffer.from(block))
    return true
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
  }

  end(): void {
    this.outbox.flush()
    this.session.connectionClosed()
  }
}
