/**
 * A thread of the SQLite storage: one connection, one request after the other. The library is
 * synchronous, so this is the only place where it is used.
 *
 * `synchronous` is always set explicitly: the default of the library is not to be trusted for WAL
 * (performance 3, rule 4). `secure_delete` writes zeros over what is removed.
 */

import { parentPort, workerData } from 'node:worker_threads'
import type { Database as Connection, Statement } from 'libsql'
import { rowPageBytes } from '../../journal/block-storage.ts'
import {
  pack,
  unpack,
  type Packed,
  type SqliteFailure,
  type SqliteReplyMessage,
  type SqliteRequest,
  type SqliteRequestMessage,
  type SqliteResult,
  type SqliteThreadData,
} from './sqlite-messages.ts'

class SqliteThread {
  readonly #db: Connection
  readonly #statements: Record<string, Statement>

  constructor(db: Connection, { role, synchronous }: SqliteThreadData) {
    this.#db = db
    db.exec(`PRAGMA synchronous=${synchronous}`)
    db.exec('PRAGMA secure_delete=ON')
    db.exec('PRAGMA cache_size=-4096')
    if (role === 'writer') {
      db.prepare('PRAGMA journal_mode=WAL').all()
      db.exec('CREATE TABLE IF NOT EXISTS blocks (k INTEGER PRIMARY KEY, v BLOB NOT NULL)')
      db.exec('CREATE TABLE IF NOT EXISTS rows (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID')
    }
    const prepare = (sql: string) => db.prepare(sql)
    this.#statements = {
      putBlock: prepare('INSERT OR REPLACE INTO blocks VALUES (?, ?)'),
      removeBlock: prepare('DELETE FROM blocks WHERE k = ?'),
      putRow: prepare('INSERT OR REPLACE INTO rows VALUES (?, ?)'),
      removeRow: prepare('DELETE FROM rows WHERE k = ?'),
      block: prepare('SELECT v FROM blocks WHERE k = ?').raw(),
      floorBlock: prepare('SELECT k FROM blocks WHERE k <= ? ORDER BY k DESC LIMIT 1').raw(),
      blockSizes: prepare('SELECT length(v) FROM blocks WHERE k >= ? ORDER BY k LIMIT 1024').raw(),
      blocks: prepare('SELECT k, v FROM blocks WHERE k >= ? ORDER BY k LIMIT ?').raw(),
      floor: prepare('SELECT k, v FROM rows WHERE k <= ? ORDER BY k DESC LIMIT 1').raw(),
      rowSizes: prepare(
        'SELECT length(v) FROM rows WHERE k >= ? AND k < ? ORDER BY k LIMIT ?',
      ).raw(),
      rows: prepare('SELECT k, v FROM rows WHERE k >= ? AND k < ? ORDER BY k LIMIT ?').raw(),
    }
    if (role === 'snapshot') {
      db.exec('BEGIN')
      // A transaction sees what there is when it first reads.
      this.#all('floor', Buffer.from([0xff]))
    }
  }

  handle(request: SqliteRequest): SqliteResult {
    switch (request.op) {
      case 'commit':
        return this.#commit(request.blockKeys, request.packed)
      case 'getBlocks': {
        const values = request.keys.map((key) => this.#all('block', key)[0]?.[0])
        return { keys: [], packed: pack(values as (Buffer | undefined)[]) }
      }
      case 'floorBlockKey': {
        const keys = this.#all('floorBlock', request.key).map(([key]) => key as number)
        return { keys, packed: pack([]) }
      }
      case 'scanBlocks':
        return this.#scanBlocks(request.from, request.bytes)
      case 'floorRow':
        return rowsResult(this.#all('floor', Buffer.from(request.key)))
      case 'scanRows': {
        const range = [Buffer.from(request.from), Buffer.from(request.until)]
        const sizes = this.#all('rowSizes', ...range, request.count)
        return rowsResult(this.#all('rows', ...range, fitting(sizes, rowPageBytes)))
      }
      case 'close':
        this.#db.close()
        return { keys: [], packed: pack([]) }
    }
  }

  #commit(blockKeys: readonly number[], packed: Packed): SqliteResult {
    const values = unpack(packed)
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      blockKeys.forEach((key, i) => {
        const bytes = values[i]
        if (bytes === undefined) this.#run('removeBlock', key)
        else this.#run('putBlock', key, bytes)
      })
      for (let i = blockKeys.length; i < values.length; i += 2) {
        const value = values[i + 1]
        if (value === undefined) this.#run('removeRow', values[i])
        else this.#run('putRow', values[i], value)
      }
      this.#db.exec('COMMIT')
    } catch (error) {
      // Some failures have rolled back already.
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
    return { keys: [], packed: pack([]) }
  }

  #scanBlocks(from: number, bytes: number): SqliteResult {
    const count = fitting(this.#all('blockSizes', from), bytes)
    const found = this.#all('blocks', from, count) as [number, Buffer][]
    return { keys: found.map(([key]) => key), packed: pack(found.map(([, value]) => value)) }
  }

  // One parameter alone that is a Buffer would be taken for an object of named ones.
  #all(name: string, ...params: unknown[]): unknown[][] {
    return this.#statements[name]?.all(params) as unknown[][]
  }

  #run(name: string, ...params: unknown[]): void {
    this.#statements[name]?.run(params)
  }
}

/** How many values make up the bytes: at least one if there is one. */
function fitting(sizes: unknown[][], bytes: number): number {
  let size = 0
  let count = 0
  for (const [length] of sizes) {
    count += 1
    size += length as number
    if (size >= bytes) break
  }
  return count
}

function rowsResult(rows: unknown[][]): SqliteResult {
  return { keys: [], packed: pack(rows.flat() as Buffer[]) }
}

const library = import('libsql')
// Reported with the first request.
library.catch(() => undefined)

async function open(data: SqliteThreadData): Promise<SqliteThread> {
  const { default: Database } = await library
  return new SqliteThread(new Database(data.path), data)
}

function toFailure(error: unknown): SqliteFailure {
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND')
    return { kind: 'missing', message }
  if (code === 'SQLITE_FULL') return { kind: 'full', message }
  return { kind: code === 'SQLITE_NOTADB' ? 'foreign' : 'failed', message: `${code} ${message}` }
}

/** Opened with the first request, so that threads can be started before the file may be touched. */
let thread: Promise<SqliteThread> | undefined

parentPort?.on('message', ({ id, request }: SqliteRequestMessage) => {
  thread ??= open(workerData as SqliteThreadData)
  thread
    .then((opened) => {
      const result = opened.handle(request)
      const reply: SqliteReplyMessage = { id, result }
      parentPort?.postMessage(reply, [result.packed.slab.buffer])
    })
    .catch((error: unknown) => {
      const reply: SqliteReplyMessage = { id, failure: toFailure(error) }
      parentPort?.postMessage(reply, [])
    })
})
