/** How commands end, and what an error means for that (spec/msgbus-v1 6.6). */

import { BusError } from '../model/errors.ts'
import type { ErrorReason } from '../model/errors.ts'

export const exitCodes = {
  ok: 0,
  /** The daemon refused, or a check failed. */
  refused: 1,
  /** The command line is not right. */
  usage: 2,
  /** No daemon there, or no answer in time. */
  unreachable: 3,
  /** What was asked for does not exist. */
  notFound: 4,
  /** Interrupted before it was done, as shells count it. */
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The command line is not right; the message says why and what is expected. */
export class UsageError extends Error {}

/** The command did what it could and the answer is no; `message` says it, `code` is for scripts. */
export class CommandFailure extends Error {
  readonly code: ExitCode

  constructor(code: ExitCode, message: string) {
    super(message)
    this.code = code
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return exitCodes.usage
  if (error instanceof CommandFailure) return error.code
  if (!(error instanceof BusError)) return exitCodes.refused
  if (error.reason === 'bad_argument' || error.reason === 'bad_filter') return exitCodes.usage
  if (error.code === 'deadline_exceeded') return exitCodes.unreachable
  if (error.code === 'unavailable' && error.reason === 'connection_lost')
    return exitCodes.unreachable
  if (error.code === 'not_found') return exitCodes.notFound
  return exitCodes.refused
}

/** What to do next, where the error's own text does not say it. */
const advice: Partial<Record<ErrorReason, string>> = {
  timed_out:
    'the daemon is slow or the network drops packets: try a longer --timeout, or msgbus doctor',
  starting:
    'the daemon is opening its store: try again in a moment, or wait with msgbus ready --wait',
  disk_full: 'free some space on the disk of the data folder: reading still works',
  access_denied: 'msgbus whoami says who you are, msgbus explain access which rule decides',
  bad_credentials:
    'log in with --user, --token-file or MSGBUS_TOKEN, or show a client certificate with --tls-cert',
  damaged_record: 'msgbus doctor says what is damaged',
}

export function adviceFor(error: unknown): string | undefined {
  return error instanceof BusError ? advice[error.reason] : undefined
}
