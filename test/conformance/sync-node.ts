/** A node that pulls, for the cases of sync: a store, a bus on it, and the service with fast timing. */

import type { TestContext } from 'node:test'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import type { LogFields, Logger } from '../../src/core/logger.ts'
import type { LogStore, LogStoreOptions } from '../../src/core/log-store.ts'
import { MsgBus, type MsgBusOptions } from '../../src/core/msg-bus.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import type { LogKey, StoredMessage } from '../../src/model/message.ts'
import type { NodeId } from '../../src/model/node-id.ts'
import type { PeerSyncState } from '../../src/model/peer-sync-state.ts'
import { type DialSettings, grpcDialer } from '../../src/sync/grpc-dialer.ts'
import type { PeerTls } from '../../src/sync/peer-secrets.ts'
import { webSocketDialer } from '../../src/sync/web-socket-dialer.ts'
import type { PeerRules } from '../../src/sync/peer-rules.ts'
import type { DialV1 } from '../../src/sync/v1-port.ts'
import { SyncService, type SyncServiceOptions } from '../../src/sync/sync-service.ts'
import { openMemoryLogStore } from '../../src/stores/memory/memory-log-store.ts'

export const puller: NodeId = { tenantId: 'tenant', blName: 'default', deviceId: 'puller' }

export interface PeerSetting {
  readonly endpoint: string
  readonly pin?: NodeId
  readonly rules?: PeerRules
  readonly tls?: PeerTls
}

export interface SyncNodeOptions {
  readonly node?: NodeId
  readonly store?: LogStore
  readonly open?: (options: LogStoreOptions) => Promise<LogStore>
  readonly folder?: string
  readonly clock?: Clock
  readonly envelopeBytes?: number
  readonly bus?: Partial<MsgBusOptions>
  readonly service?: Partial<SyncServiceOptions>
}

export interface LogLine {
  readonly level: string
  readonly event: string
  readonly fields: LogFields
}

export interface SyncNode {
  readonly node: NodeId
  readonly store: LogStore
  readonly bus: MsgBus
  readonly sync: SyncService
  readonly lines: readonly LogLine[]
  head(log: LogKey): number
  /** All messages of a log. */
  read(log: LogKey): Promise<StoredMessage[]>
  /** The row about a log, or about a peer as a whole. */
  row(peer: string, topic?: string): PeerSyncState | undefined
  lined(event: string): LogLine[]
  /** Stops synchronising; the store stays. */
  stop(): Promise<void>
}

/** Stopped with the test. */
export async function startSyncNode(
  t: TestContext,
  peers: readonly PeerSetting[],
  options: SyncNodeOptions = {},
): Promise<SyncNode> {
  const { envelopeBytes = defaultLimits.envelopeBytes } = options
  const { node = puller, clock = systemClock, open = openMemoryLogStore } = options
  const lines: LogLine[] = []
  const at =
    (level: string) =>
    (event: string, fields: LogFields = {}) =>
      void lines.push({ level, event, fields })
  const logger: Logger = {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
  }
  const store =
    options.store ??
    (await open({
      folder: options.folder ?? '',
      node,
      durability: 'os',
      clock,
      logger,
      publishIdWindowMs: 1_000,
      publishIdCount: 10,
    }))
  const bus = new MsgBus({ node, limits: defaultLimits, clock, logger, ...options.bus })
  bus.attach(store)
  const sync = await SyncService.start({
    node,
    store,
    clock,
    random: () => 0.5,
    logger,
    peers: peers.map(({ endpoint, pin, rules = {}, tls = {} }) => ({
      endpoint,
      pin,
      rules,
      dial: dialer(endpoint, { tls, envelopeBytes }),
    })),
    rulesFor: () => ({}),
    envelopeBytes,
    intervalMs: 20,
    batchLimit: 100,
    parallelPeers: 8,
    connectTimeoutMs: 5_000,
    callTimeoutMs: 10_000,
    stallTimeoutMs: 30_000,
    backOff: { minMs: 10, maxMs: 40 },
    cutOffMs: 600_000,
    ...options.service,
  })
  bus.syncStates = () => sync.states()
  const stop = async (): Promise<void> => {
    await sync.close()
    await bus.shutdown()
  }
  t.after(async () => {
    await stop()
    if (options.store === undefined) await store.close()
  })
  return {
    node,
    store,
    bus,
    sync,
    lines,
    head: (log) => store.head(log) ?? 0,
    read: async (log) => (await store.read(log, 1, { messages: Infinity })).messages,
    row: (peer, topic) =>
      sync.states().find((row) => row.peer === peer && row.log?.topic === topic),
    lined: (event) => lines.filter((line) => line.event === event),
    stop,
  }
}

function dialer(endpoint: string, settings: DialSettings): DialV1 {
  return (endpoint.startsWith('ws') ? webSocketDialer : grpcDialer)(endpoint, settings)
}
