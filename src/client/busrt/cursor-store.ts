/**
 * The callee's side of cursors (spec/busrt 6.4): keeps what is being read from, hands out records, and
 * forgets a cursor when it is read to its end or nobody has asked for so long that nobody will.
 */

import { randomUUID } from 'node:crypto'
import { BusError } from '../../model/errors.ts'
import { rpcErrorCodes } from '../../wire/busrt/rpc.ts'
import { systemTiming } from '../timing.ts'
import type { Timing } from '../timing.ts'
import type { BusrtRpc } from './busrt-rpc.ts'
import { RpcError } from './rpc-error.ts'

export interface CursorStoreOptions {
  /** A cursor that nobody has used for so long is forgotten; milliseconds, default 30,000. */
  readonly ttlMs?: number | undefined
  /** Cursors open at the same time; default 1,000. More are refused. */
  readonly maxCursors?: number | undefined
  /** Records given out with one call; default 10,000. More are refused. */
  readonly maxBulk?: number | undefined
  /** Time; for tests. */
  readonly timing?: Timing | undefined
}

interface Cursor {
  readonly records: Iterator<unknown> | AsyncIterator<unknown>
  /** Settles when the call before has what it wants: calls of one cursor take turns. */
  turn: Promise<void>
  /** Calls that wait or run. */
  users: number
  expiresAtMs: number
}

/** What a method answers with to give its caller a cursor. */
export interface CursorId {
  /** Sixteen bytes. */
  readonly u: Uint8Array
}

export class CursorStore {
  readonly #ttlMs: number
  readonly #maxCursors: number
  readonly #maxBulk: number
  readonly #timing: Timing
  /** By id in hexadecimal. */
  readonly #cursors = new Map<string, Cursor>()
  #timer: { cancel(): void } | undefined

  constructor(options: CursorStoreOptions = {}) {
    this.#ttlMs = options.ttlMs ?? 30_000
    this.#maxCursors = options.maxCursors ?? 1_000
    this.#maxBulk = options.maxBulk ?? 10_000
    this.#timing = options.timing ?? systemTiming
  }

  /** Cursors that are open. */
  get size(): number {
    return this.#cursors.size
  }

  /**
   * Opens a cursor over records, which are taken as they are asked for; the iterator's `return` is
   * called when the cursor is forgotten early. The answer is for the caller.
   * @throws BusError `resource_exhausted/quota_exceeded`
   */
  open(records: Iterable<unknown> | AsyncIterable<unknown>): CursorId {
    if (this.#cursors.size >= this.#maxCursors) {
      const text = `${this.#maxCursors} cursors are open, which is the limit (maxCursors)`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    const u = Buffer.from(randomUUID().replaceAll('-', ''), 'hex')
    this.#cursors.set(u.toString('hex'), {
      records:
        Symbol.asyncIterator in records
          ? records[Symbol.asyncIterator]()
          : records[Symbol.iterator](),
      turn: Promise.resolve(),
      users: 0,
      expiresAtMs: this.#timing.monotonic() + this.#ttlMs,
    })
    this.#timer ??= this.#timing.after(this.#ttlMs, this.#sweep)
    return { u }
  }

  /**
   * Up to `count` records, fewer at the end.
   * @param params of the call: a map with the id as `u`
   * @throws RpcError -32001 for a cursor that is not there, -32602 for params that are wrong
   */
  async take(params: unknown, count: number): Promise<unknown[]> {
    if (!Number.isInteger(count) || count < 1 || count > this.#maxBulk) {
      const text = `n is a number from 1 to ${this.#maxBulk}`
      throw new RpcError(rpcErrorCodes.invalidParams, text)
    }
    const id = idOf(params)
    const cursor = this.#cursors.get(id)
    if (cursor === undefined || this.#isExpired(cursor)) {
      throw new RpcError(rpcErrorCodes.notFound, 'no such cursor, or it has expired')
    }
    cursor.users += 1
    const before = cursor.turn
    let leave = nothing
    cursor.turn = new Promise((resolve) => {
      leave = resolve
    })
    await before
    const records: unknown[] = []
    try {
      while (records.length < count) {
        const next = await cursor.records.next()
        if (next.done === true) {
          this.#cursors.delete(id)
          break
        }
        // No bytes would mean the end.
        records.push(next.value ?? null)
      }
      return records
    } catch (error) {
      // An iterator that has failed has nothing more to give.
      this.#cursors.delete(id)
      throw error
    } finally {
      cursor.users -= 1
      cursor.expiresAtMs = this.#timing.monotonic() + this.#ttlMs
      leave()
    }
  }

  /** Serves the two methods by which callers read. Returns how to stop that. */
  serve(rpc: BusrtRpc, nextMethod = 'N', bulkMethod = 'NB'): () => void {
    const stopNext = rpc.handlePacked(nextMethod, async (params) => {
      const [record] = await this.take(params, 1)
      return record
    })
    const stopBulk = rpc.handlePacked(bulkMethod, (params) => this.take(params, countOf(params)))
    return () => {
      stopNext()
      stopBulk()
    }
  }

  /** Forgets all cursors. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    for (const id of this.#cursors.keys()) this.#forget(id)
  }

  #isExpired(cursor: Cursor): boolean {
    return cursor.users === 0 && cursor.expiresAtMs <= this.#timing.monotonic()
  }

  readonly #sweep = (): void => {
    for (const [id, cursor] of this.#cursors) if (this.#isExpired(cursor)) this.#forget(id)
    this.#timer =
      this.#cursors.size === 0 ? undefined : this.#timing.after(this.#ttlMs, this.#sweep)
  }

  #forget(id: string): void {
    const cursor = this.#cursors.get(id)
    this.#cursors.delete(id)
    // What it read from may fail to close; nobody is left to be told.
    void Promise.resolve(cursor?.records.return?.()).catch(nothing)
  }
}

function idOf(params: unknown): string {
  const id = typeof params === 'object' && params !== null && 'u' in params ? params.u : undefined
  if (!(id instanceof Uint8Array))
    throw new RpcError(rpcErrorCodes.invalidParams, 'u is no cursor id')
  return Buffer.from(id).toString('hex')
}

function countOf(params: unknown): number {
  const n = typeof params === 'object' && params !== null && 'n' in params ? params.n : undefined
  return n === undefined || n === null ? 1 : Number(n)
}

function nothing(): void {}
