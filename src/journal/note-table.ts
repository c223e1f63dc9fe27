/**
 * Notes: small durable records under a name, for those who serve clients. They are rows, written in the commit of
 * what they belong to and read from the storage; none is held in memory here.
 */

import { createHash } from 'node:crypto'
import type { Note, NoteChange } from '../core/log-store.ts'
import type { StorageReader } from './block-storage.ts'
import type { DamageLedger } from './damage-ledger.ts'
import type { Group } from './group.ts'
import { RowReader, RowWriter } from './row-codec.ts'
import { keyAfter, rowKinds } from './row-keys.ts'

const version = 1
/** Of the hashes of table and key: names are too long for keys. Two tables that share theirs are told apart by name. */
const tableBytes = 4
const keyBytes = 16
const pageRows = 1_000

export function stageNotes(group: Group, changes: readonly NoteChange[]): void {
  for (const { table, key, value } of changes) {
    const row = value === undefined ? undefined : encodeNote(table, key, value)
    group.row(noteKey(table, key), row)
  }
}

/** Rough size of what will be staged. */
export function notesSize(changes: readonly NoteChange[]): number {
  let bytes = 0
  for (const { key, value } of changes) bytes += key.length + (value?.length ?? 0)
  return bytes
}

/** Every sound note of a table; damaged ones are reported. */
export async function* readNotes(
  storage: StorageReader,
  table: string,
  damage: DamageLedger,
): AsyncGenerator<Note> {
  const prefix = tableKey(table)
  const end = Buffer.concat([prefix, Buffer.alloc(keyBytes + 1, 0xff)])
  for (let from: Uint8Array = prefix; ;) {
    const rows = await storage.scanRows(from, end, pageRows)
    const last = rows[rows.length - 1]
    if (last === undefined) return
    from = keyAfter(last[0])
    for (const [key, value] of rows) {
      const note = decodeNote(value)
      if (note === undefined) damage.reportOther('note', Buffer.from(key).toString('hex'))
      else if (note.table === table) yield { key: note.key, value: note.value }
    }
  }
}

/** The value of one note; undefined when there is none, or it is damaged, which is reported. */
export async function readNote(
  storage: StorageReader,
  table: string,
  key: string,
  damage: DamageLedger,
): Promise<Uint8Array | undefined> {
  const rowKey = noteKey(table, key)
  const [row] = await storage.scanRows(rowKey, keyAfter(rowKey), 1)
  if (row === undefined) return undefined
  const note = decodeNote(row[1])
  if (note === undefined) damage.reportOther('note', Buffer.from(rowKey).toString('hex'))
  return note?.table === table && note.key === key ? note.value : undefined
}

export function isSoundNote(value: Uint8Array): boolean {
  return decodeNote(value) !== undefined
}

function tableKey(table: string): Buffer {
  return Buffer.concat([Buffer.of(rowKinds.note), hash(table).subarray(0, tableBytes)])
}

function noteKey(table: string, key: string): Uint8Array {
  return Buffer.concat([tableKey(table), hash(key).subarray(0, keyBytes)])
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function encodeNote(table: string, key: string, value: Uint8Array): Uint8Array {
  const writer = new RowWriter(version, table.length + key.length + value.length + 16)
  return writer.text(table).text(key).bytes(value).finish()
}

function decodeNote(row: Uint8Array): (Note & { readonly table: string }) | undefined {
  const reader = RowReader.open(row, version)
  if (reader === undefined) return undefined
  return { table: reader.text(), key: reader.text(), value: reader.bytes() }
}
