/** The notes of a memory store, by table and key. */

import type { Note, NoteChange } from '../../core/log-store.ts'

export class MemoryNotes {
  readonly #tables = new Map<string, Map<string, Uint8Array>>()

  get count(): number {
    let count = 0
    for (const notes of this.#tables.values()) count += notes.size
    return count
  }

  change(changes: readonly NoteChange[]): void {
    for (const { table, key, value } of changes) {
      let notes = this.#tables.get(table)
      if (notes === undefined) this.#tables.set(table, (notes = new Map()))
      if (value === undefined) notes.delete(key)
      else notes.set(key, Uint8Array.from(value))
    }
  }

  get(table: string, key: string): Uint8Array | undefined {
    const value = this.#tables.get(table)?.get(key)
    return value && Uint8Array.from(value)
  }

  *list(table: string): Iterable<Note> {
    for (const [key, value] of this.#tables.get(table) ?? []) {
      yield { key, value: Uint8Array.from(value) }
    }
  }

  save(): NoteChange[] {
    const saved: NoteChange[] = []
    for (const [table, notes] of this.#tables) {
      for (const [key, value] of notes) saved.push({ table, key, value })
    }
    return saved
  }
}
