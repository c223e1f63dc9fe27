/**
 * The subscriptions and exclusions of a client as its broker should have them: changed when the broker
 * has acknowledged a change, and set up anew on a new connection.
 */

import { BusError } from '../../model/errors.ts'
import { opcodes } from '../../wire/busrt/frames.ts'
import { checkText } from './checked-text.ts'
import type { Connection, OperationOptions } from './connection.ts'

/** Filters that a broker does not allow any more. */
export interface RefusedFilters {
  readonly filters: readonly string[]
  readonly error: BusError
}

type Filters = string | readonly string[]

/** Every client begins subscribed to this (spec/busrt 4.5). */
const warnTopic = '.broker/warn'

export class ClientFilters {
  readonly #subscriptions = new Set([warnTopic])
  readonly #exclusions = new Set<string>()

  async subscribe(
    connection: Connection,
    filters: Filters,
    options?: OperationOptions,
  ): Promise<void> {
    const list = listOf(filters)
    try {
      await send(connection, opcodes.subscribe, list, options)
    } catch (error) {
      if (isRefusal(error)) {
        // The broker has applied those of the list that it allows (spec/busrt 2.4).
        const added = list.filter((filter) => !this.#subscriptions.has(filter))
        send(connection, opcodes.unsubscribe, added, { qos: 'none' }).catch(nothing)
      }
      throw error
    }
    for (const filter of list) this.#subscriptions.add(filter)
  }

  async unsubscribe(
    connection: Connection,
    filters: Filters,
    options?: OperationOptions,
  ): Promise<void> {
    const list = listOf(filters)
    await send(connection, opcodes.unsubscribe, list, options)
    for (const filter of list) this.#subscriptions.delete(filter)
  }

  async exclude(
    connection: Connection,
    filters: Filters,
    options?: OperationOptions,
  ): Promise<void> {
    const list = listOf(filters)
    await send(connection, opcodes.exclude, list, options)
    for (const filter of list) this.#exclusions.add(filter)
  }

  async unexclude(
    connection: Connection,
    filters: Filters,
    options?: OperationOptions,
  ): Promise<void> {
    const list = listOf(filters)
    await send(connection, opcodes.unexclude, list, options)
    for (const filter of list) this.#exclusions.delete(filter)
  }

  /** Sets everything up on a new connection. Resolves with what is refused and given up, if anything. */
  async restore(connection: Connection): Promise<RefusedFilters | undefined> {
    if (!this.#subscriptions.has(warnTopic)) {
      await send(connection, opcodes.unsubscribe, [warnTopic])
    }
    // Exclusions first, so that nothing excluded slips through.
    await send(connection, opcodes.exclude, [...this.#exclusions])
    const filters = [...this.#subscriptions].filter((filter) => filter !== warnTopic)
    try {
      await send(connection, opcodes.subscribe, filters)
      return undefined
    } catch (error) {
      if (!isRefusal(error)) throw error
      return this.#restoreSingly(connection, filters, error)
    }
  }

  /** Some are refused: finds out which. */
  async #restoreSingly(
    connection: Connection,
    filters: readonly string[],
    refusal: BusError,
  ): Promise<RefusedFilters> {
    const refused: string[] = []
    for (const filter of filters) {
      try {
        await send(connection, opcodes.subscribe, [filter])
      } catch (error) {
        if (!isRefusal(error)) throw error
        this.#subscriptions.delete(filter)
        refused.push(filter)
      }
    }
    return { filters: refused, error: refusal }
  }
}

/** A list without filters would be one with the empty filter on the wire. */
async function send(
  connection: Connection,
  opcode: number,
  filters: readonly string[],
  options?: OperationOptions,
): Promise<void> {
  if (filters.length > 0) {
    await connection.operate(opcode, filters.join('\0'), undefined, options)
  }
}

function listOf(filters: Filters): readonly string[] {
  // A copy: the caller may change its own while the broker is asked.
  const list = typeof filters === 'string' ? [filters] : [...filters]
  for (const filter of list) checkText('the filter', filter)
  return list
}

function isRefusal(error: unknown): error is BusError {
  return error instanceof BusError && error.code === 'permission_denied'
}

function nothing(): void {}
