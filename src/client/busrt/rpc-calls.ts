/** Calls of this client that wait for their reply. */

import type { BusError } from '../../model/errors.ts'
import { opcodes } from '../../wire/busrt/frames.ts'
import { encodeRequest, maxCallId } from '../../wire/busrt/rpc.ts'
import { onAbort } from '../abort-listeners.ts'
import type { Timing } from '../timing.ts'
import { abortedError } from './connection.ts'
import type { Connection, OperationOptions } from './connection.ts'
import { PendingAnswers } from './pending-answers.ts'
import type { PendingAnswer } from './pending-answers.ts'
import { RpcError } from './rpc-error.ts'

interface PendingCall extends PendingAnswer {
  /** `method of target` */
  name(): string
  settle(result: Uint8Array): void
}

export class RpcCalls {
  readonly #timeoutMs: number
  // Numbers go on over connections, so that a late reply never meets a younger call.
  readonly #calls: PendingAnswers<PendingCall>

  constructor(timing: Timing, timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#calls = new PendingAnswers(timing, maxCallId)
  }

  get size(): number {
    return this.#calls.size
  }

  call(
    connection: Connection,
    target: string,
    method: string,
    params: Uint8Array,
    options: OperationOptions,
  ): Promise<Uint8Array> {
    const { timeoutMs = this.#timeoutMs, signal } = options
    return new Promise((resolve, reject) => {
      const id = this.#calls.nextId()
      const unlisten = onAbort(signal, () => {
        if (this.#calls.take(id) !== undefined) reject(abortedError(signal))
      })
      this.#calls.add(id, {
        deadlineMs: this.#calls.deadline(timeoutMs),
        settle: (result) => {
          unlisten()
          resolve(result)
        },
        fail: (error) => {
          unlisten()
          reject(error)
        },
        name: () => `${method} of ${target}`,
        late: () => connection.lateError(`${method} of ${target}`, timeoutMs),
      })
      const request = encodeRequest(id, method, params)
      // The reply decides; an acknowledgement says something only when it is a refusal.
      connection
        .operate(opcodes.message, target, request, options)
        .catch((error: BusError) => this.fail(id, error))
    })
  }

  /** Replies to calls that nobody waits for any more are dropped. */
  settle(id: number, result: Uint8Array): void {
    this.#calls.take(id)?.settle(result)
  }

  /** The callee has answered with an error. */
  refuse(id: number, code: number, data: Uint8Array): void {
    const call = this.#calls.take(id)
    call?.fail(new RpcError(code, data, call.name()))
  }

  fail(id: number, error: BusError): void {
    this.#calls.take(id)?.fail(error)
  }

  failAll(error: BusError): void {
    this.#calls.failAll(error)
  }
}
