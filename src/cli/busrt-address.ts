/**
 * Where the BUS/RT broker of a command is: named by an option or the environment, else what the daemon
 * of `--server` says, else the socket in the data folder of a daemon started here.
 */

import type { Command } from 'commander'
import type { DaemonStatus } from '../client/core.ts'
import { parseTarget } from '../client/target.ts'
import { BusError } from '../model/errors.ts'
import { CommandFailure, exitCodes } from './exit-codes.ts'
import { withClient } from './session.ts'
import type { GlobalOptions } from './session.ts'
import type { Terminal } from './terminal.ts'

type Listener = DaemonStatus['listeners'][number]

export interface BusrtOption {
  readonly busrt?: string
}

/** Where msgbusd listens for BUS/RT when it is told nothing. */
const defaultSocket = './msgbus-data/busrt.sock'

/** @throws BusError, CommandFailure that say what to do when there is none */
export async function findBusrt(command: Command, terminal: Terminal): Promise<string> {
  const { busrt, server } = command.optsWithGlobals<GlobalOptions & BusrtOption>()
  if (busrt !== undefined) return busrt
  const { existsSync } = await import('node:fs')
  let listeners: readonly Listener[]
  try {
    const { signal } = terminal
    const status = await withClient(command, terminal, (client) => client.status({ signal }))
    listeners = status.listeners.filter(({ protocol }) => protocol === 'busrt')
  } catch (error) {
    const isNoAnswer =
      error instanceof BusError &&
      ['unavailable', 'deadline_exceeded', 'unimplemented'].includes(error.code)
    if (!isNoAnswer) throw error
    if (existsSync(defaultSocket)) return defaultSocket
    const text = `no BUS/RT broker is known: ${error.message}; there is no ${defaultSocket} either. Name one with --busrt or MSGBUS_BUSRT`
    throw new CommandFailure(exitCodes.unreachable, text)
  }
  const address = reachableListener(listeners, server, existsSync)
  if (address !== undefined) return address
  const text =
    listeners.length === 0
      ? `the daemon at ${server} does not listen for BUS/RT: start msgbusd with --busrt ADDRESS, or name another broker with --busrt`
      : `the daemon at ${server} listens for BUS/RT at ${listeners.map(({ address: each }) => each).join(', ')}, which cannot be reached from here: name an address with --busrt`
  throw new CommandFailure(exitCodes.unreachable, text)
}

/**
 * The best address for a client that reaches the daemon at `server`: Unix sockets before TCP, plain before
 * TLS. Undefined when there is none.
 * @param exists whether a socket file is there: the daemon may run in a container of this machine
 */
export function reachableListener(
  listeners: readonly Listener[],
  server: string,
  exists: (path: string) => boolean,
): string | undefined {
  const { host = 'localhost' } = parseTarget(server)
  const addresses = listeners
    .toSorted((a, b) => Number(a.tls) - Number(b.tls))
    .flatMap((each) => {
      const address = isLoopback(host)
        ? localAddress(each.address, exists)
        : remoteAddress(each.address, host)
      return address === undefined ? [] : [each.tls ? `tls+${address}` : address]
    })
  return addresses.find((address) => /^(?:tls\+)?unix:/.test(address)) ?? addresses[0]
}

function localAddress(address: string, exists: (path: string) => boolean): string | undefined {
  if (address.startsWith('unix:'))
    return exists(address.slice('unix:'.length)) ? address : undefined
  const [host, port] = splitHostPort(address)
  return isAny(host) ? joinHostPort('127.0.0.1', port) : address
}

function remoteAddress(address: string, server: string): string | undefined {
  if (address.startsWith('unix:')) return undefined
  const [host, port] = splitHostPort(address)
  if (isAny(host)) return joinHostPort(server, port)
  return isLoopback(host) ? undefined : address
}

function splitHostPort(address: string): [host: string, port: string] {
  const at = address.lastIndexOf(':')
  return [address.slice(0, at).replace(/^\[(.*)\]$/, '$1'), address.slice(at + 1)]
}

function joinHostPort(host: string, port: string): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}
