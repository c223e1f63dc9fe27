/** Bodies of the tunnel's frames. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../../model/errors.ts'
import {
  creditMost,
  decodeCredit,
  decodeHello,
  decodeOpen,
  decodeStatus,
  encodeCredit,
  encodeHello,
  encodeOpen,
  encodeStatus,
  frameHeadBytes,
  openBodyBytesMost,
  putFrameHead,
} from './tunnel-frame.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 20 })

suite('bodies', () => {
  test('are read as they were written', () => {
    const plain = { noNullPrototype: true }
    const open = fc.record(
      {
        path: text,
        timeoutMs: fc.oneof(fc.constant(0), fc.maxSafeNat()),
        metadata: fc.array(fc.tuple(text, text)).map((entries) => new Map(entries)),
      },
      plain,
    )
    fc.assert(fc.property(open, (one) => assert.deepEqual(decodeOpen(encodeOpen(one)), one)))
    const status = fc.record({ code: fc.nat(16), reason: text, message: text }, plain)
    fc.assert(fc.property(status, (one) => assert.deepEqual(decodeStatus(encodeStatus(one)), one)))
    const hello = fc.record({ requestBytesMost: fc.maxSafeNat(), callsMost: fc.nat() }, plain)
    fc.assert(fc.property(hello, (one) => assert.deepEqual(decodeHello(encodeHello(one)), one)))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: creditMost }), (bytes) => {
        assert.equal(decodeCredit(encodeCredit(bytes)), bytes)
      }),
    )
  })

  test('of random bytes are decoded or a ProtocolError', () => {
    const decoders = [decodeOpen, decodeStatus, decodeHello, decodeCredit]
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 30 }),
        fc.constantFrom(...decoders),
        (body, decode) => {
          try {
            decode(body)
          } catch (error) {
            assert.ok(error instanceof ProtocolError, String(error))
          }
        },
      ),
      { numRuns: 5_000 },
    )
  })

  test('may have fields that nobody knows yet', () => {
    const more = Uint8Array.of(0x7a, 2, 1, 2, 0xf8, 0x01, 9)
    const longer = (body: Uint8Array) => Buffer.concat([body, more])
    const open = { path: '/a/B', timeoutMs: 7, metadata: new Map([['k', 'v']]) }
    assert.deepEqual(decodeOpen(longer(encodeOpen(open))), open)
    const status = { code: 5, reason: 'not_found', message: 'no' }
    assert.deepEqual(decodeStatus(longer(encodeStatus(status))), status)
    const hello = { requestBytesMost: 1, callsMost: 2 }
    assert.deepEqual(decodeHello(longer(encodeHello(hello))), hello)
  })

  test('that begin a call have a limit, and credit has a range', () => {
    assert.throws(() => decodeOpen(new Uint8Array(openBodyBytesMost + 1)), ProtocolError)
    const most = encodeOpen({
      path: 'x'.repeat(openBodyBytesMost - 3),
      timeoutMs: 0,
      metadata: new Map(),
    })
    assert.equal(most.length, openBodyBytesMost)
    assert.equal(decodeOpen(most).path.length, openBodyBytesMost - 3)
    for (const bytes of [0, creditMost + 1, Number.MAX_SAFE_INTEGER]) {
      assert.throws(() => decodeCredit(encodeCredit(bytes)), ProtocolError, String(bytes))
    }
    assert.throws(() => decodeCredit(Uint8Array.of(1, 1)), ProtocolError)
  })
})

test('the head of a frame is as long as it is said to be', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (call, bodyBytes) => {
      // The kind, and eight bytes for each number of 53 bits.
      const head = new Uint8Array(1 + 8 + 8 + 1).fill(0xaa)
      const end = putFrameHead(head, 0, 1, call, bodyBytes)
      assert.equal(end, frameHeadBytes(call, bodyBytes))
      assert.ok(end < head.length)
      assert.ok(head.subarray(end).every((byte) => byte === 0xaa))
    }),
  )
})
