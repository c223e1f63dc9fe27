/** `msgbus backup|restore`: a copy of the whole store in one file, and back. */

import type { Command } from 'commander'
import type { MsgbusClient } from '../../client/core.ts'
import { formatBytes } from '../duration.ts'
import { CommandFailure, UsageError, exitCodes } from '../exit-codes.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import type { Terminal } from '../terminal.ts'

interface BackupOptions extends GlobalOptions {
  readonly force?: boolean
}

interface RestoreOptions extends GlobalOptions {
  readonly data: string
  readonly storage: string
}

export function addBackupCommands(program: Command, terminal: Terminal): void {
  program
    .command('backup')
    .summary('copy the whole store into one file, while the daemon runs')
    .description(
      'Writes a consistent copy of the store. The file appears under its name only once it is ' +
        'complete and on disk; it carries checksums that restore verifies.',
    )
    .argument('<file>')
    .option('--force', 'replace an existing file')
    .action((file: string, _, command: Command) =>
      withClient(command, terminal, (client) => backup(client, file, command, terminal)),
    )

  program
    .command('restore')
    .summary('make a new store from a backup, offline')
    .description('The data folder must not hold a store. Start msgbusd on it afterwards.')
    .argument('<file>')
    .requiredOption('--data <folder>', 'data folder to make')
    .option('--storage <engine>', 'lmdb or sqlite', 'lmdb')
    .action((file: string, _, command: Command) =>
      restore(file, command.optsWithGlobals<RestoreOptions>(), terminal),
    )
}

async function backup(
  client: MsgbusClient,
  file: string,
  command: Command,
  terminal: Terminal,
): Promise<void> {
  const { force = false, json } = command.optsWithGlobals<BackupOptions>()
  const { createHash } = await import('node:crypto')
  const { link, open, rename, rm } = await import('node:fs/promises')
  const path = await import('node:path')
  const temporary = `${file}.${process.pid}.part`
  const hash = createHash('sha256')
  let bytes = 0
  try {
    const output = await open(temporary, 'wx', 0o600)
    try {
      for await (const chunk of client.backup({ signal: terminal.signal })) {
        hash.update(chunk)
        bytes += chunk.length
        await output.writeFile(chunk)
        if (terminal.stderrIsTerminal) terminal.writeError(`\r${formatBytes(bytes)} written`)
      }
      await output.sync()
    } finally {
      await output.close()
    }
    if (terminal.stderrIsTerminal) terminal.writeError('\r\u001b[K')
    if (bytes === 0) throw new CommandFailure(exitCodes.refused, 'the daemon sent an empty backup')
    // A link fails where a file is in the way; a rename would replace it.
    if (force) await rename(temporary, file)
    else await link(temporary, file)
    await syncFolder(path.dirname(file), open)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new UsageError(`${file} exists: name another file, or --force`)
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
  const sha256 = hash.digest('hex')
  await terminal.write(
    json
      ? `${JSON.stringify({ file, bytes, sha256 })}\n`
      : `${file}  ${formatBytes(bytes)}  sha256 ${sha256}\n`,
  )
}

/** Makes the new name itself durable; not every system lets one open a folder. */
async function syncFolder(
  folder: string,
  open: typeof import('node:fs/promises').open,
): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  try {
    await handle?.sync()
  } finally {
    await handle?.close()
  }
}

/** Stores belong to the daemon's program, so it does the work; the command line only calls it. */
async function restore(file: string, options: RestoreOptions, terminal: Terminal): Promise<void> {
  const { spawn } = await import('node:child_process')
  const { fileURLToPath } = await import('node:url')
  const daemon = fileURLToPath(new URL('../../daemon/main.js', import.meta.url))
  const args = [daemon, '--data', options.data, '--storage', options.storage, 'restore', file]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  terminal.signal.addEventListener('abort', () => child.kill('SIGTERM'))
  child.stdout.setEncoding('utf8').on('data', (text: string) => void terminal.write(text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => terminal.writeError(text))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  if (code === 0) return
  const exit = code === exitCodes.usage ? exitCodes.usage : exitCodes.refused
  throw new CommandFailure(exit, 'nothing was restored')
}
