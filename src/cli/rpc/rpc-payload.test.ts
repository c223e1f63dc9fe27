import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pack } from '../../client/busrt/index.ts'
import { formatRpcPayload, readRpcPayload } from './rpc-payload.ts'
import type { RpcPayload } from './rpc-payload.ts'

const payloads: [bytes: Uint8Array, read: RpcPayload, line: string][] = [
  [new Uint8Array(), { encoding: 'none', value: null }, ''],
  [Buffer.from('plain\ttext'), { encoding: 'text', value: 'plain\ttext' }, 'plain\\ttext'],
  [Buffer.from('{"a":1}'), { encoding: 'json', value: { a: 1 } }, '{"a":1}'],
  [Buffer.from('[1, 2]'), { encoding: 'json', value: [1, 2] }, '[1,2]'],
  // A number or a text alone is as good as it stands.
  [Buffer.from('12'), { encoding: 'text', value: '12' }, '12'],
  [Buffer.from('{"a":'), { encoding: 'text', value: '{"a":' }, '{"a":'],
  [pack({ ok: true }), { encoding: 'msgpack', value: { ok: true } }, '{"ok":true}'],
  // Text in every byte, but a low one makes it MessagePack.
  [Uint8Array.of(0x05), { encoding: 'msgpack', value: 5 }, '5'],
  [
    Buffer.from('81a174cf18e9ba7b5f9ec648', 'hex'),
    { encoding: 'msgpack', value: { t: 1_795_170_965_531_838_024n } },
    '{"t":1795170965531838024}',
  ],
  [Uint8Array.of(0xc1, 0x00), { encoding: 'base64', value: 'wQA=' }, '0xc100 (2 bytes)'],
  // MessagePack with something behind it is none.
  [Uint8Array.of(0x01, 0x02), { encoding: 'base64', value: 'AQI=' }, '\\u0001\\u0002'],
]

for (const [bytes, read, line] of payloads) {
  test(`the payload ${Buffer.from(bytes).toString('hex')} is ${read.encoding}`, () => {
    assert.deepEqual(readRpcPayload(bytes), read)
    assert.equal(formatRpcPayload(bytes), line)
  })
}

test('for reading: indented JSON, lines of text as lines, nothing that moves the cursor', () => {
  assert.equal(formatRpcPayload(pack({ a: [1] }), '  '), '{\n  "a": [\n    1\n  ]\n}')
  assert.equal(formatRpcPayload(Buffer.from('a\nb\u001b[2J'), '  '), 'a\nb\\u001b[2J')
})
