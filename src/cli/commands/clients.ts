/** `msgbus clients`: who is connected, by any protocol. */

import type { Command } from 'commander'
import type { ClientInfo } from '../../client/core.ts'
import { formatBytes, formatCount, formatDuration } from '../duration.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import { formatTable } from '../table.ts'
import type { Column } from '../table.ts'
import type { Terminal } from '../terminal.ts'

export function addClientsCommand(program: Command, terminal: Terminal): void {
  program
    .command('clients')
    .summary('list who is connected, by any protocol')
    .description(
      'Lists clients with the frames they gave to the daemon and got from it, and the bytes that wait ' +
        'for them to read. Clients without a name are listed when no mask is given. See msgbus top.',
    )
    .argument('[mask]', "only names that match, such as 'lights.*'")
    .action((mask: string | undefined, _, command: Command) =>
      withClient(command, terminal, async (client) => {
        const clients = await client.clients(mask, { signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        const lines = json
          ? clients.map((each) => `${JSON.stringify(each)}\n`).join('')
          : formatTable(columns, clients)
        await terminal.write(lines)
      }),
    )
}

const columns: readonly Column<ClientInfo>[] = [
  { title: 'NAME', cell: ({ name }) => name || '-' },
  { title: 'PROTOCOL', cell: ({ protocol }) => protocol },
  { title: 'TRANSPORT', cell: ({ transport }) => transport || '-' },
  { title: 'SOURCE', cell: ({ source }) => source ?? '-' },
  {
    title: 'AGE',
    cell: ({ connectedAtMs }) => formatDuration(Math.max(0, Date.now() - connectedAtMs)),
    align: 'right',
  },
  { title: 'IN', cell: (client) => formatCount(client.receivedFrames), align: 'right' },
  { title: 'OUT', cell: (client) => formatCount(client.sentFrames), align: 'right' },
  { title: 'QUEUE', cell: formatQueue, align: 'right' },
  { title: 'INSTANCES', cell: ({ instances }) => formatCount(instances), align: 'right' },
]

/** `full`: it makes those who feed it wait. */
export function formatQueue({ queuedBytes, congested }: ClientInfo): string {
  return congested ? `${formatBytes(queuedBytes)} full` : formatBytes(queuedBytes)
}
