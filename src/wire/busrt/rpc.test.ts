import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'

import { results } from './frames.ts'
import {
  decodeRpc,
  decodeText,
  encodeErrorReply,
  encodeNotification,
  encodeReply,
  encodeRequest,
  maxCallId,
  resultOfRpcCode,
  rpcCodeOfResult,
  rpcErrorCodes,
} from './rpc.ts'
import type { RpcFrame } from './rpc.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytesOf = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const utf8 = (text: string) => Buffer.from(text)

/** A frame with its parts instead of their places. */
function parts(bytes: Uint8Array, start = 0, end = bytes.length): unknown {
  const frame = decodeRpc(bytes, start, end)
  if (frame === undefined) return undefined
  const rest = hex(bytes.subarray(frame.start, end))
  switch (frame.kind) {
    case 'notification':
      return { kind: frame.kind, rest }
    case 'request': {
      const method = hex(bytes.subarray(frame.methodStart, frame.methodEnd))
      return { kind: frame.kind, id: frame.id, method, rest }
    }
    case 'reply':
      return { kind: frame.kind, id: frame.id, rest }
    case 'errorReply':
      return { kind: frame.kind, id: frame.id, code: frame.code, rest }
  }
}

test('the bytes of the specification (5, 6, 11.62 to 11.66, 11.74, 11.76, 11.92)', () => {
  const vectors: [string, Uint8Array, object][] = [
    ['01 07000000 74657374 00', encodeRequest(7, 'test', utf8('')), request(7, 'test', '')],
    [
      '01 07000000 74657374 00 80',
      encodeRequest(7, 'test', bytesOf('80')),
      request(7, 'test', '80'),
    ],
    ['01 00000000 6D30 00 80', encodeRequest(0, 'm0', bytesOf('80')), request(0, 'm0', '80')],
    ['01 00000000 00', encodeRequest(0, '', utf8('')), request(0, '', '')],
    [
      '11 07000000 81A26F6BC3',
      encodeReply(7, bytesOf('81A26F6BC3')),
      { kind: 'reply', id: 7, rest: '81a26f6bc3' },
    ],
    ['11 07000000', encodeReply(7, utf8('')), { kind: 'reply', id: 7, rest: '' }],
    ['12 0F000000 A680', encodeErrorReply(15, rpcErrorCodes.invalidParams, ''), error(15, -32_602)],
    ['12 07000000 A780', encodeErrorReply(7, rpcErrorCodes.methodNotFound, ''), error(7, -32_601)],
    [
      '12 07000000 8E82',
      encodeErrorReply(7, rpcCodeOfResult(results.badData), ''),
      error(7, -32_114),
    ],
    [
      '12 07000000 A580 6E6F',
      encodeErrorReply(7, rpcErrorCodes.internal, 'no'),
      error(7, -32_603, '6e6f'),
    ],
    ['12 07000000 FFFF', encodeErrorReply(7, -1, ''), error(7, -1)],
    ['12 07000000 FF7F', encodeErrorReply(7, 32_767, ''), error(7, 32_767)],
    ['12 07000000 0080', encodeErrorReply(7, -32_768, ''), error(7, -32_768)],
    ['00 6E6F7465', encodeNotification(utf8('note')), { kind: 'notification', rest: '6e6f7465' }],
    ['00', encodeNotification(utf8('')), { kind: 'notification', rest: '' }],
    ['11 FFFFFFFF', encodeReply(maxCallId, utf8('')), { kind: 'reply', id: maxCallId, rest: '' }],
  ]
  for (const [text, encoded, decoded] of vectors) {
    assert.equal(hex(encoded), hex(bytesOf(text)), text)
    assert.deepEqual(parts(bytesOf(text)), decoded, text)
  }
})

function request(id: number, method: string, rest: string): object {
  return { kind: 'request', id, method: hex(utf8(method)), rest }
}

function error(id: number, code: number, rest = ''): object {
  return { kind: 'errorReply', id, code, rest }
}

test('what is too short, or of another kind, is no frame', () => {
  const faulty = [
    '', '01', '01 07000000', '01 07000000 6D', '02', '10 07000000', '11', '11 070000', '12',
    '12 07000000', '12 07000000 A5', 'FF 07000000 00',
  ] // prettier-ignore
  for (const text of faulty) assert.equal(parts(bytesOf(text)), undefined, text)
})

test('codes of error replies are those of the specification (6.2)', () => {
  const table = {
    parse: '4480',
    invalidRequest: 'a880',
    methodNotFound: 'a780',
    invalidParams: 'a680',
    internal: 'a580',
    notFound: 'ff82',
  }
  for (const [name, code] of Object.entries(rpcErrorCodes)) {
    const expected = new Map(Object.entries(table)).get(name)
    assert.equal(hex(encodeErrorReply(1, code, '').subarray(5)), expected, name)
  }
})

test('errors of the bus have codes of their own, both ways', () => {
  const codes = ['8f82', '8e82', '8d82', '8c82', '8b82', '8a82', '8982', '8882', '8782']
  codes.forEach((code, i) => {
    const result = results.notRegistered + i
    const rpcCode = rpcCodeOfResult(result)
    assert.equal(hex(encodeErrorReply(1, rpcCode, '').subarray(5)), code)
    assert.equal(resultOfRpcCode(rpcCode), result)
  })
  assert.equal(resultOfRpcCode(-32_255), 0xff)
  const others = [0, 5, -1, -32_000, -32_001, -32_112, -32_256, -32_600, -32_603, -32_700, 32_767]
  for (const code of others) assert.equal(resultOfRpcCode(code), undefined, String(code))
})

const payload = fc.uint8Array({ maxLength: 40 })
const id = fc.integer({ min: 0, max: maxCallId })

test('decoding gives back what was encoded, wherever it stands', () => {
  const method = fc.uint8Array({ min: 1, maxLength: 12 })
  const code = fc.integer({ min: -32_768, max: 32_767 })
  const frame = fc.oneof(
    fc.tuple(id, method, payload).map(([n, name, rest]) => ({
      bytes: encodeRequest(n, name, rest),
      expected: { kind: 'request', id: n, method: hex(name), rest: hex(rest) },
    })),
    fc.tuple(id, payload).map(([n, rest]) => ({
      bytes: encodeReply(n, rest),
      expected: { kind: 'reply', id: n, rest: hex(rest) },
    })),
    fc.tuple(id, code, payload).map(([n, number, rest]) => ({
      bytes: encodeErrorReply(n, number, rest),
      expected: { kind: 'errorReply', id: n, code: number, rest: hex(rest) },
    })),
    payload.map((rest) => ({
      bytes: encodeNotification(rest),
      expected: { kind: 'notification', rest: hex(rest) },
    })),
  )
  fc.assert(
    fc.property(payload, frame, payload, (before, { bytes, expected }, after) => {
      const all = Buffer.concat([before, bytes, after])
      const end = before.length + bytes.length
      assert.deepEqual(parts(all, before.length, end), expected)
    }),
  )
})

test('any bytes decode to a frame within them, or to none', () => {
  fc.assert(
    fc.property(payload, fc.nat(40), fc.nat(40), (bytes, a, b) => {
      const start = Math.min(a, bytes.length)
      const end = Math.min(start + b, bytes.length)
      const frame: RpcFrame | undefined = decodeRpc(bytes, start, end)
      if (frame === undefined) return
      assert.ok(frame.start > start && frame.start <= end)
      if (frame.kind === 'request') assert.ok(frame.methodEnd < end)
    }),
  )
})

test('text is UTF-8 or nothing, and keeps its byte order mark', () => {
  assert.equal(decodeText(utf8('-Größe-'), 1, 8), 'Größe')
  assert.equal(decodeText(bytesOf('FF'), 0, 1), undefined)
  assert.equal(decodeText(bytesOf('EFBBBF61'), 0, 4), '\ufeffa')
})
