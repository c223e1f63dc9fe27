/**
 * The caller's side of a cursor (spec/busrt 6.4): a method answers with the id of a cursor, and its
 * records are fetched one by one or many at a time, so that neither side holds all of them.
 */

import { BusError } from '../../model/errors.ts'
import type { OperationOptions } from './connection.ts'
import { pack, unpack } from './msgpack.ts'

export interface CursorOptions extends OperationOptions {
  /** Fetch so many records with one call, by `bulkMethod`. Default: one, by `nextMethod`. */
  readonly bulk?: number | undefined
  /** Default `N`, the custom of the field. */
  readonly nextMethod?: string | undefined
  /** Default `NB`. */
  readonly bulkMethod?: string | undefined
}

/** The calls a reader makes. */
export interface CursorCaller {
  call(
    target: string,
    method: string,
    params: Uint8Array,
    options: OperationOptions,
  ): Promise<Uint8Array>
}

/**
 * Calls `method`, which opens the cursor, and yields its records until there are no more. A reader that
 * stops early leaves the cursor to its time to live; there is no way to close one.
 * @throws what `callPacked` throws; RpcError -32001 when the cursor has expired
 */
export async function* readCursor<T>(
  rpc: CursorCaller,
  target: string,
  method: string,
  params: unknown,
  options: CursorOptions = {},
): AsyncGenerator<T, undefined> {
  const { bulk, nextMethod = 'N', bulkMethod = 'NB', ...call } = options
  if (bulk !== undefined && (!Number.isInteger(bulk) || bulk < 1)) {
    throw new BusError(
      'invalid_argument',
      'bad_argument',
      `bulk is a number from 1 on, not ${bulk}`,
    )
  }
  const cursor = unpack(
    await rpc.call(target, method, pack(params), call),
    `the result of ${method} of ${target}`,
  )
  if (typeof cursor !== 'object' || cursor === null || !('u' in cursor)) {
    const text = `${method} of ${target} did not answer with a cursor`
    throw new BusError('invalid_argument', 'undecodable', text)
  }
  const id = pack({ u: cursor.u, n: bulk })
  if (bulk === undefined) {
    for (;;) {
      const record = await rpc.call(target, nextMethod, id, call)
      if (record.length === 0) return undefined
      yield unpack(record, `a record of ${method} of ${target}`) as T
    }
  }
  for (;;) {
    const records = unpack(
      await rpc.call(target, bulkMethod, id, call),
      `the result of ${bulkMethod} of ${target}`,
    )
    if (!Array.isArray(records)) {
      const text = `${bulkMethod} of ${target} did not answer with an array`
      throw new BusError('invalid_argument', 'undecodable', text)
    }
    yield* records as T[]
    if (records.length < bulk) return undefined
  }
}
