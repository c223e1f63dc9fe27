/**
 * Structured logs as a port. `event` is a fixed word (`peer_connected`), never a sentence with
 * values in it; values are fields. `error`: an operator must act. `warn`: something unusual was
 * handled. `info`: a step of the life cycle. `debug`: a single message. Never payloads or secrets.
 */

export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  error(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  debug(event: string, fields?: LogFields): void
}

export const silentLogger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
}
