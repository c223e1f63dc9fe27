/** From the options every command has to a client of the daemon they name. */

import type { Command } from 'commander'
import type { ConnectOptions, MsgbusClient } from '../client/index.ts'
import { readCredentials } from './credentials.ts'
import { UsageError } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

/** The options of the program itself. */
export interface GlobalOptions {
  readonly server: string
  readonly tls?: boolean
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsServerName?: string
  /** Log in as this user, with the password of `passwordFile`, the environment or a prompt. */
  readonly user?: string
  readonly passwordFile?: string
  readonly tokenFile?: string
  readonly json?: boolean
  /** Milliseconds. */
  readonly timeout: number
}

/** Runs `work` with a client and closes it, whatever happens. @throws what `work` throws */
export async function withClient<R>(
  command: Command,
  terminal: Terminal,
  work: (client: MsgbusClient) => Promise<R>,
  options: Pick<ConnectOptions, 'waitForDaemon' | 'publishRetry'> = {},
): Promise<R> {
  const global = command.optsWithGlobals<GlobalOptions>()
  const { connect } = await import('../client/index.ts')
  const client = await connect(global.server, {
    tls: await readTls(global),
    ...(await readCredentials(global, terminal)),
    timeoutMs: global.timeout,
    signal: terminal.signal,
    ...options,
    hooks: {
      reconnecting: ({ attempt, error }) => {
        if (attempt === 1) terminal.writeError(`${error.message}; trying again\n`)
      },
      damaged: ({ topic, fromHead, toHead }) => {
        terminal.writeError(`${topic}: heads ${fromHead} to ${toHead} are damaged and left out\n`)
      },
    },
  })
  try {
    return await work(client)
  } finally {
    client.close()
  }
}

export async function readTls(options: GlobalOptions) {
  const { tls, tlsCa, tlsCert, tlsKey, tlsServerName } = options
  if (tls !== true && !tlsCa && !tlsCert && !tlsKey && !tlsServerName) return undefined
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UsageError('--tls-cert and --tls-key belong together')
  }
  const [ca, cert, key] = await Promise.all([
    readPem('--tls-ca', tlsCa),
    readPem('--tls-cert', tlsCert),
    readPem('--tls-key', tlsKey),
  ])
  return { ca, cert, key, serverName: tlsServerName }
}

async function readPem(option: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  const { readFile } = await import('node:fs/promises')
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${option} ${path} cannot be read: ${(error as Error).message}`)
  }
}
