/** From the configuration to running synchronisation: who the peers are, and what holds for each. */

import { accessDenied, type AccessCheck } from '../core/access.ts'
import { systemClock } from '../core/clock.ts'
import type { LogStore } from '../core/log-store.ts'
import type { Logger } from '../core/logger.ts'
import { BusError } from '../model/errors.ts'
import type { Identity } from '../model/identity.ts'
import { formatNodeId, type NodeId, nodeIdEquals } from '../model/node-id.ts'
import { grpcDialer } from '../sync/grpc-dialer.ts'
import type { LiveTraffic } from '../sync/live-channel.ts'
import type { PeerRules } from '../sync/peer-rules.ts'
import { SyncService, type SyncPeer } from '../sync/sync-service.ts'
import { webSocketDialer } from '../sync/web-socket-dialer.ts'
import { isLoopback } from '../net/address.ts'
import type { BoundListener } from '../protocols/adapter.ts'
import { Discovery } from '../sync/discovery/discovery.ts'
import type { Config } from './config-schema.ts'
import { nodeOf } from './open-store.ts'
import type { PeerSpec } from './peer-spec.ts'

/** @throws BusError when the store cannot be read */
export async function openSync(
  config: Config,
  store: LogStore,
  logger: Logger,
  live: LiveTraffic,
  access: AccessCheck,
  recovers: boolean,
): Promise<SyncService> {
  const { sync, limits } = config
  return SyncService.start({
    node: nodeOf(config),
    store,
    clock: systemClock,
    random: Math.random,
    logger,
    peers: sync.peers.map((peer) => syncPeer(peer, config)),
    rulesFor: (peer, identity) => welcome(peer, identity, access, config),
    live,
    recovers,
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

/**
 * Undefined: not asked for. What is announced is the first gRPC listener that others can reach; with none of them, this
 * daemon only listens.
 */
export function openDiscovery(
  config: Config,
  listeners: readonly BoundListener[],
  version: string,
  logger: Logger,
): Discovery | undefined {
  if (!config.sync.discover) return undefined
  const reachable = listeners.find(({ protocol, address }) => {
    if (protocol !== 'grpc' || address.startsWith('unix:')) return false
    return !isLoopback(new URL(`http://${address}`).hostname.replace(/^\[|\]$/g, ''))
  })
  const announced = reachable && {
    port: Number(reachable.address.slice(reachable.address.lastIndexOf(':') + 1)),
    scheme: reachable.tls ? ('https' as const) : ('http' as const),
  }
  return new Discovery({ node: nodeOf(config), version, announced, clock: systemClock, logger })
}

const recoveryTable = 'sync.recovery'

/**
 * Before a store is written to for the first time: whether peers have messages of this node that it has lost, as far as
 * they can be reached. Once they were asked, that is noted with the store.
 */
export async function needsRecovery({ sync }: Config, store: LogStore): Promise<boolean> {
  if (sync.recovery === 'off') return false
  if (sync.recovery === 'auto' && sync.peers.length === 0) return false
  return (await store.note(recoveryTable, store.epoch)) === undefined
}

/** Waits until peers have given back what was lost. */
export async function recover(
  service: SyncService,
  { sync }: Config,
  store: LogStore,
  logger: Logger,
): Promise<void> {
  const { recovery, recoveryWaitMs } = sync
  const isComplete = await service.recovered(
    recoveryWaitMs,
    recovery === 'wait' ? recoveryWaitMs : 0,
  )
  const messages = service.counters.messagesPulled
  if (!isComplete) {
    logger.warn('recovery_incomplete', { waitMs: recoveryWaitMs, messages })
    return
  }
  logger.info('recovered', { messages })
  const note = { table: recoveryTable, key: store.epoch, value: new Uint8Array(0) }
  await store.writeNotes([note])
}

/** What a peer is, from how it was written and the rules about it. */
export function syncPeer({ endpoint, node }: PeerSpec, { sync, limits }: Config): SyncPeer {
  const matching = sync.rules.filter((rule) => isAbout(rule, endpoint, node))
  const settings = {
    tls: matching.find(({ tls }) => tls !== undefined)?.tls ?? sync.tls,
    tokenFile: matching.find(({ tokenFile }) => tokenFile !== undefined)?.tokenFile,
    proxy: matching.find(({ proxy }) => proxy !== undefined)?.proxy ?? sync.proxy,
    envelopeBytes: limits.envelopeBytes,
  }
  const dialer = /^ws/i.test(endpoint) ? webSocketDialer : grpcDialer
  return { endpoint, pin: node, rules: rulesOf(matching), dial: dialer(endpoint, settings) }
}

type Rule = Config['sync']['rules'][number]

function isAbout(rule: Rule, endpoint: string | undefined, node: NodeId | undefined): boolean {
  if (rule.peer !== undefined && rule.peer !== endpoint) return false
  return rule.node === undefined || (node !== undefined && nodeIdEquals(rule.node, node))
}

/** What holds for a node that has dialled. @throws BusError when it is not welcome */
function welcome(
  node: NodeId,
  identity: Identity,
  access: AccessCheck,
  { sync }: Config,
): PeerRules {
  const matching = sync.rules.filter((rule) => isAbout(rule, undefined, node))
  const name = formatNodeId(node)
  const subject = { identity, name: '' }
  const refusal = access.refusal(subject, 'sync', name)
  if (refusal !== undefined) throw accessDenied(subject, 'sync', name, refusal)
  const isNamed = matching.some((rule) => rule.node !== undefined)
  if (sync.accept === 'none' || (sync.accept === 'listed' && !isNamed)) {
    const text = `links of ${name} are not accepted here (sync.accept: ${sync.accept})`
    throw new BusError('permission_denied', 'access_denied', text)
  }
  const user = matching.find((rule) => rule.user !== undefined)?.user
  if (user !== undefined && user !== identity.user) {
    const text = `${name} is ${user}, and this is ${identity.user}`
    throw new BusError('permission_denied', 'access_denied', text)
  }
  return rulesOf(matching)
}

function rulesOf(matching: readonly Rule[]): PeerRules {
  return {
    topics: matching.find(({ topics }) => topics !== undefined)?.topics,
    exceptTopics: matching.find(({ exceptTopics }) => exceptTopics !== undefined)?.exceptTopics,
    origins: matching.find(({ origins }) => origins !== undefined)?.origins,
    direction: matching.find(({ direction }) => direction !== undefined)?.direction,
  }
}
