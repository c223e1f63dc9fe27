/** `msgbus fetch|heads|head|delete`: what is stored, and deleting it. */

import type { Command } from 'commander'
import type { LogInfo, NodeId } from '../../client/core.ts'
import { formatBytes, formatCount, parseCount, parseHead } from '../duration.ts'
import { CommandFailure, UsageError, exitCodes } from '../exit-codes.ts'
import { formatMessage, formatOrigin, messageToJson } from '../message-text.ts'
import { parseOrigin } from '../origin-option.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import { formatTable } from '../table.ts'
import type { Column } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface LogOptions extends GlobalOptions {
  readonly origin?: NodeId
}

interface FetchCommandOptions extends LogOptions {
  readonly from?: bigint
  readonly limit?: number
  readonly raw?: boolean
}

export function addLogCommands(program: Command, terminal: Terminal): void {
  program
    .command('fetch')
    .summary('print stored messages of one topic and end')
    .argument('<topic>')
    .option('--from <head>', 'first head id (default: 1)', parseHead)
    .option('--limit <n>', 'at most so many messages (default: all)', parseCount(1))
    .option(
      '--origin <tenant/bl/device>',
      "another node's log (default: the daemon's own)",
      parseOrigin,
    )
    .option('--raw', 'payloads only, a line break after each')
    .action(async (topic: string, _, command: Command) => {
      const options = command.optsWithGlobals<FetchCommandOptions>()
      await withClient(command, terminal, async (client) => {
        const { from, limit, origin } = options
        const { signal } = terminal
        for await (const message of client.fetch(topic, { from, limit, origin, signal })) {
          if (options.raw) {
            await terminal.write(message.payload)
            await terminal.write('\n')
          } else if (options.json) {
            await terminal.write(messageToJson(message))
          } else {
            await terminal.write(formatMessage(message, terminal.colours))
          }
        }
      })
    })

  program
    .command('heads')
    .summary('list topics with their last head ids')
    .argument('[filter]', 'only topics that this MQTT filter matches')
    .action((filter: string | undefined, _, command: Command) =>
      withClient(command, terminal, async (client) => {
        const logs = await client.listLogs(filter, { signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        await terminal.write(json ? logs.map(logToJson).join('') : formatTable(logColumns, logs))
      }),
    )

  program
    .command('head')
    .summary('print the last head id of one topic')
    .argument('<topic>')
    .option(
      '--origin <tenant/bl/device>',
      "another node's log (default: the daemon's own)",
      parseOrigin,
    )
    .action((topic: string, _, command: Command) =>
      withClient(command, terminal, async (client) => {
        const { origin, json } = command.optsWithGlobals<LogOptions>()
        const head = await client.getHead(topic, { origin, signal: terminal.signal })
        if (head === undefined) {
          throw new CommandFailure(exitCodes.notFound, `nothing was ever stored in ${topic}`)
        }
        const text = json ? JSON.stringify({ topic, headId: Number(head) }) : String(head)
        await terminal.write(`${text}\n`)
      }),
    )

  program
    .command('delete')
    .summary('delete stored messages of one topic')
    .description('Erases messages of the log of this daemon. Their heads stay, flagged as deleted.')
    .argument('<topic>')
    .argument('[from]', 'first head id', parseHead)
    .argument('[to]', 'last head id (default: the same)', parseHead)
    .option('--all', 'everything stored in the topic')
    .action(
      (topic: string, from: bigint | undefined, to: bigint | undefined, _, command: Command) => {
        const { all, json } = command.optsWithGlobals<GlobalOptions & { readonly all?: boolean }>()
        if ((all === true) === (from !== undefined))
          throw new UsageError('name the head ids to delete, or --all')
        return withClient(command, terminal, async (client) => {
          const range = { from: from ?? 1, to: all ? Number.POSITIVE_INFINITY : (to ?? from ?? 1) }
          const deleted = await client.deleteRange(topic, range, { signal: terminal.signal })
          const text = json ? JSON.stringify({ topic, deleted }) : `${formatCount(deleted)} deleted`
          await terminal.write(`${text}\n`)
        })
      },
    )
}

const logColumns: readonly Column<LogInfo>[] = [
  { title: 'TOPIC', cell: (log) => log.topic },
  { title: 'HEAD', cell: (log) => formatCount(log.headId), align: 'right' },
  { title: 'TRIMMED', cell: (log) => formatCount(log.trimmedTo), align: 'right' },
  {
    title: 'SIZE',
    cell: (log) => (log.storedBytes === undefined ? '-' : formatBytes(log.storedBytes)),
    align: 'right',
  },
  { title: 'ORIGIN', cell: (log) => formatOrigin(log.origin) },
]

function logToJson({ headId, trimmedTo, ...rest }: LogInfo): string {
  return `${JSON.stringify({ ...rest, headId: Number(headId), trimmedTo: Number(trimmedTo) })}\n`
}
