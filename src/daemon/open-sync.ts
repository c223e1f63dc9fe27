/** From the configuration to running synchronisation: who the peers are, and what holds for each. */

import { systemClock } from '../core/clock.ts'
import type { LogStore } from '../core/log-store.ts'
import type { Logger } from '../core/logger.ts'
import { grpcDialer } from '../sync/grpc-dialer.ts'
import type { LiveTraffic } from '../sync/live-channel.ts'
import type { PeerRules } from '../sync/peer-rules.ts'
import { SyncService, type SyncPeer } from '../sync/sync-service.ts'
import type { Config } from './config-schema.ts'
import { nodeOf } from './open-store.ts'
import type { PeerSpec } from './peer-spec.ts'

/** @throws BusError when the store cannot be read */
export async function openSync(
  config: Config,
  store: LogStore,
  logger: Logger,
  live: LiveTraffic,
): Promise<SyncService> {
  const { sync, limits } = config
  return SyncService.start({
    node: nodeOf(config),
    store,
    clock: systemClock,
    random: Math.random,
    logger,
    peers: sync.peers.map((peer) => syncPeer(peer, config)),
    rulesFor: () => rulesOf(sync.rules.filter(({ peer }) => peer === undefined)),
    live,
    envelopeBytes: limits.envelopeBytes,
    intervalMs: sync.intervalMs,
    batchLimit: sync.batchLimit,
    parallelPeers: sync.parallelPeers,
    connectTimeoutMs: sync.connectTimeoutMs,
    callTimeoutMs: sync.callTimeoutMs,
    stallTimeoutMs: sync.stallTimeoutMs,
    backOff: { minMs: sync.backOffMinMs, maxMs: sync.backOffMaxMs },
    cutOffMs: sync.cutOffMs,
  })
}

function syncPeer({ endpoint, node }: PeerSpec, { sync, limits }: Config): SyncPeer {
  const matching = sync.rules.filter(({ peer }) => peer === undefined || peer === endpoint)
  const tls = matching.find((rule) => rule.tls !== undefined)?.tls ?? sync.tls
  return {
    endpoint,
    pin: node,
    rules: rulesOf(matching),
    dial: grpcDialer(endpoint, tls, limits.envelopeBytes),
  }
}

function rulesOf(matching: Config['sync']['rules']): PeerRules {
  return {
    topics: matching.find(({ topics }) => topics !== undefined)?.topics,
    exceptTopics: matching.find(({ exceptTopics }) => exceptTopics !== undefined)?.exceptTopics,
    origins: matching.find(({ origins }) => origins !== undefined)?.origins,
  }
}
