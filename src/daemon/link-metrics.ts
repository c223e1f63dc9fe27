/** Metrics of what passes over links without being stored; all are 0 while no link is up. */

import type { Counter, Gauge, Registry } from 'prom-client'
import type { LiveCounters } from '../sync/live/live-counters.ts'
import type { LiveMesh } from '../sync/live/live-mesh.ts'

/** The package, which is loaded when metrics are first asked for. */
type Prometheus = typeof import('prom-client')

// A counter of live traffic without a row here does not compile.
const rows: Readonly<Record<keyof LiveCounters, readonly [name: string, help: string]>> = {
  sentRecords: ['records_sent_total', 'Records of live traffic sent over links.'],
  sentBytes: ['sent_bytes_total', 'Bytes of them.'],
  receivedRecords: ['records_received_total', 'Records of live traffic that came by links.'],
  receivedBytes: ['received_bytes_total', 'Bytes of them.'],
  relayed: ['records_relayed_total', 'Records passed on from one link to another.'],
  duplicates: ['duplicates_total', 'Copies of publications that came another way before.'],
  dropped: [
    'dropped_total',
    'Publications, broadcasts and direct messages lost because a link or a client had no room.',
  ],
  undeliverable: [
    'undeliverable_total',
    'Records lost because whom they are for could not be reached or was not there.',
  ],
  hopLimit: ['hop_limit_total', 'Records that had passed as many nodes as they may.'],
  denied: ['denied_total', 'Records refused by the rules of a peer or of access.'],
}

/** @param mesh undefined where metrics are only listed */
export function addLinkMetrics(
  { Counter: CounterClass, Gauge: GaugeClass }: Prometheus,
  registry: Registry,
  mesh: LiveMesh | undefined,
): void {
  const registers = [registry]
  for (const [key, [suffix, help]] of Object.entries(rows)) {
    const metric: Counter = new CounterClass({
      name: `msgbus_link_live_${suffix}`,
      help,
      registers,
      collect() {
        metric.reset()
        metric.inc(mesh?.counters[key as keyof LiveCounters] ?? 0)
      },
    })
  }
  const gauge = (name: string, help: string, read: () => number) => {
    const metric: Gauge = new GaugeClass({
      name,
      help,
      registers,
      collect: () => metric.set(read()),
    })
  }
  gauge(
    'msgbus_link_nodes',
    'Other daemons that can be reached over links.',
    () => mesh?.reachableCount ?? 0,
  )
  gauge(
    'msgbus_link_calls_in_flight',
    'Calls to and from other daemons that are under way.',
    () => mesh?.callsInFlight ?? 0,
  )
}
