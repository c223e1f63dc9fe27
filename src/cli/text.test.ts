/** What is printed: payloads, tables, durations, sizes, inputs. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LatencyRecorder } from './bench/latency-recorder.ts'
import { formatBytes, formatCount, formatDuration, parseDuration } from './duration.ts'
import { collectHeader } from './payload-input.ts'
import { escapeControls, formatPayload, payloadFields } from './payload-text.ts'
import { formatTable } from './table.ts'

const payloads: [bytes: Uint8Array, shown: string][] = [
  [Buffer.from('plain'), 'plain'],
  [Buffer.from('{"a": 1}'), '{"a": 1}'],
  [Buffer.from('zeile\nüber\t€'), 'zeile\\nüber\\t€'],
  [Buffer.from('\u001b]0;title\u0007'), '\\u001b]0;title\\u0007'],
  [Uint8Array.of(0xff, 0x00), '0xff00 (2 bytes)'],
  [Uint8Array.of(0x61, 0x00), '0x6100 (2 bytes)'],
  [new Uint8Array(100).fill(0xee), `0x${'ee'.repeat(64)}… (100 bytes)`],
  [new Uint8Array(), ''],
]

for (const [bytes, shown] of payloads) {
  test(`a payload is shown as ${JSON.stringify(shown.slice(0, 30))}`, () => {
    assert.equal(formatPayload(bytes), shown)
  })
}

test('no payload puts a control character on the terminal', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.doesNotMatch(formatPayload(bytes), /\p{Cc}/u)
    }),
  )
  assert.equal(escapeControls('a\u202eb'), 'a\\u202eb')
})

test('JSON output holds every payload exactly', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const fields = JSON.parse(JSON.stringify(payloadFields(bytes))) as Record<string, string>
      const read =
        fields['payload'] === undefined
          ? Buffer.from(fields['payloadBase64'] ?? '', 'base64')
          : Buffer.from(fields['payload'])
      assert.deepEqual([...read], [...bytes])
    }),
  )
})

test('tables are as wide as needed, numbers to the right', () => {
  const columns = [
    { title: 'NAME', cell: (row: [string, number]) => row[0] },
    { title: 'N', cell: (row: [string, number]) => String(row[1]), align: 'right' as const },
  ]
  const rows: [string, number][] = [
    ['a\nb', 5],
    ['longer name', 12_345],
  ]
  assert.equal(
    formatTable(columns, rows),
    'NAME             N\na\\nb             5\nlonger name  12345\n',
  )
})

test('durations, sizes and counts', () => {
  for (const [text, ms] of [
    ['500ms', 500],
    ['10s', 10_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['3', 3_000],
  ] as const) {
    assert.equal(parseDuration(text), ms)
  }
  for (const text of ['', '1w', '-1s', 's']) assert.throws(() => parseDuration(text))
  const shown = [12, 1_234, 90_000, 7_200_000, 400_000_000].map(formatDuration)
  assert.deepEqual(shown, ['12 ms', '1.2 s', '2 min', '2 h', '5 d'])
  assert.deepEqual([0, 1_023, 1_536, 157_286_400].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.5 KiB',
    '150 MiB',
  ])
  assert.deepEqual([7, 1_234_567, 10n ** 9n].map(formatCount), ['7', '1,234,567', '1,000,000,000'])
})

test('headers: the first = divides', () => {
  assert.deepEqual(
    [...collectHeader('a=b=c', collectHeader('x='))],
    [
      ['x', ''],
      ['a', 'b=c'],
    ],
  )
  assert.throws(() => collectHeader('nothing'), /expected key=value/)
})

test('latencies: percentiles and a picture', () => {
  const recorder = new LatencyRecorder()
  assert.equal(recorder.summary(), undefined)
  for (let i = 1; i <= 1_000; i++) recorder.record(i / 10)
  const summary = recorder.summary()
  assert.ok(Math.abs((summary?.p50Ms ?? 0) - 50) < 0.5)
  assert.ok(Math.abs((summary?.p99Ms ?? 0) - 99) < 0.5)
  assert.equal(Math.round(summary?.maxMs ?? 0), 100)
  const lines = recorder.picture().trimEnd().split('\n')
  const counted = lines.map((line) => Number((line.split(' ').at(-1) ?? '').replaceAll(',', '')))
  assert.equal(
    counted.reduce((sum, each) => sum + each),
    1_000,
  )
})
