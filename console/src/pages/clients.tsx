/** Who is connected, by any protocol: name, address, traffic, and who does not keep up. */

import { useState } from 'preact/hooks'
import type { JSX } from 'preact'
import type { ClientInfo } from '../../../src/client/core.ts'
import { now, route } from '../console-context.ts'
import { busClient } from '../data/bus-client.ts'
import { ClientRates } from '../data/client-rates.ts'
import type { RatedClient } from '../data/client-rates.ts'
import { formatAgo, formatBytes, formatCount, formatRate, formatTime } from '../format.ts'
import { DataTable, sortRows } from '../view/data-table.tsx'
import type { Column, Sorting } from '../view/data-table.tsx'
import { Badge, Card, Empty, Failure, Loading, PageHead } from '../view/notices.tsx'
import { ProceduresCard } from './procedures-card.tsx'
import { SearchField } from '../view/search-field.tsx'
import { usePoller } from '../view/use-poller.ts'

// More rows than this nobody reads, and the page would become slow.
const shownRows = 200

export function ClientsPage(): JSX.Element {
  const [rates] = useState(() => new ClientRates())
  const poller = usePoller(
    async (signal) => rates.add(await busClient().clients('', { signal }), performance.now()),
    2_000,
  )
  const [sorting, setSorting] = useState<Sorting>({ column: 'Client', isDescending: false })
  const [filter, setFilter] = useState(route.value.params['filter'] ?? '')
  const { value, error } = poller.answer.value
  const found = (value ?? []).filter((client) => matches(client, filter))
  const rows = sortRows(found, columns, sorting).slice(0, shownRows)
  return (
    <>
      <PageHead
        title="Clients"
        text={value === undefined ? undefined : countText(found.length, value.length)}
      >
        <SearchField label="Filter clients" value={filter} onInput={setFilter} />
      </PageHead>
      {value === undefined && error === undefined && <Loading what="clients" />}
      {error !== undefined && (
        <Failure title="Clients are not known" text={error} retry={() => poller.refresh()} />
      )}
      {value !== undefined && found.length === 0 && (
        <Empty icon="clients" title="No client matches">
          <p>Names, protocols, users and addresses are compared.</p>
        </Empty>
      )}
      {found.length > 0 && (
        <Card flush>
          <DataTable
            label="Clients"
            columns={columns}
            rows={rows}
            keyOf={({ id }) => id}
            sorting={sorting}
            onSort={setSorting}
          />
          {found.length > rows.length && (
            <p class="table-note">
              Showing {formatCount(rows.length)} of {formatCount(found.length)}; filter to find
              others.
            </p>
          )}
        </Card>
      )}
      <ProceduresCard filter={filter} />
    </>
  )
}

function countText(found: number, all: number): string {
  const connected = `${formatCount(all)} connected`
  return found === all ? connected : `${formatCount(found)} of ${connected}`
}

function matches(client: ClientInfo, filter: string): boolean {
  const { name, protocol, transport, user, source = '', id } = client
  const text = [name, protocol, transport, user, source, `#${id}`].join('\n').toLowerCase()
  return text.includes(filter.trim().toLowerCase())
}

const columns: readonly Column<RatedClient>[] = [
  {
    name: 'Client',
    isTitle: true,
    // Those without a name come last.
    sortBy: ({ name, id }) => (name === '' ? `\uffff${id}` : name),
    cell: ({ name, id, congested }) => (
      <>
        {name === '' ? <span class="dim">#{id}</span> : name}{' '}
        {congested && <Badge tone="warn">congested</Badge>}
      </>
    ),
  },
  {
    name: 'Protocol',
    sortBy: ({ protocol, transport }) => `${protocol} ${transport}`,
    cell: ({ protocol, transport }) => (
      <>
        {protocol}{' '}
        {transport !== '' && transport !== protocol && <span class="dim">{transport}</span>}
      </>
    ),
  },
  {
    name: 'Address',
    sortBy: ({ source = '' }) => source,
    cell: ({ source }) =>
      source === undefined ? <span class="dim">–</span> : <code>{source}</code>,
  },
  {
    name: 'In',
    isNumber: true,
    sortBy: ({ receivedBytes }) => receivedBytes,
    cell: (client) => (
      <Traffic
        rate={client.receivedPerSecond}
        frames={client.receivedFrames}
        bytes={client.receivedBytes}
      />
    ),
  },
  {
    name: 'Out',
    isNumber: true,
    sortBy: ({ sentBytes }) => sentBytes,
    cell: (client) => (
      <Traffic rate={client.sentPerSecond} frames={client.sentFrames} bytes={client.sentBytes} />
    ),
  },
  {
    name: 'Queued',
    isNumber: true,
    sortBy: ({ queuedBytes }) => queuedBytes,
    cell: ({ queuedBytes }) =>
      queuedBytes === 0 ? <span class="dim">–</span> : formatBytes(queuedBytes),
  },
  {
    name: 'Subscriptions',
    isNumber: true,
    sortBy: ({ subscriptions }) => subscriptions,
    cell: ({ subscriptions }) => formatCount(subscriptions),
  },
  {
    name: 'Connected',
    isNumber: true,
    sortBy: ({ connectedAtMs }) => connectedAtMs,
    cell: ({ connectedAtMs }) => (
      <span title={formatTime(connectedAtMs)}>{formatAgo(connectedAtMs, now.value)}</span>
    ),
  },
]

function Traffic(props: {
  readonly rate: number | undefined
  readonly frames: number
  readonly bytes: number
}): JSX.Element {
  return (
    <span class="two-lines">
      <span>{props.rate === undefined ? '–' : formatRate(props.rate)}</span>
      <span class="dim">
        {formatCount(props.frames)} · {formatBytes(props.bytes)}
      </span>
    </span>
  )
}
