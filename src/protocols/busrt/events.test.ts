/** Events byte for byte (spec/busrt 5.2). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '@msgpack/msgpack'

import { encodeEvent } from './events.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex').toUpperCase()

test('keys in their order, the time in 64 bits', () => {
  const atMs = 1_794_911_437_980
  const time = (BigInt(atMs) * 1_000_000n).toString(16).toUpperCase().padStart(16, '0')
  assert.equal(hex(encodeEvent('reg', 'newc', atMs)), `83A173A3726567A164A46E657763A174CF${time}`)
  assert.equal(
    hex(encodeEvent('shutdown', undefined, atMs)),
    `82A173A873687574646F776EA174CF${time}`,
  )
})

test('the time stays 64 bits wide whatever the clock says', () => {
  for (const atMs of [0, 1, 1.6, 4_294_967_296, Date.UTC(2500, 0, 1)]) {
    const bytes = encodeEvent('unreg', 'a', atMs)
    assert.equal(bytes[bytes.length - 9], 0xcf, String(atMs))
    const { t } = decode(bytes, { useBigInt64: true }) as { t: bigint }
    assert.equal(t, BigInt(Math.round(atMs)) * 1_000_000n)
  }
})

test('names of any kind', () => {
  for (const name of ['', 'ä日本🚌', 'x'.repeat(65_535)]) {
    assert.equal(
      (decode(encodeEvent('reg', name, 0), { useBigInt64: true }) as { d: string }).d,
      name,
    )
  }
})
