/**
 * The procedures of all protocols, and the calls under way (architecture 3, spec/wamp 13.7). A procedure
 * has one callee: whoever registered it, or the adapter whose bridge serves its prefix. Deadlines are
 * looked at together, a few times a second; there is no timer per call.
 */

import { BusError, toBusError } from '../model/errors.ts'
import { checkName } from '../model/name.ts'
import type { Timer } from './clock.ts'
import type { CallBridge, CallHandler, CallOptions, CallResult, Invocation } from './live.ts'
import type { LiveBus } from './live-bus.ts'
import type { LiveClient } from './live-client.ts'

interface Registration {
  readonly client: LiveClient
  readonly handler: CallHandler
}

interface PendingCall {
  readonly caller: LiveClient
  /** Undefined for a bridge. */
  readonly callee: LiveClient | undefined
  readonly deadline: number
  readonly abort: AbortController
  fail(error: BusError): void
}

const sweepMs = 100

export class Procedures {
  readonly #bus: LiveBus
  readonly #registrations = new Map<string, Registration>()
  readonly #bridges = new Set<CallBridge>()
  readonly #pending = new Set<PendingCall>()
  #sweep: Timer | undefined

  constructor(bus: LiveBus) {
    this.#bus = bus
  }

  get size(): number {
    return this.#registrations.size
  }

  get callsInFlight(): number {
    return this.#pending.size
  }

  addBridge(bridge: CallBridge): () => void {
    this.#bridges.add(bridge)
    return () => this.#bridges.delete(bridge)
  }

  /** @throws BusError `already_exists/procedure_taken`, `permission_denied`, `invalid_argument` */
  register(client: LiveClient, procedure: string, handler: CallHandler): { close(): void } {
    client.requireOpen()
    checkName('procedure', procedure, this.#bus.limits.procedureBytes)
    this.#bus.requireAccess(client.identity, 'register', procedure)
    if (procedure.startsWith('$msgbus.')) {
      const text = 'procedures that begin with "$msgbus." belong to the daemon'
      throw new BusError('permission_denied', 'reserved_name', text)
    }
    if (this.#registrations.has(procedure)) {
      const text = `procedure ${JSON.stringify(procedure)} is registered already`
      throw new BusError('already_exists', 'procedure_taken', text)
    }
    const registration = { client, handler }
    this.#registrations.set(procedure, registration)
    return {
      close: () => {
        if (this.#registrations.get(procedure) === registration) {
          this.#registrations.delete(procedure)
        }
      },
    }
  }

  async call(caller: LiveClient, options: CallOptions): Promise<CallResult> {
    const { procedure, payload, headers, signal } = options
    const { limits, clock } = this.#bus
    checkName('procedure', procedure, limits.procedureBytes)
    this.#bus.requireAccess(caller.identity, 'call', procedure)
    if (signal?.aborted === true) throw cancelled()
    if (this.#pending.size >= limits.callsInFlight) {
      const text = `${this.#pending.size} calls are under way, which is the limit`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    const { callee, serve } = this.#find(procedure)
    const timeoutMs = Math.min(options.timeoutMs ?? limits.callTimeoutMs, limits.callTimeoutMs)
    const abort = new AbortController()
    this.#bus.counters.callsMade += 1
    return new Promise<CallResult>((resolve, reject) => {
      const onAbort = () => pending.fail(cancelled())
      const finish = () => {
        this.#pending.delete(pending)
        signal?.removeEventListener('abort', onAbort)
      }
      const pending: PendingCall = {
        caller,
        callee,
        deadline: clock.monotonic() + timeoutMs,
        abort,
        fail: (error) => {
          if (!this.#pending.has(pending)) return
          finish()
          this.#bus.counters.callsFailed += 1
          reject(error)
          abort.abort(error)
        },
      }
      this.#pending.add(pending)
      signal?.addEventListener('abort', onAbort)
      this.#sweepSoon()
      serve({ procedure, payload, headers, caller: caller.name, signal: abort.signal }).then(
        (result) => {
          if (!this.#pending.has(pending)) return
          finish()
          resolve(result)
        },
        (error: unknown) => pending.fail(toBusError(error)),
      )
    })
  }

  /** Ends what a client offered and what it waited for. */
  forget(client: LiveClient): void {
    for (const [procedure, registration] of this.#registrations) {
      if (registration.client === client) this.#registrations.delete(procedure)
    }
    for (const pending of this.#pending) {
      if (pending.callee === client) pending.fail(calleeGone())
      else if (pending.caller === client) pending.fail(cancelled())
    }
  }

  #find(procedure: string): {
    callee: LiveClient | undefined
    serve: (invocation: Invocation) => Promise<CallResult>
  } {
    const registration = this.#registrations.get(procedure)
    if (registration !== undefined) {
      const { client, handler } = registration
      // What a handler throws at once is a rejection like any other.
      return { callee: client, serve: async (invocation) => handler(invocation) }
    }
    for (const bridge of this.#bridges) {
      if (!procedure.startsWith(bridge.prefix)) continue
      return { callee: undefined, serve: async (invocation) => bridge.call(invocation) }
    }
    const text = `nobody offers the procedure ${JSON.stringify(procedure)}`
    throw new BusError('unimplemented', 'no_such_procedure', text)
  }

  #sweepSoon(): void {
    if (this.#sweep !== undefined) return
    this.#sweep = this.#bus.clock.after(sweepMs, () => {
      this.#sweep = undefined
      const now = this.#bus.clock.monotonic()
      for (const pending of this.#pending) {
        if (pending.deadline <= now) pending.fail(timedOut())
      }
      if (this.#pending.size > 0) this.#sweepSoon()
    })
  }
}

function timedOut(): BusError {
  return new BusError('deadline_exceeded', 'timed_out', 'the callee did not answer in time')
}

function cancelled(): BusError {
  return new BusError('cancelled', 'cancelled', 'the caller gave up')
}

function calleeGone(): BusError {
  return new BusError('unavailable', 'callee_gone', 'the callee went before it answered')
}
