/** The procedures that clients of any protocol offer, and who is asked when one is called. Nothing is shown where there are none. */

import type { JSX } from 'preact'
import { now } from '../console-context.ts'
import { busClient } from '../data/bus-client.ts'
import { formatAgo, formatCount, formatTime } from '../format.ts'
import { DataTable } from '../view/data-table.tsx'
import type { Column } from '../view/data-table.tsx'
import { Card } from '../view/notices.tsx'
import { usePoller } from '../view/use-poller.ts'

const shownRows = 200

/** As the daemon tells it (docs/protocols/calls.md). */
interface ProcedureRow {
  readonly id: number
  readonly procedure: string
  readonly match: string
  readonly invoke: string
  readonly createdAtMs: number
  readonly callees: readonly {
    readonly id: number
    readonly name: string
    readonly protocol: string
  }[]
}

export function ProceduresCard(props: { readonly filter: string }): JSX.Element | null {
  const poller = usePoller(async (signal) => {
    const answer = await busClient().call('msgbus.procedure.list', '', { signal })
    return answer.json<ProcedureRow[]>()
  }, 5_000)
  const wanted = props.filter.trim().toLowerCase()
  const found = (poller.answer.value.value ?? []).filter((row) => textOf(row).includes(wanted))
  if (found.length === 0) return null
  const rows = found.slice(0, shownRows)
  return (
    <Card flush>
      <DataTable label="Procedures" columns={columns} rows={rows} keyOf={({ id }) => id} />
      {found.length > rows.length && (
        <p class="table-note">
          Showing {formatCount(rows.length)} of {formatCount(found.length)} procedures; filter to
          find others.
        </p>
      )}
    </Card>
  )
}

function textOf({ procedure, callees }: ProcedureRow): string {
  const served = callees.map(({ name, protocol }) => `${name}\n${protocol}`)
  return [procedure, ...served].join('\n').toLowerCase()
}

const columns: readonly Column<ProcedureRow>[] = [
  {
    name: 'Procedure',
    isTitle: true,
    cell: ({ procedure, match }) => (
      <>
        <code>{procedure}</code> {match !== 'exact' && <span class="dim">{match}</span>}
      </>
    ),
  },
  { name: 'Asked', cell: ({ invoke }) => invoke },
  {
    name: 'Offered by',
    cell: ({ callees }) =>
      callees
        .map(({ id, name, protocol }) => `${name === '' ? `#${id}` : name} (${protocol})`)
        .join(', '),
  },
  {
    name: 'Since',
    isNumber: true,
    cell: ({ createdAtMs }) => (
      <span title={formatTime(createdAtMs)}>{formatAgo(createdAtMs, now.value)}</span>
    ),
  },
]
