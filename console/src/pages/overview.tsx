/** How the daemon is doing: health, rates of the last minutes, who is connected, what is stored. */

import { useMemo } from 'preact/hooks'
import type { JSX } from 'preact'
import type { ClientJson, ClientsJson, StatusJson } from '../../../src/wire/http-api.ts'
import { daemon, now } from '../console-context.ts'
import { getJson } from '../data/http-api.ts'
import { originText } from '../data/shown-message.ts'
import type { RateSample } from '../data/status-history.ts'
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatDuration,
  formatNumberOf,
  formatRate,
} from '../format.ts'
import { formatRoute } from '../route.ts'
import { DataTable } from '../view/data-table.tsx'
import { LineChart } from '../view/line-chart.tsx'
import { Badge, Card, Empty, Facts, Loading, PageHead } from '../view/notices.tsx'
import { usePoller } from '../view/use-poller.ts'

export function OverviewPage(): JSX.Element {
  const status = daemon.status.value
  if (status === undefined) {
    return (
      <>
        <PageHead title="Overview" />
        <Loading what="status" />
      </>
    )
  }
  return (
    <>
      <PageHead title="Overview" text={<HealthLine status={status} />} />
      <Tiles status={status} />
      <Charts />
      <div class="columns">
        <Connections />
        <Listeners status={status} />
        <Store status={status} />
      </div>
    </>
  )
}

function HealthLine({ status }: { readonly status: StatusJson }): JSX.Element {
  const upMs = Math.max(0, status.nowMs - status.startedAtMs)
  return (
    <>
      {status.ready ? (
        <Badge tone="good">Healthy</Badge>
      ) : (
        <Badge tone="bad">Not ready{status.error === '' ? '' : `: ${status.error}`}</Badge>
      )}{' '}
      <span>
        Node <strong>{originText(status.node)}</strong>, up {formatDuration(upMs)}, version{' '}
        {status.version}
      </span>
    </>
  )
}

function Tiles({ status }: { readonly status: StatusJson }): JSX.Element {
  const { store, counters } = status
  const rates = daemon.rates.value.samples.at(-1)
  return (
    <dl class="tiles">
      <Tile
        name="Stored"
        value={rates === undefined ? '–' : formatRate(rates.stored)}
        note={`${formatCount(counters.published)} since start`}
      />
      <Tile
        name="Delivered"
        value={rates === undefined ? '–' : formatRate(rates.delivered)}
        note={`${formatCount(counters.delivered)} since start`}
      />
      <Tile
        name="Clients"
        value={formatCount(status.clients)}
        note={formatNumberOf(status.subscriptions, 'subscription')}
        href={formatRoute('clients')}
      />
      <Tile
        name="Topics"
        value={formatCount(status.topics)}
        note={formatNumberOf(store.logs, 'log')}
        href={formatRoute('topics')}
      />
      <Tile
        name="Store"
        value={formatBytes(store.bytesOnDisk)}
        note={
          store.freeDiskBytes === null
            ? 'free disk unknown'
            : `${formatBytes(store.freeDiskBytes)} disk free`
        }
        isBad={store.freeDiskBytes !== null && store.freeDiskBytes < 256 * 1024 * 1024}
      />
      <Tile
        name="Dropped"
        value={formatCount(counters.dropped)}
        note={`${formatCount(counters.refused)} refused`}
        isBad={counters.dropped > 0}
      />
    </dl>
  )
}

function Tile(props: {
  readonly name: string
  readonly value: string
  readonly note: string
  readonly href?: string
  readonly isBad?: boolean
}): JSX.Element {
  return (
    <div class={props.isBad === true ? 'tile tile-bad' : 'tile'}>
      <dt>{props.href === undefined ? props.name : <a href={props.href}>{props.name}</a>}</dt>
      <dd>
        <span class="tile-value">{props.value}</span>
        <span class="tile-note">{props.note}</span>
      </dd>
    </div>
  )
}

function Charts(): JSX.Element {
  const rates = daemon.rates.value
  const charts = useMemo(() => {
    const points = (of: (sample: RateSample) => number) =>
      rates.samples.map((sample) => {
        return { atMs: sample.atMs, value: of(sample), afterGap: sample.afterGap }
      })
    return {
      frames: [
        { name: 'In', points: points((sample) => sample.receivedFrames) },
        { name: 'Out', points: points((sample) => sample.sentFrames) },
      ],
      log: [
        { name: 'Stored', points: points((sample) => sample.stored) },
        { name: 'Delivered', points: points((sample) => sample.delivered) },
      ],
      bytes: [
        { name: 'In', points: points((sample) => sample.receivedBytes) },
        { name: 'Out', points: points((sample) => sample.sentBytes) },
      ],
    }
  }, [rates])
  return (
    <div class="charts">
      <LineChart title="Stored and delivered" series={charts.log} format={formatRate} />
      <LineChart title="Frames in and out" series={charts.frames} format={formatRate} />
      <LineChart
        title="Bytes in and out"
        series={charts.bytes}
        format={(value) => `${formatBytes(value)}/s`}
        isBytes
      />
    </div>
  )
}

function Connections(): JSX.Element {
  const poller = usePoller(
    async (signal) => countBy((await getJson<ClientsJson>('/v1/clients', {}, signal)).clients),
    5_000,
  )
  const { value, error } = poller.answer.value
  const most = Math.max(1, ...(value ?? []).map(({ count }) => count))
  return (
    <Card title="Connections by protocol">
      {value === undefined && error === undefined && <Loading what="clients" />}
      {value === undefined && error !== undefined && <p class="field-error">{error}</p>}
      {value?.length === 0 && <Empty icon="clients" title="Nobody is connected" />}
      <ul class="bars">
        {value?.map(({ protocol, count }) => (
          <li key={protocol}>
            <a href={formatRoute('clients', { filter: protocol })}>{protocol}</a>
            <span class="bar" style={{ '--share': `${(100 * count) / most}%` }} />
            <span class="number">{formatCount(count)}</span>
          </li>
        ))}
      </ul>
    </Card>
  )
}

function countBy(clients: readonly ClientJson[]): { protocol: string; count: number }[] {
  const counts = new Map<string, number>()
  for (const { protocol } of clients) counts.set(protocol, (counts.get(protocol) ?? 0) + 1)
  return [...counts]
    .map(([protocol, count]) => ({ protocol, count }))
    .toSorted((a, b) => b.count - a.count || a.protocol.localeCompare(b.protocol))
}

function Listeners({ status }: { readonly status: StatusJson }): JSX.Element {
  return (
    <Card title="Listeners">
      <DataTable
        label="Listeners"
        rows={status.listeners}
        keyOf={({ protocol, address }) => `${protocol} ${address}`}
        columns={[
          { name: 'Protocol', isTitle: true, cell: ({ protocol }) => protocol },
          {
            name: 'Address',
            cell: ({ address, tls }) => (
              <>
                <code class="address">{address}</code> {tls && <Badge tone="good">TLS</Badge>}
              </>
            ),
          },
        ]}
      />
    </Card>
  )
}

function Store({ status }: { readonly status: StatusJson }): JSX.Element {
  const { store, history, counters } = status
  const commit =
    store.lastCommitAgeMs === null
      ? 'nothing written yet'
      : formatAgo(now.value - store.lastCommitAgeMs, now.value)
  return (
    <Card title="Store and process">
      <Facts
        rows={[
          ['Engine', store.engine],
          ['Acknowledged when', durabilityText[store.durability] ?? store.durability],
          ['Last commit', commit],
          [
            'Damaged records',
            store.damagedRecords === 0 ? (
              'none'
            ) : (
              <Badge key="damaged" tone="bad">
                {formatCount(store.damagedRecords)}
              </Badge>
            ),
          ],
          [
            'History',
            history === null
              ? undefined
              : `${formatCount(history.logs)} logs, ${formatBytes(history.bytes)}`,
          ],
          ['Queues', formatCount(status.queues)],
          [
            'Calls',
            `${formatCount(counters.callsMade)} made, ${formatCount(counters.callsFailed)} failed`,
          ],
          ['Slow clients ended', formatCount(counters.slowClientsDisconnected)],
          ['Memory', formatBytes(status.residentBytes)],
          ['Data folder', <code key="folder">{store.dataFolder}</code>],
        ]}
      />
    </Card>
  )
}

const durabilityText: Readonly<Record<string, string>> = {
  disk: 'on disk (survives power loss)',
  os: 'given to the system (survives a crash)',
  memory: 'in memory (lost at the end)',
  none: 'in memory (lost at the end)',
}
