/**
 * The logger of the daemon on pino: one JSON object per line on stderr with `time level event node`
 * and the fields, or, where people read along, one plain line. Written synchronously: lines of a
 * daemon are few, and the last ones before a crash are those that matter.
 */

import { inspect } from 'node:util'
import { destination, pino, stdSerializers, stdTimeFunctions } from 'pino'
import type { LogFields, Logger } from '../core/logger.ts'

export interface LoggerOptions {
  readonly level: 'error' | 'warn' | 'info' | 'debug'
  readonly format: 'json' | 'pretty'
  /** `tenant/bl/device`; on every JSON line, on no plain one. */
  readonly node: string
  /** Where lines go; default stderr. */
  readonly write?: ((line: string) => void) | undefined
}

export function createLogger(options: LoggerOptions): Logger {
  const { level, format, node, write } = options
  const sink = write === undefined ? destination({ dest: 2, sync: true }) : { write }
  const stream =
    format === 'json' ? sink : { write: (line: string) => sink.write(prettyLine(line)) }
  const log = pino(
    {
      level,
      base: { node },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: stdSerializers.errWithCause },
    },
    stream,
  )
  const at =
    (name: LoggerOptions['level']) =>
    (event: string, fields: LogFields = {}): void =>
      log[name]({ event, ...fields })
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') }
}

const colours: Readonly<Record<string, string>> = {
  error: '31',
  warn: '33',
  info: '32',
  debug: '2',
}

/** `12:34:56.789 warn  listener_skipped address=127.0.0.1:1`, with control characters made visible. */
function prettyLine(line: string): string {
  const {
    time,
    level,
    event,
    node: _node,
    err,
    ...fields
  } = JSON.parse(line) as Record<string, unknown>
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${plain(value)}`)
  const stack = isError(err) ? `\n${err.stack ?? err.message}` : ''
  const colour = process.env['NO_COLOR'] ? undefined : colours[String(level)]
  const label = String(level).padEnd(5)
  const shown = colour === undefined ? label : `\u001B[${colour}m${label}\u001B[0m`
  return `${String(time).slice(11, 23)} ${shown} ${String(event)}${pairs.join('')}${stack}\n`
}

function plain(value: unknown): string {
  if (typeof value === 'string')
    return /^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(value) ? value : JSON.stringify(value)
  return inspect(value, { breakLength: Infinity })
}

function isError(value: unknown): value is { message: string; stack?: string } {
  return typeof value === 'object' && value !== null && 'message' in value
}
