import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../../model/errors.ts'
import { lastNumber, parseReply } from './reply.ts'

const cases: [line: string, reply: Record<string, string>][] = [
  ['ok ping', { kind: 'ok', command: 'ping', rest: '' }],
  ['ok ping a  b ', { kind: 'ok', command: 'ping', rest: 'a  b ' }],
  ['ok watch 1 added 12', { kind: 'ok', command: 'watch', rest: '1 added 12' }],
  ['item mine 1 is /a', { kind: 'item', command: 'mine', rest: '1 is /a' }],
  ['error http -', { kind: 'error', code: 'http', command: '-', text: '' }],
  [
    'error bad-pattern subscribe missing )',
    { kind: 'error', code: 'bad-pattern', command: 'subscribe', text: 'missing )' },
  ],
  ['info slow 3', { kind: 'info', code: 'slow', text: '3' }],
  ['info something-new', { kind: 'info', code: 'something-new', text: '' }],
]

for (const [line, expected] of cases) {
  test(`reply: ${line}`, () => {
    const reply = parseReply(Buffer.from(line))
    const shown = 'rest' in reply ? { ...reply, rest: Buffer.from(reply.rest).toString() } : reply
    assert.deepEqual(shown, expected)
  })
}

test('what is no reply is the fault of the peer, and nothing else ever happens', (t) => {
  for (const line of [
    '',
    ' ',
    'ok',
    'ok ',
    'error',
    'error x',
    'item',
    'info',
    'OK ping',
    'okay x',
    '\0',
  ]) {
    assert.throws(() => parseReply(Buffer.from(line)), ProtocolError, JSON.stringify(line))
  }
  const seed = Date.now() % 1_000_000
  t.diagnostic(`seed ${seed}`)
  const word = fc.constantFrom('ok', 'error', 'item', 'info', 'last', ' ', '1', '\u00ff')
  const line = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .array(word, { maxLength: 8 })
      .map((words) => Uint8Array.from(Buffer.from(words.join(' '), 'latin1'))),
  )
  fc.assert(
    fc.property(line, (bytes) => {
      try {
        const reply = parseReply(bytes)
        if ('rest' in reply) lastNumber(reply.rest)
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
      }
    }),
    { seed, numRuns: 5_000 },
  )
})

test('the number at the end', () => {
  assert.equal(lastNumber(Buffer.from('12')), 12)
  assert.equal(lastNumber(Buffer.from('* 3')), 3)
  for (const rest of ['', '3 ', '-1', '1e3', '0x1', '1234567890']) {
    assert.throws(() => lastNumber(Buffer.from(rest)), ProtocolError, rest)
  }
})
