/**
 * A procedure failed in the words of its application. What the bus cannot know, the name of the
 * error and whatever belongs to it, travels from callee to caller as it is, over all protocols; to
 * everybody in between it is one reason (spec/wamp 13.7: the error URI and its arguments).
 */

import { BusError } from './errors.ts'
import { type Headers, noHeaders } from './message.ts'

export interface CallErrorOptions extends ErrorOptions {
  /** For people; default: the name. */
  readonly message?: string | undefined
  /** Whatever belongs to the error; the callee's own encoding. Default: none. Belongs to the error. */
  readonly payload?: Uint8Array | undefined
  readonly headers?: Headers | undefined
}

/** Always `unknown/application_error`. */
export class CallError extends BusError {
  /** What programs branch on, as the callee chose it: `com.example.no_such_room`, `-32601` … */
  readonly errorName: string
  readonly payload: Uint8Array
  readonly headers: Headers

  constructor(errorName: string, options: CallErrorOptions = {}) {
    const { message = errorName, payload = noPayload, headers = noHeaders, ...rest } = options
    super('unknown', 'application_error', message, rest)
    this.name = 'CallError'
    this.errorName = errorName
    this.payload = payload
    this.headers = headers
  }
}

const noPayload = new Uint8Array(0)
