/**
 * A callee that is a function with a promise: how embedded clients, gRPC, HTTP and bridges serve calls. What a call
 * needs only sometimes, as the signal that tells of its end, is made when it is asked for.
 */

import { type BusError, toBusError } from '../model/errors.ts'
import type { Headers } from '../model/message.ts'
import {
  type Callee,
  type CalleeFeatures,
  type CallContent,
  type CancelMode,
  PlainContent,
  type ServedCall,
} from './calls.ts'
import type { CallHandler, Invocation } from './live.ts'

const features: CalleeFeatures = {
  canBeInterrupted: true,
  takesProgressiveCalls: false,
  takesPassthru: false,
  watchesTimeouts: false,
  passesOn: false,
}

export class HandlerCallee implements Callee {
  readonly features = features
  readonly isFull = false
  readonly #handler: CallHandler
  readonly #running = new Map<ServedCall, HandledCall>()

  constructor(handler: CallHandler) {
    this.#handler = handler
  }

  invoke(call: ServedCall, content: CallContent): void {
    const invocation = new HandledCall(call, content)
    this.#running.set(call, invocation)
    this.#run(invocation).then(
      ({ payload, headers }) => {
        this.#running.delete(call)
        call.answer(new PlainContent(payload, headers))
      },
      (error: unknown) => {
        this.#running.delete(call)
        call.fail(toBusError(error))
      },
    )
  }

  continue(): void {
    // It announces that it takes none.
  }

  interrupt(call: ServedCall, _mode: CancelMode, error: BusError): void {
    const invocation = this.#running.get(call)
    this.#running.delete(call)
    invocation?.abort(error)
  }

  revoked(): void {
    // A function has nobody to tell.
  }

  // What a handler throws at once is a rejection like any other.
  async #run(invocation: Invocation) {
    return this.#handler(invocation)
  }
}

class HandledCall implements Invocation {
  readonly procedure: string
  readonly payload: Uint8Array
  readonly headers: Headers
  readonly caller: string
  #abort: AbortController | undefined
  #abortedBy: BusError | undefined

  constructor({ procedure, callerName }: ServedCall, content: CallContent) {
    const { payload, headers } = content.keep()
    this.procedure = procedure
    this.payload = payload
    this.headers = headers
    this.caller = callerName
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#abortedBy !== undefined) this.#abort.abort(this.#abortedBy)
    }
    return this.#abort.signal
  }

  abort(error: BusError): void {
    this.#abortedBy = error
    this.#abort?.abort(error)
  }
}
