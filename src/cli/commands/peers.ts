/** `msgbus peers`: the other daemons, and the links to them. */

import type { Command } from 'commander'
import type { DiscoveredNode, MeshNode, PeerInfo } from '../../client/core.ts'
import { formatBytes, formatCount, formatDuration } from '../duration.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import { type Column, formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

export function addPeersCommands(program: Command, terminal: Terminal): void {
  const peers = program
    .command('peers')
    .summary('other daemons, and the links to them: ls, add, remove, nodes, discovered')

  peers
    .command('ls', { isDefault: true })
    .summary('list peers and links, with round-trip time, lag, bytes and the last error')
    .action((_, command: Command) =>
      withClient(command, terminal, async (client) => {
        const rows = await client.listPeers({ signal: terminal.signal })
        await list(
          command,
          terminal,
          peerColumns,
          rows,
          'no peers: msgbus peers add http://host:port',
        )
      }),
    )

  peers
    .command('add')
    .summary('dial another daemon from now on, also after a restart')
    .description(
      'The daemon keeps it in its store. With =tenant/bl/device behind the endpoint only that node is accepted there.',
    )
    .argument('<endpoint[=node]>')
    .action((peer: string, _, command: Command) =>
      withClient(command, terminal, async (client) => {
        await client.addPeer(peer, { signal: terminal.signal })
        await say(command, terminal, { added: peer }, `${peer} is dialled from now on`)
      }),
    )

  peers
    .command('remove')
    .alias('rm')
    .summary('end the link to a peer that was added, and forget it')
    .argument('<endpoint>')
    .action((peer: string, _, command: Command) =>
      withClient(command, terminal, async (client) => {
        await client.removePeer(peer, { signal: terminal.signal })
        await say(command, terminal, { removed: peer }, `${peer} is no peer any more`)
      }),
    )

  peers
    .command('nodes')
    .summary('list the daemons that can be reached over links, however many lie between')
    .action((_, command: Command) =>
      withClient(command, terminal, async (client) => {
        const rows = await client.listNodes({ signal: terminal.signal })
        await list(command, terminal, nodeColumns, rows, 'no other node can be reached')
      }),
    )

  peers
    .command('discovered')
    .summary('list the daemons that announce themselves on this network')
    .description(
      'Needs msgbusd --discover. Nobody is dialled by that: add the peer of a line with msgbus peers add.',
    )
    .action((_, command: Command) =>
      withClient(command, terminal, async (client) => {
        const rows = await client.listDiscovered({ signal: terminal.signal })
        await list(command, terminal, discoveredColumns, rows, 'nobody was heard yet')
      }),
    )
}

async function list<Row>(
  command: Command,
  terminal: Terminal,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  none: string,
): Promise<void> {
  if (command.optsWithGlobals<GlobalOptions>().json) {
    await terminal.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  } else await terminal.write(rows.length === 0 ? `${none}\n` : formatTable(columns, rows))
}

async function say(
  command: Command,
  terminal: Terminal,
  facts: object,
  text: string,
): Promise<void> {
  const { json } = command.optsWithGlobals<GlobalOptions>()
  await terminal.write(`${json ? JSON.stringify(facts) : text}\n`)
}

const peerColumns: readonly Column<PeerInfo>[] = [
  { title: 'PEER', cell: ({ peer }) => peer },
  { title: 'NODE', cell: ({ node }) => node || '-' },
  { title: 'DIR', cell: ({ direction }) => (direction === 'incoming' ? 'in' : 'out') },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'KIND', cell: ({ kind }) => kind },
  {
    title: 'RTT',
    cell: ({ rttUs }) => (rttUs === 0 ? '-' : `${(rttUs / 1_000).toFixed(1)} ms`),
    align: 'right',
  },
  { title: 'LAG', cell: ({ lag }) => formatCount(lag), align: 'right' },
  { title: 'BEHIND', cell: ({ behind }) => formatCount(behind), align: 'right' },
  { title: 'IN', cell: ({ receivedBytes }) => formatBytes(receivedBytes), align: 'right' },
  { title: 'OUT', cell: ({ sentBytes }) => formatBytes(sentBytes), align: 'right' },
  {
    title: 'UP',
    cell: ({ upSinceMs }) => (upSinceMs === 0 ? '-' : formatDuration(Date.now() - upSinceMs)),
    align: 'right',
  },
  { title: 'KEPT IN', cell: ({ keptIn }) => keptIn || '-' },
  { title: 'ERROR', cell: ({ lastError }) => lastError },
]

const nodeColumns: readonly Column<MeshNode>[] = [
  { title: 'NODE', cell: ({ node }) => node },
  { title: 'HOPS', cell: ({ hops }) => formatCount(hops), align: 'right' },
  { title: 'CLIENTS', cell: ({ clients }) => formatCount(clients), align: 'right' },
  { title: 'PROCEDURES', cell: ({ procedures }) => formatCount(procedures), align: 'right' },
  { title: 'FILTERS', cell: ({ filters }) => formatCount(filters), align: 'right' },
]

const discoveredColumns: readonly Column<DiscoveredNode>[] = [
  { title: 'NODE', cell: ({ node }) => node },
  { title: 'PEER', cell: ({ peer }) => peer },
  { title: 'VERSION', cell: ({ version }) => version },
  {
    title: 'HEARD',
    cell: ({ lastSeenMs }) => `${formatDuration(Date.now() - lastSeenMs)} ago`,
    align: 'right',
  },
  { title: 'LINKED', cell: ({ linked }) => (linked ? 'yes' : 'no') },
]
