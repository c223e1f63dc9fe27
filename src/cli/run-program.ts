/** Runs the command tree and turns every outcome into an exit code and one clear message. */

import { CommanderError } from 'commander'
import type { Command } from 'commander'
import { BusError } from '../model/errors.ts'
import { adviceFor, exitCodeOf, exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

/** @param args without the interpreter and the script */
export async function runProgram(
  program: Command,
  args: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  try {
    await program.parseAsync(args, { from: 'user' })
    await terminal.finish()
    if (terminal.signal.reason instanceof Error) throw unwritable(terminal.signal.reason)
    return exitCodes.ok
  } catch (error) {
    // The reader of the output has gone: nothing to say, and nobody to say it to.
    if (terminal.signal.reason === 'EPIPE') return exitCodes.ok
    if (error instanceof CommanderError) {
      // It has printed its message already.
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    }
    if (terminal.signal.aborted && error instanceof BusError && error.code === 'cancelled') {
      return exitCodes.interrupted
    }
    report(error, terminal)
    return exitCodeOf(error)
  }
}

function unwritable(cause: Error): Error {
  return new Error(`the output cannot be written: ${cause.message}`, { cause })
}

function report(error: unknown, terminal: Terminal): void {
  const { errorColours, env } = terminal
  const message = error instanceof Error ? error.message : String(error)
  terminal.writeError(`${errorColours.bad('error:')} ${message}\n`)
  const advice = adviceFor(error)
  if (advice !== undefined) terminal.writeError(`${errorColours.faint(advice)}\n`)
  if (env['MSGBUS_DEBUG'] && error instanceof Error) {
    for (let each: unknown = error; each instanceof Error; each = each.cause) {
      terminal.writeError(`${errorColours.faint(each.stack ?? each.message)}\n`)
    }
  }
}
