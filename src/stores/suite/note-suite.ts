/** Notes: written whole or not at all, with the messages they belong to, and there again afterwards. */

import assert from 'node:assert/strict'
import type { LogStore } from '../../core/log-store.ts'
import { bytesOf, outgoing, own } from './messages.ts'
import { storeTest, type SuiteContext } from './store-fixture.ts'

/** The notes of a table by key, as text. */
async function notesOf(store: LogStore, table: string): Promise<Record<string, string>> {
  const found: [string, string][] = []
  for await (const { key, value } of store.notes(table)) {
    found.push([key, Buffer.from(value).toString()])
  }
  return Object.fromEntries(found.sort(([one], [other]) => (one < other ? -1 : 1)))
}

const note = (table: string, key: string, text: string | undefined) => {
  return { table, key, value: text === undefined ? undefined : bytesOf(text) }
}

export function noteSuite(context: SuiteContext): void {
  storeTest(context, 'notes are kept by table and key, and the newest counts', async (f) => {
    await f.store.writeNotes([
      note('one', 'a', '1'),
      note('one', 'b', '2'),
      note('two', 'a', '3'),
      note('one', '', 'empty key'),
      note('one', 'ü'.repeat(2_000), ''),
      note('one', 'twice', 'first'),
      note('one', 'twice', 'second'),
    ])
    await f.store.writeNotes([note('one', 'a', '4'), note('one', 'b', undefined)])
    await f.store.writeNotes([note('one', 'never there', undefined)])
    await f.holds(async (store) => {
      assert.deepEqual(await notesOf(store, 'one'), {
        '': 'empty key',
        a: '4',
        twice: 'second',
        ['ü'.repeat(2_000)]: '',
      })
      assert.deepEqual(await notesOf(store, 'two'), { a: '3' })
      assert.equal(Buffer.from((await store.note('one', 'a')) ?? []).toString(), '4')
      assert.equal(await store.note('one', 'b'), undefined)
      assert.equal((await store.note('one', 'ü'.repeat(2_000)))?.length, 0)
      assert.deepEqual(await notesOf(store, 'three'), {})
    })
  })

  storeTest(context, 'a note is in the commit of its message', async (f) => {
    const [outcome] = await f.store.append([outgoing('t', 'x')], [note('ids', '7', 't:1')])
    assert.equal(outcome?.kind, 'stored')
    await f.holds(async (store) => {
      assert.deepEqual(await notesOf(store, 'ids'), { 7: 't:1' })
      assert.equal(store.head(own('t')), 1)
    })
  })

  storeTest(context, 'a message that is not stored takes its notes with it', async (f) => {
    const { store } = f
    await store.append([outgoing('t', 'x', { publishId: 'p' })], [note('ids', '1', 'first')])
    const again = [outgoing('t', 'x', { publishId: 'p' })]
    const [duplicate] = await store.append(again, [note('ids', '2', 'again')])
    assert.equal(duplicate?.kind, 'duplicate')
    const some = [outgoing('t', 'y'), outgoing('', 'no topic')]
    const [stored, rejected] = await store.append(some, [note('ids', '3', 'some')])
    assert.deepEqual([stored?.kind, rejected?.kind], ['stored', 'rejected'])
    assert.deepEqual(await store.append([], [note('ids', '4', 'alone')]), [])
    await f.holds(async (open) => {
      assert.deepEqual(await notesOf(open, 'ids'), { 1: 'first', 4: 'alone' })
    })
  })

  storeTest(context, 'many notes, and large ones', async (f) => {
    const changes = Array.from({ length: 3_000 }, (_, i) => note('many', `key ${i}`, `value ${i}`))
    await f.store.writeNotes(changes)
    const large = new Uint8Array(3_000_000).fill(7)
    await f.store.writeNotes([{ table: 'large', key: 'k', value: large }])
    large.fill(8)
    await f.holds(async (store) => {
      const found = await notesOf(store, 'many')
      assert.equal(Object.keys(found).length, 3_000)
      assert.equal(found['key 2999'], 'value 2999')
      for await (const { value } of store.notes('large')) {
        assert.equal(value.length, 3_000_000)
        assert.ok(value.every((byte) => byte === 7))
      }
    })
  })

  storeTest(context, 'whoever stops reading keeps nothing open', async (f) => {
    await f.store.writeNotes([note('t', 'a', '1'), note('t', 'b', '2')])
    for await (const { key } of f.store.notes('t')) {
      assert.ok(key)
      break
    }
    await f.reopen()
    assert.deepEqual(await notesOf(f.store, 't'), { a: '1', b: '2' })
  })
}
