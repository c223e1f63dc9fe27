/** A client of the TMB server that a command is about. */

import { Option } from 'commander'
import type { Command } from 'commander'
import type { TmbClient, TmbClientOptions } from '../../client/tmb/index.ts'
import { readTls } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import type { Terminal } from '../terminal.ts'
import { findTmb } from './tmb-address.ts'
import type { TmbOption } from './tmb-address.ts'

export interface TmbCommandOptions extends GlobalOptions, TmbOption {}

/** The options of every command that speaks TMB. */
export function addTmbOptions(command: Command): Command {
  return command.addOption(
    new Option(
      '--tmb <address>',
      'TMB server: host:port, host or unix:/path (default: what the daemon of --server says, else ports 4711 to 4720)',
    ).env('MSGBUS_TMB_SERVER'),
  )
}

/** How to connect as the options say; the connection is made anew only if the command asks for that. */
export async function tmbOptions(
  command: Command,
  terminal: Terminal,
): Promise<TmbClientOptions & { readonly reconnect: false }> {
  const options = command.optsWithGlobals<TmbCommandOptions>()
  return {
    address: await findTmb(command, terminal),
    timeoutMs: options.timeout,
    tls: await readTls(options),
    reconnect: false,
    signal: terminal.signal,
  }
}

/** Runs `work` with a client and closes it, whatever happens. @throws what `work` throws */
export async function withTmb<R>(
  command: Command,
  terminal: Terminal,
  work: (client: TmbClient) => Promise<R>,
  options: TmbClientOptions = {},
): Promise<R> {
  const { connect } = await import('../../client/tmb/index.ts')
  const client = await connect({ ...(await tmbOptions(command, terminal)), ...options })
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

/** For commands that stay: the connection is mended, and people are told. */
export function staying(terminal: Terminal): TmbClientOptions {
  return {
    reconnect: {},
    on: {
      reconnecting: ({ attempt, error }) => {
        if (attempt === 1) terminal.writeError(`${error.message}; trying again\n`)
      },
      connected: () => terminal.writeError('connected again\n'),
      subscriptionRefused: ({ error }) => {
        terminal.writeError(`${error.message}; this subscription has ended\n`)
      },
      info: ({ code, text }) => {
        // That one comes again, as the reason of the end.
        if (code !== 'shutting-down') terminal.writeError(`the server says: ${code} ${text}\n`)
      },
    },
  }
}
