/**
 * The daemon cannot start with what it found on this machine. The message is for the operator: what
 * was found, and what to do. It leads to exit code 1 and to no stack trace.
 */

export class StartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StartError'
  }
}

/** What a failing part says, for a message of ours. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
