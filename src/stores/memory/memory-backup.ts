/**
 * The backup file of the memory store: a magic line, frames (u32 length, bytes), a frame of length
 * zero, and the SHA-256 of everything before. A frame is one value in the structured-clone encoding
 * of V8, which knows maps, bytes and Infinity; only a file whose hash is right is decoded.
 */

import { createHash } from 'node:crypto'
import { deserialize, serialize } from 'node:v8'
import type { NoteChange } from '../../core/log-store.ts'
import { BusError } from '../../model/errors.ts'
import type { NodeId } from '../../model/node-id.ts'
import type { PeerSyncState } from '../../model/peer-sync-state.ts'
import type { MemoryLogState } from './memory-log.ts'
import type { MemoryQueueState } from './memory-queue.ts'
import type { KnownPublishId } from './publish-id-window.ts'

/** Everything a store consists of, with its parts as snapshots. */
export interface MemoryStoreState {
  readonly node: NodeId
  readonly lastSequence: number
  readonly logs: readonly MemoryLogState[]
  readonly queues: readonly MemoryQueueState[]
  readonly syncStates: readonly PeerSyncState[]
  readonly publishIds: readonly KnownPublishId[]
  /** Absent in files that were written before there were notes. */
  readonly notes?: readonly NoteChange[] | undefined
}

const magic = Buffer.from('msgbus memory backup 1\n')
const messagesPerFrame = 1_000

/** Pieces of the file, in order; each is the caller's. */
export function* encodeMemoryBackup(state: MemoryStoreState): Generator<Uint8Array> {
  const hash = createHash('sha256')
  for (const piece of pieces(state)) {
    hash.update(piece)
    yield piece
  }
  yield hash.digest()
}

/** @throws BusError `data_loss/damaged_store` unless every byte is there and right */
export function decodeMemoryBackup(file: Buffer): MemoryStoreState {
  const end = file.length - 32
  const isWhole =
    end >= magic.length &&
    file.subarray(0, magic.length).equals(magic) &&
    createHash('sha256').update(file.subarray(0, end)).digest().equals(file.subarray(end))
  if (!isWhole) {
    const text = 'this is not a whole and undamaged backup of a memory store'
    throw new BusError('data_loss', 'damaged_store', text)
  }
  const values = frames(file.subarray(magic.length, end))
  // The hash vouches for the shape: these bytes were written by `pieces`.
  const head = values.next().value as Omit<MemoryStoreState, 'logs'>
  const logs: MemoryLogState[] = []
  for (const value of values) {
    if (Array.isArray(value)) {
      const log = logs[logs.length - 1] as MemoryLogState
      logs[logs.length - 1] = { ...log, messages: [...log.messages, ...(value as [])] }
    } else logs.push(value as MemoryLogState)
  }
  return { ...head, logs }
}

function* pieces(state: MemoryStoreState): Generator<Uint8Array> {
  yield magic
  const { logs, ...head } = state
  yield frame(head)
  for (const { messages, ...log } of logs) {
    yield frame({ ...log, messages: [] })
    for (let i = 0; i < messages.length; i += messagesPerFrame) {
      yield frame(messages.slice(i, i + messagesPerFrame))
    }
  }
  yield Buffer.alloc(4)
}

function frame(value: unknown): Uint8Array {
  const bytes = serialize(value)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

function* frames(file: Buffer): Generator {
  let at = 0
  for (;;) {
    const length = file.readUInt32BE(at)
    if (length === 0) return
    yield deserialize(file.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
}
