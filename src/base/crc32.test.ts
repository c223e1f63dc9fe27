import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { crc32 } from './crc32.ts'

test('the check value of the catalogue', () => {
  assert.equal(crc32(Buffer.from('123456789'), 0, 9, 0), 0xcbf43926)
})

test('agrees with zlib for every range, in one piece or two', () => {
  const bytes = fc.uint8Array({ maxLength: 1_000 })
  fc.assert(
    fc.property(bytes, fc.nat(1_000), fc.nat(1_000), fc.nat(1_000), (data, a, b, c) => {
      const [start, middle, end] = [a, b, c]
        .map((n) => Math.min(n, data.length))
        .sort((x, y) => x - y) as [number, number, number]
      const expected = zlibCrc32(data.subarray(start, end))
      assert.equal(crc32(data, start, end, 0), expected)
      assert.equal(crc32(data, middle, end, crc32(data, start, middle, 0)), expected)
    }),
  )
})
