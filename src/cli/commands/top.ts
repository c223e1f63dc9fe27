/** `msgbus top`: what goes on in the daemon, as it happens. */

import type { Command } from 'commander'
import { parseCount, parseDuration } from '../duration.ts'
import { withClient } from '../session.ts'
import type { Terminal } from '../terminal.ts'
import type { TopOptions } from '../top/watch-daemon.ts'

export function addTopCommand(program: Command, terminal: Terminal): void {
  program
    .command('top')
    .summary('watch clients, topics and queues with their rates')
    .description(
      'Shows clients, topics and queues with what they do per second, drawn anew at every interval; with ' +
        '--json, or when standard output is no terminal, one JSON object per interval. Rates of topics ' +
        'are of stored messages; what is not stored shows in the frames of the clients. Long lists are ' +
        'asked for less often, so that watching costs the daemon little.',
    )
    .option('-i, --interval <duration>', 'how often to look', parseDuration, 1_000)
    .option('-n, --count <n>', 'end after so many', parseCount(1))
    .addHelpText(
      'after',
      `
Keys:
  tab  next section    left, right  sort by another column    r  reverse the order
  up, down, page up, page down, home, end  scroll    p  pause    q  quit`,
    )
    .action((_, command: Command) =>
      withClient(command, terminal, async (client) => {
        const { watchDaemon } = await import('../top/watch-daemon.ts')
        await watchDaemon(client, command.optsWithGlobals<TopOptions>(), terminal)
      }),
    )
}
