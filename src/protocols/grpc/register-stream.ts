/**
 * One Register call: procedures that a gRPC client serves. Invocations of one turn of the loop go
 * together; answers come in any order. How much may be under way is bounded: beyond it callers are
 * refused at once instead of waiting for a callee that does not keep up.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { CallResult, Invocation } from '../../core/live.ts'
import { CallError } from '../../model/call-error.ts'
import { BusError } from '../../model/errors.ts'
import {
  type CallAnswer,
  encodeRegisterResponse,
  type Invocation as WireInvocation,
  type RegisterRequest,
} from '../../wire/gen/msgbus-v2.ts'
import type { RequestStream } from './calls.ts'
import type { ResponseStream } from './response-stream.ts'
import { fromRefusal } from './translate.ts'

const proceduresMost = 1_000
/** Not answered yet. */
const inFlightMost = 10_000
/** Not yet taken by the callee's connection. */
const unreadBytesMost = 8_388_608
/** Invocations of one turn are sent together up to so many bytes. */
const responseBytes = 65_536

interface InFlight {
  resolve(result: CallResult): void
  reject(error: BusError): void
  /** Stops listening for the caller giving up. */
  release(): void
}

export class RegisterStream {
  readonly #client: BusClient
  readonly #requests: RequestStream<RegisterRequest>
  readonly #responses: ResponseStream
  readonly #inFlight = new Map<number, InFlight>()
  #registrations: { close(): void }[] | undefined
  #lastId = 0
  #isWithdrawn = false
  #invocations: WireInvocation[] = []
  #cancellations: { id: number }[] = []
  #unsentBytes = 0
  #isFlushDue = false

  constructor(
    client: BusClient,
    requests: RequestStream<RegisterRequest>,
    responses: ResponseStream,
  ) {
    this.#client = client
    this.#requests = requests
    this.#responses = responses
  }

  start(): void {
    this.#responses.onEnd(() => this.#end())
    this.#requests.on('data', (request) => this.#accept(request))
    // Whoever can answer no more serves nothing any more.
    this.#requests.on('end', () => {
      this.#end()
      this.#responses.finish()
    })
  }

  #accept({ registration, answers, withdraw }: RegisterRequest): void {
    if (this.#registrations === undefined) {
      if (registration === undefined) throw badRequest('the first request names the procedures')
      this.#register(registration.procedures)
    } else if (registration !== undefined) {
      throw badRequest('only the first request names procedures')
    }
    for (const answer of answers) this.#settle(answer)
    if (!withdraw) return
    this.#withdraw()
    this.#isWithdrawn = true
    this.#finishWhenAnswered()
  }

  /** All or none. @throws BusError */
  #register(procedures: readonly string[]): void {
    if (procedures.length === 0 || procedures.length > proceduresMost) {
      throw badRequest(`${procedures.length} procedures, expected 1 to ${proceduresMost}`)
    }
    this.#registrations = []
    try {
      for (const procedure of procedures) {
        const serve = async (invocation: Invocation) => this.#invoke(invocation)
        this.#registrations.push(this.#client.calls.register(procedure, serve))
      }
    } catch (error) {
      this.#withdraw()
      throw error
    }
    this.#responses.send([encodeRegisterResponse({ registered: {} })])
  }

  async #invoke({ procedure, payload, headers, caller, signal }: Invocation): Promise<CallResult> {
    if (this.#responses.isEnded) throw calleeGone()
    const unread = this.#unsentBytes + this.#responses.unsentBytes
    if (this.#inFlight.size >= inFlightMost || unread > unreadBytesMost) {
      const text = `the callee has ${this.#inFlight.size} calls and ${unread} unread bytes before it`
      throw new BusError('resource_exhausted', 'slow_client', text)
    }
    this.#lastId += 1
    const id = this.#lastId
    const result = new Promise<CallResult>((resolve, reject) => {
      const onAbort = () => {
        this.#inFlight.delete(id)
        this.#cancel(id)
        reject(new BusError('cancelled', 'cancelled', 'the caller gave up'))
        this.#finishWhenAnswered()
      }
      signal.addEventListener('abort', onAbort)
      const release = () => signal.removeEventListener('abort', onAbort)
      this.#inFlight.set(id, { resolve, reject, release })
    })
    this.#invocations.push({ id, procedure, payload, headers, caller })
    this.#unsentBytes += payload.length + 100
    this.#flushSoon()
    return result
  }

  #cancel(id: number): void {
    const unsent = this.#invocations.findIndex((invocation) => invocation.id === id)
    // One that never left needs no cancelling.
    if (unsent === -1) this.#cancellations.push({ id })
    else this.#invocations.splice(unsent, 1)
    this.#flushSoon()
  }

  #settle({ id, outcome }: CallAnswer): void {
    const call = this.#inFlight.get(id)
    if (call === undefined) return
    this.#inFlight.delete(id)
    call.release()
    switch (outcome?.case) {
      case 'result':
        call.resolve(outcome.value)
        break
      case 'failure': {
        const { name, message, payload, headers } = outcome.value
        call.reject(new CallError(name, { message: message || name, payload, headers }))
        break
      }
      case 'refusal':
        call.reject(fromRefusal(outcome.value))
        break
      case undefined:
        call.reject(new BusError('internal', 'undecodable', 'the callee answered nothing'))
    }
    this.#finishWhenAnswered()
  }

  #flushSoon(): void {
    if (this.#unsentBytes >= responseBytes) this.#flush()
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true
      queueMicrotask(() => {
        this.#isFlushDue = false
        this.#flush()
      })
    }
  }

  #flush(): void {
    const [invocations, cancellations] = [this.#invocations, this.#cancellations]
    if (invocations.length === 0 && cancellations.length === 0) return
    this.#invocations = []
    this.#cancellations = []
    this.#unsentBytes = 0
    this.#responses.send([encodeRegisterResponse({ invocations, cancellations })])
  }

  #withdraw(): void {
    for (const registration of this.#registrations?.splice(0) ?? []) registration.close()
  }

  #finishWhenAnswered(): void {
    if (!this.#isWithdrawn || this.#inFlight.size > 0) return
    this.#flush()
    this.#responses.finish()
  }

  /** Withdraws everything and fails what is not answered. */
  #end(): void {
    this.#withdraw()
    for (const call of this.#inFlight.values()) {
      call.release()
      call.reject(calleeGone())
    }
    this.#inFlight.clear()
  }
}

function badRequest(text: string): BusError {
  return new BusError('invalid_argument', 'bad_argument', text)
}

function calleeGone(): BusError {
  return new BusError('unavailable', 'callee_gone', 'the callee went before it answered')
}
