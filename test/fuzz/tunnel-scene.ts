/**
 * Tunnels over a real bus with all methods, without sockets: WebSocket messages go in, what comes out is kept. The other
 * side takes everything, or for a while nothing.
 */

import assert from 'node:assert/strict'
import { Admission } from '../../src/protocols/admission.ts'
import { Calls } from '../../src/protocols/grpc/calls.ts'
import { TunnelCalls } from '../../src/protocols/grpc/tunnel-calls.ts'
import { Tunnels } from '../../src/protocols/grpc/tunnels.ts'
import { addV1Service } from '../../src/protocols/grpc/v1-service.ts'
import { addAdminService } from '../../src/protocols/grpc/v2-admin-service.ts'
import { addBusService } from '../../src/protocols/grpc/v2-bus-service.ts'
import { addClientService } from '../../src/protocols/grpc/v2-client-service.ts'
import { addQueueService } from '../../src/protocols/grpc/v2-queue-service.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { ManualClock } from '../../src/core/manual-clock.ts'
import { MsgBus } from '../../src/core/msg-bus.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import type { ConnectionOwner } from '../../src/net/byte-connection.ts'
import { type BlockWriter, FlushSchedule, Outbox } from '../../src/net/outbox.ts'
import type { WebSocketConnection } from '../../src/net/web-socket-gates.ts'
import { openMemoryLogStore } from '../../src/stores/memory/memory-log-store.ts'
import { decodeFrames } from '../../src/wire/web-socket/decode-frames.ts'
import { frameKinds } from '../../src/wire/web-socket/tunnel-frame.ts'

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }
const clock = new ManualClock()
const schedule = new FlushSchedule()
const requestBytesMost = 1_000_000

const noMetrics = async () => ''

export interface TunnelScene {
  readonly bus: MsgBus
  readonly tunnels: Tunnels
  close(): Promise<void>
}

export async function openTunnelScene(): Promise<TunnelScene> {
  const logger = silentLogger
  const limits = defaultLimits
  const bus = new MsgBus({ node, limits, clock, logger })
  const { publishIdWindowMs, publishIdCount } = limits
  const window = { publishIdWindowMs, publishIdCount }
  const durability = 'memory'
  const store = await openMemoryLogStore({ folder: '', node, durability, clock, logger, ...window })
  bus.attach(store)
  const methods = new TunnelCalls()
  const calls = new Calls([methods], logger)
  const context = { bus, logger, version: '0.0.0', tls: undefined, metricsText: noMetrics }
  for (const add of [addV1Service, addBusService, addClientService, addQueueService]) {
    add(calls, context)
  }
  addAdminService(calls, context)
  const admission = new Admission(undefined, 'grpc')
  const options = { bus, admission, logger, clock, methods, callsMost: 20, requestBytesMost }
  const tunnels = new Tunnels(options)
  return {
    bus,
    tunnels,
    close: async () => {
      await bus.shutdown()
      await store.close()
    },
  }
}

const nobody: ConnectionOwner = {
  onBytes: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
  onFull: () => undefined,
  onRoom: () => undefined,
}

/** What would be the WebSocket. */
export class FuzzSocket implements WebSocketConnection, BlockWriter {
  readonly transport = 'websocket'
  readonly source = '127.0.0.1:1'
  readonly listener = '127.0.0.1:2'
  readonly protocol = 'msgbus.v2'
  readonly outbox: Outbox
  readonly lastWasText = false
  owner: ConnectionOwner = nobody
  sendAs: 'binary' | 'text-or-binary' = 'binary'
  /** Takes what is written. */
  isReading = true
  pendingBytes = 0
  /** Undefined while it is open. */
  closeCode: number | undefined
  /** Longest time that one message took: of the processor, since others use the machine, too. */
  longestMs = 0
  isPaused = false

  constructor(tunnels: Tunnels) {
    this.outbox = new Outbox({
      writer: this,
      schedule,
      highBytes: tunnels.outboxBytes,
      onFull: () => this.owner.onFull(),
    })
    tunnels.accept(this)
  }

  get unsentBytes(): number {
    return this.pendingBytes
  }

  send(message: Buffer): void {
    if (this.closeCode !== undefined) return
    const { user, system } = process.cpuUsage()
    schedule.beginChunk()
    this.owner.onBytes(message, message.length)
    schedule.endChunk()
    const used = process.cpuUsage({ user, system })
    this.longestMs = Math.max(this.longestMs, (used.user + used.system) / 1_000)
  }

  write(block: Uint8Array): boolean {
    decodeFrames(block, block.length, (kind) => {
      const { message, credit, status, pong, hello } = frameKinds
      assert.ok(
        [message, credit, status, pong, hello].some((own) => own === kind),
        `kind ${kind}`,
      )
    })
    if (this.isReading) return true
    this.pendingBytes += block.length
    return false
  }

  /** The other side reads again. */
  readOn(): void {
    this.isReading = true
    this.pendingBytes = 0
    if (this.outbox.drained()) this.owner.onRoom()
  }

  pause(): void {
    assert.equal(this.isPaused, false)
    this.isPaused = true
  }

  resume(): void {
    assert.equal(this.isPaused, true)
    this.isPaused = false
  }

  end(code = 1000): void {
    this.outbox.flush()
    this.closeCode = code
  }

  destroy(): void {
    this.closeCode = 1006
  }

  /** The connection is gone. */
  close(): void {
    this.outbox.close()
    this.owner.onClose(undefined)
  }
}
