/**
 * Makes what `msgbus top` shows of what the daemon counts. Rates of topics are of stored messages, by
 * their head ids: a subscription to everything would show the others, too, and cost the daemon as much
 * as the busiest of its clients.
 */

import type { ClientInfo, DaemonStatus, LogInfo, QueueInfo } from '../../client/core.ts'
import { formatNodeId, nodeKey } from '../../model/node-id.ts'
import type { Observation } from './daemon-watch.ts'
import { Rates } from './rates.ts'

/** Rates are undefined until there are two readings to compare. */
export interface TopState {
  /** Wall clock of this machine. */
  readonly atMs: number
  readonly status: DaemonStatus
  readonly totals: TopTotals
  readonly clients: readonly ClientRow[]
  readonly topics: readonly TopicRow[]
  readonly queues: readonly QueueRow[]
}

/** Of one client, or of all together: what it gave to the daemon and what it got. */
export interface Traffic {
  readonly inFramesPerSecond: number | undefined
  readonly inBytesPerSecond: number | undefined
  readonly outFramesPerSecond: number | undefined
  readonly outBytesPerSecond: number | undefined
}

export interface TopTotals extends Traffic {
  readonly storedPerSecond: number | undefined
  readonly deliveredPerSecond: number | undefined
  /** Not stored, and a subscriber was too slow for it. */
  readonly droppedPerSecond: number | undefined
  readonly callsPerSecond: number | undefined
  /** 100 is one processor all the time. */
  readonly cpuPercent: number | undefined
  /** How late the daemon's event loop is, 99th percentile since the last reading. */
  readonly loopLagMs: number | undefined
}

export type ClientRow = ClientInfo & Traffic

export interface TopicRow {
  readonly topic: string
  /** tenant/bl/device */
  readonly origin: string
  readonly headId: number
  readonly storedBytes: number | undefined
  readonly messagesPerSecond: number | undefined
}

export type QueueRow = QueueInfo & {
  readonly enqueuedPerSecond: number | undefined
  /** Acknowledged, purged, or moved away. */
  readonly removedPerSecond: number | undefined
}

const metricNames = {
  stored: 'msgbus_messages_published_total',
  delivered: 'msgbus_messages_delivered_total',
  dropped: 'msgbus_messages_dropped_total',
  calls: 'msgbus_calls_total',
  cpuSeconds: 'process_cpu_seconds_total',
} as const

const loopLagMetric = 'nodejs_eventloop_lag_p99_seconds'

export class TopMeter {
  #startedAtMs: number | undefined
  #rates = newRates()

  /** @param atMs wall clock, for those who read the result */
  measure({ status, metrics, clients, logs, queues }: Observation, atMs: number): TopState {
    if (status.value.startedAtMs !== this.#startedAtMs) {
      // Another daemon, or the same one anew: its counters began at nothing.
      this.#startedAtMs = status.value.startedAtMs
      this.#rates = newRates()
    }
    const rates = this.#rates
    rates.clients.add(
      clients.atMs,
      clients.value.map((client) => [`${client.id}`, clientCounts(client)]),
    )
    rates.logs.add(
      logs.atMs,
      logs.value.map((log) => [logKey(log), { head: Number(log.headId) }]),
    )
    rates.queues.add(
      queues.atMs,
      queues.value.map((queue) => [queue.queue, queueCounts(queue)]),
    )
    rates.metrics.add(metrics.atMs, [['', metricCounts(metrics.value)]])
    const clientRows = clients.value.map((client) => clientRow(client, rates))
    return {
      atMs,
      status: status.value,
      totals: totals(metrics.value, clientRows, rates),
      clients: clientRows,
      topics: logs.value.map((log) => topicRow(log, rates)),
      queues: queues.value.map((queue) => queueRow(queue, rates)),
    }
  }
}

type AllRates = ReturnType<typeof newRates>

function newRates() {
  return {
    clients: new Rates<keyof ReturnType<typeof clientCounts>>(),
    logs: new Rates<'head'>(),
    queues: new Rates<keyof ReturnType<typeof queueCounts>>(),
    metrics: new Rates<keyof typeof metricNames>(),
  }
}

function clientCounts(client: ClientInfo) {
  const { receivedFrames, receivedBytes, sentFrames, sentBytes } = client
  return { receivedFrames, receivedBytes, sentFrames, sentBytes }
}

function clientRow(client: ClientInfo, { clients }: AllRates): ClientRow {
  const rates = clients.of(`${client.id}`)
  return {
    ...client,
    inFramesPerSecond: rates?.receivedFrames,
    inBytesPerSecond: rates?.receivedBytes,
    outFramesPerSecond: rates?.sentFrames,
    outBytesPerSecond: rates?.sentBytes,
  }
}

function logKey({ topic, origin }: LogInfo): string {
  return nodeKey(origin) + topic
}

function topicRow(log: LogInfo, { logs }: AllRates): TopicRow {
  const { topic, origin, headId, storedBytes } = log
  const messagesPerSecond = logs.of(logKey(log))?.head
  const node = formatNodeId(origin)
  return { topic, origin: node, headId: Number(headId), storedBytes, messagesPerSecond }
}

/** What is behind the newest and not there any more has been removed. */
function queueCounts({ lastSequence, depth }: QueueInfo) {
  return { enqueued: lastSequence, removed: lastSequence - depth }
}

function queueRow(queue: QueueInfo, { queues }: AllRates): QueueRow {
  const rates = queues.of(queue.queue)
  return { ...queue, enqueuedPerSecond: rates?.enqueued, removedPerSecond: rates?.removed }
}

function metricCounts(metrics: ReadonlyMap<string, number>) {
  const read = (name: keyof typeof metricNames) => metrics.get(metricNames[name]) ?? 0
  return {
    stored: read('stored'),
    delivered: read('delivered'),
    dropped: read('dropped'),
    calls: read('calls'),
    cpuSeconds: read('cpuSeconds'),
  }
}

function totals(
  metrics: ReadonlyMap<string, number>,
  clients: readonly ClientRow[],
  rates: AllRates,
): TopTotals {
  const sum = (name: keyof Traffic) => {
    let total: number | undefined
    for (const client of clients) {
      const rate = client[name]
      if (rate !== undefined) total = (total ?? 0) + rate
    }
    return total
  }
  const counted = rates.metrics.of('')
  const lagSeconds = metrics.get(loopLagMetric)
  return {
    inFramesPerSecond: sum('inFramesPerSecond'),
    inBytesPerSecond: sum('inBytesPerSecond'),
    outFramesPerSecond: sum('outFramesPerSecond'),
    outBytesPerSecond: sum('outBytesPerSecond'),
    storedPerSecond: counted?.stored,
    deliveredPerSecond: counted?.delivered,
    droppedPerSecond: counted?.dropped,
    callsPerSecond: counted?.calls,
    cpuPercent: counted && counted.cpuSeconds * 100,
    loopLagMs: lagSeconds === undefined ? undefined : lagSeconds * 1_000,
  }
}
