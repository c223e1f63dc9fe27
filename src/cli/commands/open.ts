/** `msgbus open`: the web console of the daemon, in the browser. */

import { Argument } from 'commander'
import type { Command } from 'commander'
import { CommandFailure, exitCodes } from '../exit-codes.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import type { Terminal } from '../terminal.ts'

interface OpenOptions extends GlobalOptions {
  readonly print?: boolean
}

const pages = [
  'overview',
  'topics',
  'publish',
  'queues',
  'clients',
  'peers',
  'rules',
  'demo',
] as const

type Page = (typeof pages)[number]

export function addOpenCommand(program: Command, terminal: Terminal): void {
  program
    .command('open')
    .summary('open the web console in the browser')
    .description(
      'Asks the daemon where it listens for HTTP, prints the address of the console, and opens it in the ' +
        'browser where there is one and a display; with --json it only prints.',
    )
    .addArgument(new Argument('[page]', 'page of the console; demo is the TMB demo').choices(pages))
    .option('--print', 'only print the address')
    .action(async (page: Page | undefined, _, command: Command) => {
      const { server, print, json } = command.optsWithGlobals<OpenOptions>()
      const { signal } = terminal
      const status = await withClient(command, terminal, (client) => client.status({ signal }))
      const { consoleAddress } = await import('../open/console-address.ts')
      const origin = consoleAddress(status.listeners, server)
      const url = `${origin}${pathOf(page)}`
      await terminal.write(json ? `${JSON.stringify({ url })}\n` : `${url}\n`)
      if (print || json) return
      const { openInBrowser } = await import('../open/browser.ts')
      const problem = await openInBrowser(url, terminal.env)
      if (problem === undefined) return
      await terminal.finish()
      if (problem.isFailure) throw new CommandFailure(exitCodes.refused, problem.text)
      terminal.writeError(`${problem.text}\n`)
    })
}

function pathOf(page: Page | undefined): string {
  if (page === undefined) return '/'
  return page === 'demo' ? '/demo/' : `/#/${page}`
}
