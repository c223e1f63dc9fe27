/**
 * Procedures that the daemon answers itself, for programs of every protocol that can call (spec/wamp 13.9):
 *
 *  - `msgbus.procedure.list`: what is registered, with its callees;
 *  - `msgbus.client.list`: who is connected, by any protocol.
 *
 * Answers are JSON: one list. Whoever asks learns of what it may call, and of the clients it may write to. They can be
 * taken over: a client that registers such a name is asked instead.
 */

import type { Bus } from '../core/bus.ts'
import {
  type Callee,
  type CalleeFeatures,
  type CallContent,
  PlainContent,
  type ServedCall,
} from '../core/calls.ts'
import { BusError } from '../model/errors.ts'

const headers = new Map([['content-type', 'application/json']])

const features: CalleeFeatures = {
  canBeInterrupted: false,
  takesProgressiveCalls: false,
  takesPassthru: false,
  watchesTimeouts: false,
  passesOn: false,
}

/** Returns how to stop. */
export function serveOwnProcedures(bus: Bus): () => void {
  return bus.procedures().serve({
    prefix: 'msgbus.',
    isReserved: false,
    callee: new OwnProcedures(bus),
  })
}

class OwnProcedures implements Callee {
  readonly features = features
  readonly isFull = false
  readonly #bus: Bus

  constructor(bus: Bus) {
    this.#bus = bus
  }

  invoke(call: ServedCall, _content: CallContent): void {
    const list = this.#listFor(call)
    if (list === undefined) {
      const text = `nobody offers the procedure ${JSON.stringify(call.procedure)}`
      call.fail(new BusError('unimplemented', 'no_such_procedure', text))
    } else call.answer(new PlainContent(Buffer.from(JSON.stringify(list)), headers))
  }

  continue(): void {
    // It announces that it takes no parts.
  }

  interrupt(): void {
    // It answers at once.
  }

  revoked(): void {
    // It is no registration.
  }

  #listFor(call: ServedCall): readonly object[] | undefined {
    if (call.procedure === 'msgbus.procedure.list') return this.#procedures(call)
    if (call.procedure === 'msgbus.client.list') return this.#clients(call)
    return undefined
  }

  #procedures(call: ServedCall): readonly object[] {
    const protocols = new Map(this.#bus.clients().map(({ id, protocol }) => [id, protocol]))
    const rows: object[] = []
    for (const registration of this.#bus.procedures().list()) {
      const { id, procedure, match, invoke, createdAtMs, callees } = registration
      if (!call.callerMaySee('call', procedure)) continue
      const servedBy = callees.map(({ client }) => {
        const { id: number, name, identity } = client
        return { id: number, name, user: identity.user, protocol: protocols.get(number) ?? '' }
      })
      rows.push({ id, procedure, match, invoke, createdAtMs, callees: servedBy })
    }
    return rows
  }

  #clients(call: ServedCall): readonly object[] {
    const seesAll = call.callerMaySee('admin', '')
    return this.#bus
      .clients()
      .filter(({ name }) => seesAll || (name !== '' && call.callerMaySee('send', name)))
  }
}
