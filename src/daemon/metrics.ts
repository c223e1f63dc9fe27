/**
 * Every metric of the daemon, with unit and meaning. Values are read from plain counters when
 * somebody scrapes; nothing here runs per message. Names end in `_total`, `_seconds` or `_bytes`,
 * and follow the messaging conventions of OpenTelemetry where those have names; labels are bounded.
 */

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'
import type { Counter, Gauge, Registry } from 'prom-client'
import type { BusCounters } from '../core/counters.ts'
import type { MsgBus } from '../core/msg-bus.ts'
import type { MqttSlot } from '../protocols/mqtt-administration.ts'
import type { LinkInfo } from '../sync/link-info.ts'
import type { SyncCounters } from '../sync/sync-counters.ts'
import type { LiveMesh } from '../sync/live/live-mesh.ts'
import type { PeerStatus, SyncService } from '../sync/sync-service.ts'
import { addLinkMetrics } from './link-metrics.ts'
import { addMqttMetrics } from './mqtt-metrics.ts'
import { version } from './version.ts'

export interface Metrics {
  /** All metrics in the text format of Prometheus. */
  readonly text: () => Promise<string>
  /** Made when it is first asked for: most daemons are never scraped, and starting is to be quick. */
  readonly registry: () => Promise<Registry>
  /** Stops measuring the event loop. May be called twice. */
  close(): void
}

// A counter of the bus without a row here does not compile.
const counterRows: Readonly<Record<keyof BusCounters, readonly [name: string, help: string]>> = {
  messagesPublished: ['messages_published_total', 'Messages stored for local publishers.'],
  payloadBytesPublished: [
    'payload_published_bytes_total',
    'Payload bytes stored for local publishers.',
  ],
  messagesDeduplicated: [
    'messages_deduplicated_total',
    'Publishes answered with the message an earlier one with the same publish id had stored.',
  ],
  messagesRefused: ['messages_refused_total', 'Publications that were refused.'],
  messagesDelivered: [
    'messages_delivered_total',
    'Messages handed to subscriptions, live and replayed.',
  ],
  messagesDropped: [
    'messages_dropped_total',
    'Publications that were not stored and that a subscriber was too slow for.',
  ],
  clientsPaused: [
    'clients_paused_total',
    'Times a client was not read from because somebody it sends to had no room.',
  ],
  slowClientsDisconnected: [
    'slow_clients_disconnected_total',
    'Clients that were disconnected because they did not read what was sent to them.',
  ],
  callsMade: ['calls_total', 'Calls of procedures.'],
  callsFailed: ['calls_failed_total', 'Calls that ended with an error.'],
  messagesDeleted: ['messages_deleted_total', 'Messages deleted on request.'],
  messagesTrimmed: ['messages_trimmed_total', 'Messages trimmed by retention.'],
  historyTrimmed: [
    'history_messages_trimmed_total',
    'Messages trimmed because history was over its age or bytes.',
  ],
  historyTrimmedUnread: [
    'history_messages_trimmed_unread_total',
    'Messages trimmed because history was over its bytes although a connected reader, being behind, had not read them.',
  ],
  queueEnqueued: ['queue_messages_enqueued_total', 'Messages put into queues.'],
  queueDelivered: ['queue_messages_delivered_total', 'Queue messages leased to consumers.'],
  queueAcknowledged: ['queue_messages_acknowledged_total', 'Queue messages acknowledged.'],
  queueReturned: [
    'queue_messages_returned_total',
    'Queue messages given back or taken back after a lease.',
  ],
  queueDeadLettered: [
    'queue_messages_dead_lettered_total',
    'Queue messages moved to a dead letter queue.',
  ],
  accessDenied: ['access_denied_total', 'Operations that an access rule refused.'],
  subscriptionsLagged: [
    'subscriptions_lagged_total',
    'Times a live subscription fell back to reading from the store.',
  ],
}

// A counter of synchronisation without a row here does not compile.
const syncRows: Readonly<Record<keyof SyncCounters, readonly [name: string, help: string]>> = {
  messagesPulled: ['messages_pulled_total', 'Messages stored here because a peer had them.'],
  bytesPulled: ['pulled_bytes_total', 'Payload bytes stored here because a peer had them.'],
  peerFailures: [
    'peer_failures_total',
    'Attempts that failed for a peer as a whole: no connection, another identity, no answer.',
  ],
  logFailures: ['log_failures_total', 'Attempts that failed for one log of a peer.'],
  peersCutOff: [
    'peers_cut_off_total',
    'Times a peer was cut off because it said what no honest peer says.',
  ],
  forks: ['forks_total', 'Logs of which a peer was found to hold another history than this node.'],
}

/**
 * What the conventions of OpenTelemetry have a name for. They know messaging from the side of clients only, so these
 * two are what all clients of the daemon together would report: the same counts as above, in words that dashboards know.
 * Their durations are left to clients, who alone can measure them.
 */
const conventionRows: readonly {
  readonly name: string
  readonly help: string
  readonly counts: Readonly<Record<string, keyof BusCounters>>
}[] = [
  {
    name: 'messaging_client_sent_messages_total',
    help: 'Messages that clients sent and that were stored, by operation; OpenTelemetry messaging.client.sent.messages.',
    counts: { publish: 'messagesPublished', enqueue: 'queueEnqueued' },
  },
  {
    name: 'messaging_client_consumed_messages_total',
    help: 'Messages handed to clients, by operation; OpenTelemetry messaging.client.consumed.messages.',
    counts: { subscribe: 'messagesDelivered', consume: 'queueDelivered' },
  },
]

/** Of links that others dial there may be many; each would be a time series. */
const linksMost = 200
// A stall shows by as much as it delays the next look. Looks every 20 ms would see more of the short ones, but they were
// most of what an idle daemon did: 0.9 % of a core instead of 0.2 %.
const loopResolutionMs = 100

/** @param sync asked at every scrape; undefined while there is nothing to synchronise */
export function createMetrics(
  bus: MsgBus,
  sync: () => SyncService | undefined,
  mqtt: MqttSlot,
  mesh?: LiveMesh,
): Metrics {
  const loop = monitorEventLoopDelay({ resolution: loopResolutionMs })
  loop.enable()
  let made: Promise<Registry> | undefined
  const registry = () => (made ??= createRegistry({ bus, sync, mqtt, mesh, loop }))
  return {
    registry,
    text: async () => (await registry()).metrics(),
    close: () => void loop.disable(),
  }
}

interface MetricSources {
  readonly bus: MsgBus
  readonly sync: () => SyncService | undefined
  readonly mqtt: MqttSlot
  readonly mesh: LiveMesh | undefined
  readonly loop: IntervalHistogram
}

async function createRegistry(sources: MetricSources): Promise<Registry> {
  const { bus, sync, mqtt, mesh, loop } = sources
  const prometheus = await import('prom-client')
  const { Counter, Gauge, Registry } = prometheus
  const registry = new Registry()
  const gauge = (name: string, help: string, read: () => number | undefined): void => {
    const metric: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect: () => metric.set(read() ?? 0),
    })
  }
  const counter = (name: string, help: string, read: () => number): void => {
    const metric: Counter = new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        metric.reset()
        metric.inc(read())
      },
    })
  }

  for (const [key, [name, help]] of Object.entries(counterRows)) {
    counter(`msgbus_${name}`, help, () => bus.counters[key as keyof BusCounters])
  }
  for (const { name, help, counts } of conventionRows) {
    const metric: Counter = new Counter({
      name,
      help,
      labelNames: ['messaging_system', 'messaging_operation_name'],
      registers: [registry],
      collect() {
        metric.reset()
        for (const [operation, key] of Object.entries(counts)) {
          const labels = { messaging_system: 'msgbus', messaging_operation_name: operation }
          metric.inc(labels, bus.counters[key])
        }
      },
    })
  }
  const info = new Gauge({
    name: 'msgbus_build_info',
    help: 'Always 1; the labels say what is running.',
    labelNames: ['version', 'node_version'],
    registers: [registry],
  })
  info.set({ version, node_version: process.versions.node }, 1)
  gauge('msgbus_ready', '1 when data can be written and read, else 0.', () =>
    Number(bus.status().ready),
  )
  gauge('msgbus_subscriptions', 'Open subscriptions.', () => bus.status().subscriptions)
  gauge('msgbus_queues', 'Queues ever used.', () => bus.status().queues)
  gauge('msgbus_store_logs', 'Logs in the store.', () => bus.status().store?.logs)
  gauge(
    'msgbus_history_logs',
    'Logs that are history and so trimmed to the bounds of `storage.history`.',
    () => bus.status().history?.logs,
  )
  gauge('msgbus_history_bytes', 'Bytes of all history.', () => bus.status().history?.bytes)
  gauge(
    'msgbus_history_pinned_logs',
    'Logs whose history is not trimmed, because other messages in them are kept until they are deleted.',
    () => bus.status().history?.pinnedLogs,
  )
  gauge(
    'msgbus_history_pinned_bytes',
    'Bytes of the logs whose history is not trimmed.',
    () => bus.status().history?.pinnedBytes,
  )
  gauge(
    'msgbus_store_size_bytes',
    'Bytes the store takes on disk.',
    () => bus.status().store?.bytesOnDisk,
  )
  gauge(
    'msgbus_store_damaged_records',
    'Records found damaged since start; they are set aside and never served.',
    () => bus.status().store?.damagedRecords,
  )
  gauge(
    'msgbus_store_last_commit_age_seconds',
    'Time since the last successful commit; 0 before the first.',
    () => {
      const at = bus.status().store?.lastCommitAt
      return at === undefined ? 0 : (bus.clock.monotonic() - at) / 1000
    },
  )

  for (const [key, [name, help]] of Object.entries(syncRows)) {
    counter(`msgbus_sync_${name}`, help, () => sync()?.counters[key as keyof SyncCounters] ?? 0)
  }
  // The label is bounded: peers are configured.
  const perPeer = (name: string, help: string, read: (peer: PeerStatus) => number): void => {
    const metric = new Gauge({
      name,
      help,
      labelNames: ['peer'],
      registers: [registry],
      collect: () => {
        // Peers come and go.
        metric.reset()
        for (const peer of sync()?.peers() ?? []) metric.set({ peer: peer.endpoint }, read(peer))
      },
    })
  }
  perPeer('msgbus_sync_peer_up', '1 when the last pass over this peer succeeded, else 0.', (peer) =>
    Number(peer.state === 'up'),
  )
  perPeer(
    'msgbus_sync_lag_messages',
    'Messages this peer was known to have last that are not here.',
    (peer) => peer.lag,
  )

  addLinkMetrics(prometheus, registry, mesh)
  addMqttMetrics(prometheus, registry, mqtt, () => bus.retained.size)

  const perLink = (name: string, help: string, read: (link: LinkInfo) => number): void => {
    const metric = new Gauge({
      name,
      help,
      labelNames: ['peer'],
      registers: [registry],
      collect: () => {
        // Links that others dial come and go, and so do their rows here.
        metric.reset()
        const links = sync()?.links() ?? []
        for (const link of links.slice(0, linksMost)) metric.set({ peer: link.peer }, read(link))
      },
    })
  }
  perLink('msgbus_link_up', '1 while a link to this peer is up, whoever dialled, else 0.', (link) =>
    Number(link.kind === 'link' && link.state === 'up'),
  )
  perLink(
    'msgbus_link_round_trip_seconds',
    'To the peer and back, when last asked; 0 where it is not known.',
    (link) => (link.rttMs ?? 0) / 1000,
  )
  perLink(
    'msgbus_link_lag_messages',
    'Messages this peer was known to have last that are not here.',
    (link) => link.lag,
  )
  perLink(
    'msgbus_link_behind_messages',
    'Messages the peer asked for and has not stored yet.',
    (link) => link.behind,
  )
  perLink(
    'msgbus_link_received_bytes',
    'Received by the link that is up, from its beginning.',
    (link) => link.receivedBytes,
  )
  perLink(
    'msgbus_link_sent_bytes',
    'Sent by the link that is up, from its beginning.',
    (link) => link.sentBytes,
  )

  const loopGauge = (name: string, help: string, read: () => number) =>
    // The histogram counts from its own interval on; what is above it was waiting.
    gauge(name, help, () => Math.max(0, read() / 1e9 - loopResolutionMs / 1000) || 0)
  loopGauge(
    'nodejs_eventloop_lag_p99_seconds',
    '99th percentile of event loop lag since the last scrape.',
    () => loop.percentile(99),
  )
  loopGauge(
    'nodejs_eventloop_lag_max_seconds',
    'Longest event loop lag since the last scrape.',
    () => {
      const { max } = loop
      loop.reset()
      return max
    },
  )
  counter('process_cpu_seconds_total', 'Processor time used, user and system.', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss())
  gauge('nodejs_heap_used_bytes', 'Used JavaScript heap.', () => process.memoryUsage().heapUsed)
  gauge('nodejs_external_memory_bytes', 'Memory of buffers and native objects.', () => {
    const { external, arrayBuffers } = process.memoryUsage()
    return external + arrayBuffers
  })
  const startedAt = Date.now() / 1000 - process.uptime()
  gauge('process_start_time_seconds', 'Start time since 1970.', () => startedAt)

  return registry
}
