/** A client of the BUS/RT broker that a command is about. */

import { Option } from 'commander'
import type { Command } from 'commander'
import type { BusrtClient, BusrtOptions } from '../client/busrt/index.ts'
import { findBusrt } from './busrt-address.ts'
import type { BusrtOption } from './busrt-address.ts'
import { readTls } from './session.ts'
import type { GlobalOptions } from './session.ts'
import type { Terminal } from './terminal.ts'

export interface BusrtCommandOptions extends GlobalOptions, BusrtOption {
  readonly name?: string
}

/** The options of every command that speaks BUS/RT. */
export function addBusrtOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--busrt <address>',
        'BUS/RT broker: socket path or host:port (default: what the daemon of --server says)',
      ).env('MSGBUS_BUSRT'),
    )
    .option('--name <name>', 'client name (default: cli.HOST.PID)')
}

/** How to connect as the options say; the connection is made anew only if the command asks for that. */
export async function busrtOptions(
  command: Command,
  terminal: Terminal,
): Promise<BusrtOptions & { readonly reconnect: false }> {
  const options = command.optsWithGlobals<BusrtCommandOptions>()
  const { hostname } = await import('node:os')
  return {
    address: await findBusrt(command, terminal),
    name: options.name ?? `cli.${hostname()}.${process.pid}`,
    timeoutMs: options.timeout,
    tls: await readTls(options),
    reconnect: false,
    signal: terminal.signal,
  }
}

/** Runs `work` with a client and closes it, whatever happens. @throws what `work` throws */
export async function withBusrt<R>(
  command: Command,
  terminal: Terminal,
  work: (client: BusrtClient) => Promise<R>,
): Promise<R> {
  const { connect } = await import('../client/busrt/index.ts')
  const client = await connect(await busrtOptions(command, terminal))
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}
