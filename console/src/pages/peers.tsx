/** Other daemons that this one exchanges logs with, and how far behind each of them it is. */

import type { JSX } from 'preact'
import type { LinkJson, PeerJson, PeersJson } from '../../../src/wire/http-api.ts'
import { now } from '../console-context.ts'
import { getJson } from '../data/http-api.ts'
import { originText } from '../data/shown-message.ts'
import { formatAgo, formatBytes, formatCount, formatNumberOf } from '../format.ts'
import { formatRoute } from '../route.ts'
import { DataTable } from '../view/data-table.tsx'
import type { Column } from '../view/data-table.tsx'
import { Badge, Card, Empty, Facts, Failure, Loading, PageHead } from '../view/notices.tsx'
import { usePoller } from '../view/use-poller.ts'

type PeerLog = PeerJson['logs'][number]

const shownLogs = 100

export function PeersPage(): JSX.Element {
  const poller = usePoller((signal) => getJson<PeersJson>('/v1/peers', {}, signal), 2_000)
  const { value, error } = poller.answer.value
  return (
    <>
      <PageHead
        title="Peers"
        text="Daemons whose logs are kept here, too, and the other way round."
      />
      {value === undefined && error === undefined && <Loading what="peers" />}
      {error !== undefined && (
        <Failure title="Peers are not known" text={error} retry={() => poller.refresh()} />
      )}
      {value?.peers.length === 0 && (
        <Empty icon="peers" title="No peers are configured">
          <p>This daemon works for itself. Everything it stores stays on this machine.</p>
        </Empty>
      )}
      {value?.peers.map((peer) => (
        <Peer key={peer.peer} peer={peer} />
      ))}
    </>
  )
}

/** How many messages the other side had more, when it was last heard. */
function lagOf({ localHead, remoteHead }: PeerLog): number {
  return Math.max(0, remoteHead - localHead)
}

function Peer({ peer }: { readonly peer: PeerJson }): JSX.Element {
  const { logs, link, lastError, consecutiveFailures, lastSuccessAtMs, lastAttemptAtMs } = peer
  const lag = logs.reduce((sum, log) => sum + lagOf(log), 0)
  const byLag = logs.toSorted((a, b) => lagOf(b) - lagOf(a)).slice(0, shownLogs)
  return (
    <Card title={peer.peer} tools={<PeerState peer={peer} lag={lag} />}>
      <Facts
        rows={[
          ['Node', link.node === '' ? 'not known yet' : link.node],
          ['Dialled by', link.direction === 'outgoing' ? 'this daemon' : 'the other side'],
          ['Connection', connectionText(link)],
          ['Round trip', link.rttMs === null ? '–' : `${link.rttMs.toFixed(1)} ms`],
          ['Traffic', `${formatBytes(link.receivedBytes)} in, ${formatBytes(link.sentBytes)} out`],
          ['Last success', ago(lastSuccessAtMs)],
          ['Last attempt', ago(lastAttemptAtMs)],
          ['Behind by', formatNumberOf(lag, 'message')],
          ['It is behind by', formatNumberOf(link.behind, 'message')],
          ['Logs', formatCount(logs.length)],
        ]}
      />
      {lastError !== '' && (
        <Failure
          isQuiet
          title={`${formatNumberOf(consecutiveFailures, 'attempt')} failed in a row`}
          text={`${lastError} It is tried again by itself; see that the address is right and the other daemon runs.`}
        />
      )}
      {logs.length > 0 && (
        <DataTable
          label={`Logs of ${peer.peer}`}
          columns={columns}
          rows={byLag}
          keyOf={({ topic, origin }) => JSON.stringify([topic, origin])}
        />
      )}
      {logs.length > byLag.length && (
        <p class="table-note">
          The {formatCount(byLag.length)} that are most behind, of {formatCount(logs.length)}.
        </p>
      )}
    </Card>
  )
}

function connectionText({ state, kind, upSinceMs }: LinkJson): string {
  if (state !== 'up') return state === 'cut_off' ? 'cut off' : state
  const what = { link: 'link', v1: 'version 1', standby: 'waits, another link is up', none: '–' }
  return upSinceMs === null ? what[kind] : `${what[kind]}, since ${ago(upSinceMs)}`
}

function ago(atMs: number): string {
  return atMs === 0 ? 'never' : formatAgo(atMs, now.value)
}

function PeerState({ peer, lag }: { readonly peer: PeerJson; readonly lag: number }): JSX.Element {
  if (peer.lastError !== '') return <Badge tone="bad">failing</Badge>
  if (peer.lastSuccessAtMs === 0) return <Badge>not reached yet</Badge>
  return lag === 0 ? <Badge tone="good">up to date</Badge> : <Badge tone="warn">behind</Badge>
}

const columns: readonly Column<PeerLog>[] = [
  {
    name: 'Topic',
    isTitle: true,
    cell: ({ topic }) => <a href={formatRoute('topics', { topic })}>{topic}</a>,
  },
  { name: 'Origin', cell: ({ origin }) => originText(origin) },
  { name: 'Head here', isNumber: true, cell: ({ localHead }) => formatCount(localHead) },
  { name: 'Head there', isNumber: true, cell: ({ remoteHead }) => formatCount(remoteHead) },
  {
    name: 'Lag',
    isNumber: true,
    cell: (log) =>
      lagOf(log) === 0 ? <span class="dim">–</span> : <strong>{formatCount(lagOf(log))}</strong>,
  },
]
