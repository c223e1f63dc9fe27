// Proves the table against a map of strings over random histories, with keys that collide often.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteTable } from './byte-table.ts'

const encoder = new TextEncoder()

test('it answers as a map does, whatever is added and removed', () => {
  const key = fc.stringMatching(/^[ab]{0,7}$/)
  const step = fc.record({ key, remove: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const table = new ByteTable<{ bytes: Uint8Array; name: string }>()
      const model = new Map<string, { bytes: Uint8Array; name: string }>()
      for (const { key: name, remove } of steps) {
        const known = model.get(name)
        if (remove && known !== undefined) {
          assert.equal(table.delete(known), true)
          assert.equal(table.delete(known), false)
          model.delete(name)
        } else {
          const value = { bytes: encoder.encode(name), name }
          table.set(value)
          model.set(name, value)
        }
        assert.equal(table.size, model.size)
      }
      for (const [name, value] of model) {
        const padded = encoder.encode(`xx${name}yy`)
        assert.equal(table.get(padded, 2, padded.length - 2), value)
      }
      assert.equal(table.get(encoder.encode('abc'), 0, 3), undefined)
    }),
  )
})

test('thousands of names are all found, and gone when cleared', () => {
  const table = new ByteTable<{ bytes: Uint8Array }>()
  const values = Array.from({ length: 5_000 }, (_, i) => ({ bytes: encoder.encode(`client-${i}`) }))
  for (const value of values) table.set(value)
  for (const value of values) assert.equal(table.get(value.bytes, 0, value.bytes.length), value)
  table.clear()
  assert.equal(table.size, 0)
  assert.equal(table.get(encoder.encode('client-7'), 0, 8), undefined)
})
