import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusError } from '../../model/errors.ts'
import { msgpack, pack, unpack } from './msgpack.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('maps as services on BUS/RT write them (spec/busrt 5.1, 6.4)', () => {
  assert.equal(hex(pack({ ok: true })), '81a26f6bc3')
  assert.deepEqual(unpack(Buffer.from('81a26f6bc3', 'hex'), 'x'), { ok: true })
  assert.equal(hex(pack({ u: Buffer.from([1, 2]), n: undefined })), '81a175c4020102')
})

test('undefined is no bytes, null is nil', () => {
  assert.equal(pack(undefined).length, 0)
  assert.equal(unpack(new Uint8Array(0), 'x'), undefined)
  assert.equal(hex(pack(null)), 'c0')
  assert.equal(unpack(Buffer.from('c0', 'hex'), 'x'), null)
})

test('whole numbers of 64 bits', () => {
  const time = Buffer.from('cf18e9ba7b5f9ec648', 'hex')
  assert.equal(msgpack<bigint>({ bigints: true }).decode(time), 0x18e9ba7b5f9ec648n)
  assert.equal(msgpack<number>().decode(time), Number(0x18e9ba7b5f9ec648n))
  assert.equal(hex(msgpack({ bigints: true }).encode(1n)), 'cf0000000000000001')
  assert.equal(hex(pack(2 ** 40)), 'cf0000010000000000')
})

test('what is no MessagePack is undecodable', () => {
  assert.throws(
    () => unpack(Buffer.from('c1', 'hex'), 'the answer'),
    (error: unknown) =>
      error instanceof BusError &&
      error.reason === 'undecodable' &&
      error.message.startsWith('the payload of the answer (1 bytes)'),
  )
})
