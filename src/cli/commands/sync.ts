/** `msgbus sync`: how synchronisation with other daemons is going. */

import type { Command } from 'commander'
import type { DamagedMessages } from '../../client/core.ts'
import type { PeerSyncState } from '../../model/peer-sync-state.ts'
import { formatCount, formatDuration } from '../duration.ts'
import { CommandFailure, exitCodes } from '../exit-codes.ts'
import { formatOrigin } from '../message-text.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import { formatTable } from '../table.ts'
import type { Column } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface StatusOptions extends GlobalOptions {
  readonly logs?: boolean
}

export function addSyncCommands(program: Command, terminal: Terminal): void {
  const sync = program
    .command('sync')
    .summary('synchronisation with other daemons: status, verify, repair')

  sync
    .command('status', { isDefault: true })
    .summary('how far synchronisation with each peer has come')
    .description(
      'Lists the peers, with the messages that are here of those they have, and the logs that are behind ' +
        'or fail; with --logs every log. With --json one object per row, all of them.',
    )
    .option('--logs', 'list every log, also those that are in step')
    .action((_, command: Command) =>
      withClient(command, terminal, async (client) => {
        const states = await client.listPeerSyncStates({ signal: terminal.signal })
        const { json, logs } = command.optsWithGlobals<StatusOptions>()
        if (json) {
          await terminal.write(states.map((each) => `${JSON.stringify(each)}\n`).join(''))
        } else if (states.length === 0) {
          await terminal.write('no peers: msgbusd --peer http://host:port=tenant/bl/device\n')
        } else {
          const shown = logs === true ? states : states.filter(isWorthALine)
          await terminal.write(formatTable(columns, shown))
        }
      }),
    )

  sync
    .command('verify')
    .summary('have the daemon check every stored message, and list what is damaged')
    .action((_, command: Command) => check(command, terminal, false))

  sync
    .command('repair')
    .summary('check every stored message, and fetch what is damaged from peers again')
    .description(
      'Peers that have a link are asked for each message that does not match its checksum any more. What none of ' +
        'them has stays as it is.',
    )
    .action((_, command: Command) => check(command, terminal, true))
}

function check(command: Command, terminal: Terminal, repair: boolean): Promise<void> {
  return withClient(command, terminal, async (client) => {
    const { signal } = terminal
    let checked = 0
    let repaired = 0
    let damaged: readonly DamagedMessages[] = []
    for await (const step of client.verify({ signal, repair })) {
      checked = step.recordsChecked
      if (step.done) repaired = step.repaired
      else ({ damaged } = step)
    }
    const ranges = damaged.map(({ topic, origin, fromHead, toHead }) => {
      return { topic, origin, from: Number(fromHead), to: Number(toHead) }
    })
    const count = ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0)
    if (command.optsWithGlobals<GlobalOptions>().json === true) {
      await terminal.write(`${JSON.stringify({ checked, damaged: ranges, repaired })}\n`)
    } else {
      const lines = ranges.map(({ topic, origin, from, to }) => {
        return `damaged: ${topic} from ${formatOrigin(origin)}, messages ${from} to ${to}\n`
      })
      const outcome = repair ? `, ${formatCount(repaired)} repaired` : ''
      const sums = `${formatCount(checked)} checked, ${formatCount(count)} damaged${outcome}\n`
      await terminal.write(`${lines.join('')}${sums}`)
    }
    if (count > repaired) throw new CommandFailure(exitCodes.refused, 'some messages are damaged')
  })
}

/** A peer as a whole, and a log of it that is not as it should be by itself. */
export function isWorthALine(state: PeerSyncState, _: number, states: PeerSyncState[]): boolean {
  if (state.log === undefined || state.localHead < state.remoteHead) return true
  if (state.lastError === '') return false
  // When nobody is there, that is said once.
  const about = states.find(({ peer, log }) => peer === state.peer && log === undefined)
  return about?.lastError !== state.lastError
}

const columns: readonly Column<PeerSyncState>[] = [
  { title: 'PEER', cell: (state) => state.peer },
  { title: 'TOPIC', cell: (state) => state.log?.topic ?? '(all)' },
  { title: 'ORIGIN', cell: (state) => (state.log ? formatOrigin(state.log.origin) : '') },
  { title: 'LOCAL', cell: (state) => formatCount(state.localHead), align: 'right' },
  { title: 'REMOTE', cell: (state) => formatCount(state.remoteHead), align: 'right' },
  { title: 'FAILURES', cell: (state) => formatCount(state.consecutiveFailures), align: 'right' },
  {
    title: 'LAST SUCCESS',
    cell: ({ lastSuccessAtMs }) =>
      lastSuccessAtMs === 0 ? 'never' : `${formatDuration(Date.now() - lastSuccessAtMs)} ago`,
  },
  { title: 'ERROR', cell: (state) => state.lastError },
]
