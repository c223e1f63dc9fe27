/**
 * The journal's storage on SQLite in WAL mode. The library is synchronous, so every connection lives
 * in a thread: one that writes, one that reads, and one for each snapshot. A commit group is one
 * message there and one back.
 */

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type {
  BlockStorage,
  StorageEngine,
  StorageOptions,
  StorageReader,
  StorageSnapshot,
  StorageWrites,
  StoredBlock,
  StoredRow,
} from '../../journal/block-storage.ts'
import { diskFull, engineMissing, storageFailed } from '../../journal/storage-errors.ts'
import { BusError } from '../../model/errors.ts'
import {
  pack,
  unpack,
  type SqliteFailure,
  type SqliteReplyMessage,
  type SqliteRequest,
  type SqliteRequestMessage,
  type SqliteResult,
  type SqliteThreadData,
} from './sqlite-messages.ts'

const fileName = 'journal.sqlite'

const synchronous = { disk: 'FULL', os: 'NORMAL', memory: 'OFF' } as const

export const sqliteEngine: StorageEngine = {
  name: 'sqlite',
  files: [fileName, `${fileName}-wal`, `${fileName}-shm`],
  async open(options) {
    const storage = new SqliteStorage(options)
    try {
      await storage.reopen()
      return storage
    } catch (error) {
      await storage.close()
      throw error
    }
  },
}

class SqliteStorage implements BlockStorage {
  readonly #options: StorageOptions
  #writer: SqliteConnection | undefined
  #reader: SqliteReader | undefined

  constructor(options: StorageOptions) {
    this.#options = options
  }

  async commit(writes: StorageWrites): Promise<void> {
    const blockKeys = writes.blocks.map(([key]) => key)
    const values: (Uint8Array | undefined)[] = writes.blocks.map(([, bytes]) => bytes)
    for (const [key, value] of writes.rows) values.push(key, value)
    const packed = pack(values)
    await this.#connection.ask({ op: 'commit', blockKeys, packed }, [packed.slab.buffer])
  }

  getBlocks(keys: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return this.#read.getBlocks(keys)
  }

  floorBlockKey(key: number): Promise<number | undefined> {
    return this.#read.floorBlockKey(key)
  }

  scanBlocks(from: number, bytes: number): Promise<StoredBlock[]> {
    return this.#read.scanBlocks(from, bytes)
  }

  floorRow(key: Uint8Array): Promise<StoredRow | undefined> {
    return this.#read.floorRow(key)
  }

  scanRows(from: Uint8Array, until: Uint8Array, count: number): Promise<StoredRow[]> {
    return this.#read.scanRows(from, until, count)
  }

  async snapshot(): Promise<StorageSnapshot> {
    const snapshot = new SqliteReader(this.#connect('snapshot'))
    // A transaction begins when the thread is up; the answer says that it is.
    await snapshot.getBlocks([])
    return snapshot
  }

  async reopen(): Promise<void> {
    await this.close()
    this.#writer = this.#connect('writer')
    this.#reader = new SqliteReader(this.#connect('reader'))
    // The writer makes the tables; the reader can prepare its statements only then.
    await this.#writer.ask({ op: 'getBlocks', keys: [] })
    await this.#reader.getBlocks([])
  }

  bytesOnDisk(): number {
    let bytes = 0
    for (const name of sqliteEngine.files) {
      const path = join(this.#options.folder, name)
      bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0
    }
    return bytes
  }

  async close(): Promise<void> {
    await this.#reader?.release()
    // The last connection to close brings the write-ahead log into the file.
    await this.#writer?.close()
    this.#reader = undefined
    this.#writer = undefined
  }

  get #connection(): SqliteConnection {
    if (this.#writer === undefined) throw storageFailed(this.#options.folder, 'it is not open')
    return this.#writer
  }

  get #read(): SqliteReader {
    if (this.#reader === undefined) throw storageFailed(this.#options.folder, 'it is not open')
    return this.#reader
  }

  #connect(role: SqliteThreadData['role']): SqliteConnection {
    const { folder, durability } = this.#options
    const path = join(folder, fileName)
    return new SqliteConnection(folder, { path, role, synchronous: synchronous[durability] })
  }
}

class SqliteReader implements StorageReader, StorageSnapshot {
  readonly #connection: SqliteConnection

  constructor(connection: SqliteConnection) {
    this.#connection = connection
  }

  async getBlocks(keys: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    const { packed } = await this.#connection.ask({ op: 'getBlocks', keys })
    return unpack(packed)
  }

  async floorBlockKey(key: number): Promise<number | undefined> {
    const { keys } = await this.#connection.ask({ op: 'floorBlockKey', key })
    return keys[0]
  }

  async scanBlocks(from: number, bytes: number): Promise<StoredBlock[]> {
    const { keys, packed } = await this.#connection.ask({ op: 'scanBlocks', from, bytes })
    return unpack(packed).map((value, i) => ({ key: keys[i] as number, bytes: value as Buffer }))
  }

  async floorRow(key: Uint8Array): Promise<StoredRow | undefined> {
    return toRows(await this.#connection.ask({ op: 'floorRow', key }))[0]
  }

  async scanRows(from: Uint8Array, until: Uint8Array, count: number): Promise<StoredRow[]> {
    return toRows(await this.#connection.ask({ op: 'scanRows', from, until, count }))
  }

  release(): Promise<void> {
    return this.#connection.close()
  }
}

function toRows({ packed }: SqliteResult): StoredRow[] {
  const values = unpack(packed) as Buffer[]
  const rows: StoredRow[] = []
  for (let i = 0; i < values.length; i += 2) {
    rows.push([values[i] as Buffer, values[i + 1] as Buffer])
  }
  return rows
}

interface Waiting {
  readonly resolve: (result: SqliteResult) => void
  readonly reject: (error: BusError) => void
}

/** One thread and its connection. Keeps the process alive only while somebody waits for it. */
class SqliteConnection {
  readonly #folder: string
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 1
  #lost: BusError | undefined
  #closed: Promise<void> | undefined

  constructor(folder: string, data: SqliteThreadData) {
    this.#folder = folder
    this.#worker = new Worker(threadUrl, { workerData: data })
    this.#worker.unref()
    this.#worker.on('message', (reply: SqliteReplyMessage) => this.#settle(reply))
    this.#worker.on('error', (error) => this.#fail(storageFailed(folder, error)))
    this.#worker.on('exit', () => this.#fail(storageFailed(folder, 'its thread has ended')))
  }

  ask(request: SqliteRequest, transfer: ArrayBuffer[] = []): Promise<SqliteResult> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost)
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      if (this.#waiting.size === 0) this.#worker.ref()
      this.#waiting.set(id, { resolve, reject })
      const message: SqliteRequestMessage = { id, request }
      this.#worker.postMessage(message, transfer)
    })
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    try {
      await this.ask({ op: 'close' })
    } catch {
      // A connection that never opened, or is lost, has nothing to close.
    }
    await this.#worker.terminate()
  }

  #settle(reply: SqliteReplyMessage): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (this.#waiting.size === 0) this.#worker.unref()
    if ('result' in reply) waiting?.resolve(reply.result)
    else waiting?.reject(toError(this.#folder, reply.failure))
  }

  #fail(error: BusError): void {
    this.#lost ??= error
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
  }
}

function toError(folder: string, failure: SqliteFailure): BusError {
  switch (failure.kind) {
    case 'missing':
      return engineMissing('sqlite', 'libsql', failure.message)
    case 'full':
      return diskFull(folder, failure.message)
    case 'foreign': {
      const text = `${join(folder, fileName)} is not a SQLite database`
      return new BusError('failed_precondition', 'foreign_data', text)
    }
    case 'failed':
      return storageFailed(folder, failure.message)
  }
}

/** Compiled code runs as `.js`, sources run as they are. */
const threadUrl = new URL(
  import.meta.url.endsWith('.ts') ? './sqlite-thread.ts' : './sqlite-thread.js',
  import.meta.url,
)
