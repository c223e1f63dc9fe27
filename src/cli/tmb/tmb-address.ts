/**
 * Where the TMB server of a command is: named by an option or the environment, else what the daemon of
 * `--server` says, else the first of the ports 4711 to 4720 of its machine at which one answers.
 */

import type { Command } from 'commander'
import { parseTarget } from '../../client/target.ts'
import { BusError } from '../../model/errors.ts'
import { reachableListener } from '../busrt-address.ts'
import { CommandFailure, exitCodes } from '../exit-codes.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import type { Terminal } from '../terminal.ts'

export interface TmbOption {
  readonly tmb?: string
}

/**
 * An address, or undefined for the search on this machine.
 * @throws BusError, CommandFailure that say what to do when there is none
 */
export async function findTmb(command: Command, terminal: Terminal): Promise<string | undefined> {
  const { tmb, server } = command.optsWithGlobals<GlobalOptions & TmbOption>()
  if (tmb !== undefined) return tmb
  const { existsSync } = await import('node:fs')
  const { signal } = terminal
  try {
    const status = await withClient(command, terminal, (client) => client.status({ signal }))
    const listeners = status.listeners.filter(({ protocol }) => protocol === 'tmb')
    const address = reachableListener(listeners, server, existsSync)
    if (address !== undefined) return address
    const text =
      listeners.length === 0
        ? `the daemon at ${server} does not listen for TMB: start msgbusd without --tmb off, or name another server with --tmb`
        : `the daemon at ${server} listens for TMB at ${listeners.map(({ address: each }) => each).join(', ')}, which cannot be reached from here: name an address with --tmb`
    throw new CommandFailure(exitCodes.unreachable, text)
  } catch (error) {
    const isNoAnswer =
      error instanceof BusError &&
      ['unavailable', 'deadline_exceeded', 'unimplemented'].includes(error.code)
    if (!isNoAnswer) throw error
    const { host } = parseTarget(server)
    return host?.includes(':') === true ? `[${host}]` : host
  }
}
