/** Queues: what waits in them, who takes from them, what is at the front; and emptying one. */

import { useState } from 'preact/hooks'
import type { JSX } from 'preact'
import type { QueueInfo } from '../../../src/client/core.ts'
import type { QueueMessage } from '../../../src/client/core.ts'
import { announce, goTo, now, route } from '../console-context.ts'
import { busClient } from '../data/bus-client.ts'
import { originText } from '../data/shown-message.ts'
import { formatAgo, formatCount, formatNumberOf, formatTime } from '../format.ts'
import { formatRoute } from '../route.ts'
import { ConfirmDialog } from '../view/confirm-dialog.tsx'
import { DataTable, sortRows } from '../view/data-table.tsx'
import type { Column, Sorting } from '../view/data-table.tsx'
import { Icon } from '../view/icon.tsx'
import { Card, Empty, Facts, Failure, Loading, PageHead } from '../view/notices.tsx'
import { PayloadView } from '../view/payload-view.tsx'
import { SearchField } from '../view/search-field.tsx'
import { usePoller } from '../view/use-poller.ts'

const shownRows = 200

export function QueuesPage(): JSX.Element {
  const poller = usePoller((signal) => busClient().listQueues({ signal }), 2_000)
  const [sorting, setSorting] = useState<Sorting>({ column: 'Queue', isDescending: false })
  const [filter, setFilter] = useState('')
  const { value, error } = poller.answer.value
  const chosen = route.value.params['queue']
  const found = (value ?? []).filter(({ queue }) =>
    queue.toLowerCase().includes(filter.toLowerCase()),
  )
  const rows = sortRows(found, columns, sorting).slice(0, shownRows)
  return (
    <>
      <PageHead title="Queues" text="Each message goes to one consumer, in order.">
        {(value?.length ?? 0) > 5 && (
          <SearchField label="Filter queues" value={filter} onInput={setFilter} />
        )}
      </PageHead>
      {value === undefined && error === undefined && <Loading what="queues" />}
      {error !== undefined && (
        <Failure title="Queues are not known" text={error} retry={() => poller.refresh()} />
      )}
      {value?.length === 0 && (
        <Empty icon="queues" title="There are no queues">
          <p>
            A queue is there as soon as something is put in it:{' '}
            <code>msgbus queue enqueue jobs hello</code>
          </p>
        </Empty>
      )}
      {value !== undefined && value.length > 0 && (
        <Card flush>
          <DataTable
            label="Queues"
            columns={columns}
            rows={rows}
            keyOf={({ queue }) => queue}
            sorting={sorting}
            onSort={setSorting}
            isMarked={({ queue }) => queue === chosen}
          />
          {found.length > rows.length && (
            <p class="table-note">
              Showing {formatCount(rows.length)} of {formatCount(found.length)}; filter to find
              others.
            </p>
          )}
        </Card>
      )}
      {chosen !== undefined && (
        <QueueFront
          key={chosen}
          queue={chosen}
          info={value?.find(({ queue }) => queue === chosen)}
          onChanged={() => poller.refresh()}
        />
      )}
    </>
  )
}

const columns: readonly Column<QueueInfo>[] = [
  {
    name: 'Queue',
    isTitle: true,
    sortBy: ({ queue }) => queue,
    cell: ({ queue }) => <a href={formatRoute('queues', { queue })}>{queue}</a>,
  },
  {
    name: 'Depth',
    isNumber: true,
    sortBy: ({ depth }) => depth,
    cell: ({ depth }) => formatCount(depth),
  },
  {
    name: 'Leased',
    isNumber: true,
    sortBy: ({ leased }) => leased,
    cell: ({ leased }) => formatCount(leased),
  },
  {
    name: 'Consumers',
    isNumber: true,
    sortBy: ({ consumers }) => consumers,
    cell: ({ consumers }) => formatCount(consumers),
  },
  {
    name: 'Oldest',
    isNumber: true,
    sortBy: ({ oldestAtMs }) => (oldestAtMs === 0 ? 0 : -oldestAtMs),
    cell: ({ oldestAtMs }) => (oldestAtMs === 0 ? '–' : formatAgo(oldestAtMs, now.value)),
  },
]

interface QueueFrontProps {
  readonly queue: string
  /** Undefined: it is gone. */
  readonly info: QueueInfo | undefined
  readonly onChanged: () => void
}

function QueueFront({ queue, info, onChanged }: QueueFrontProps): JSX.Element {
  const front = usePoller((signal) => busClient().peekFifo(queue, { signal }), 2_000, [queue])
  const [isAsking, setAsking] = useState(false)
  const [failure, setFailure] = useState<string>()
  const { value, error, atMs } = front.answer.value
  const free = (info?.depth ?? 0) - (info?.leased ?? 0)
  const purge = async () => {
    setFailure(undefined)
    try {
      const removed = await busClient().purgeQueue(queue)
      announce(`${formatNumberOf(removed, 'message')} removed from ${queue}`)
    } catch (thrown) {
      setFailure(thrown instanceof Error ? thrown.message : String(thrown))
    }
    front.refresh()
    onChanged()
  }
  return (
    <Card
      title={`Front of ${queue}`}
      tools={
        <span class="card-tools">
          <button
            type="button"
            class="button button-danger"
            disabled={free <= 0}
            onClick={() => setAsking(true)}
          >
            <Icon name="trash" />
            <span>Purge …</span>
          </button>
          <button
            type="button"
            class="button button-quiet"
            aria-label="Close"
            onClick={() => goTo(formatRoute('queues'))}
          >
            <Icon name="close" />
          </button>
        </span>
      }
    >
      {failure !== undefined && <Failure title="Not purged" text={failure} />}
      {error !== undefined && <Failure title="The front cannot be shown" text={error} />}
      {error === undefined && atMs === 0 && <Loading what="the front" />}
      {error === undefined && atMs > 0 && value === undefined && (
        <Empty icon="queues" title="The queue is empty" />
      )}
      {value !== undefined && <FrontMessage message={value} />}
      {isAsking && (
        <ConfirmDialog
          title={`Purge ${queue}?`}
          action="Purge"
          onConfirm={() => void purge()}
          onClose={() => setAsking(false)}
        >
          <p>
            This removes every message that nobody has leased, now{' '}
            <strong>{formatNumberOf(free, 'message')}</strong>. It cannot be undone.
          </p>
        </ConfirmDialog>
      )}
    </Card>
  )
}

function FrontMessage({ message }: { readonly message: QueueMessage }): JSX.Element {
  const { topic, source, sequence, attempts, createdAtMs, payload, headers, id } = message
  return (
    <div class="message-detail">
      <Facts
        rows={[
          ['Topic', topic],
          ['Number', formatCount(sequence)],
          ['Attempts', formatCount(attempts)],
          ['Source', originText(source)],
          ['Created', formatTime(createdAtMs)],
          ['Message id', <code key="id">{id}</code>],
        ]}
      />
      {headers.size > 0 && <Facts rows={[...headers]} />}
      <PayloadView
        key={id}
        payload={payload}
        size={payload.length}
        fileName={`queue-${sequence}`}
      />
    </div>
  )
}
