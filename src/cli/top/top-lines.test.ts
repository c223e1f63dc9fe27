import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { Colours } from '../colours.ts'
import { textWidth } from '../text-width.ts'
import { activeExtent, share, topLines } from './top-lines.ts'
import type { TopPicture } from './top-lines.ts'
import { TopMeter } from './top-meter.ts'
import { observed } from './top-suite.ts'
import type { Observed } from './top-suite.ts'
import { firstView, sectionNames } from './top-view.ts'
import type { TopView } from './top-view.ts'

const plain = new Colours(false)
const wide = { columns: 100, rows: 30 }

/** The picture one second after everything was at nothing. */
function picture(what: Observed, view: TopView = firstView): TopPicture {
  const meter = new TopMeter()
  const clients = what.clients?.map(({ id = 0 }) => ({ id }))
  const logs = what.logs?.map((log) => ({ ...log, headId: 0n }))
  meter.measure(observed(0, { ...(clients && { clients }), ...(logs && { logs }) }), 0)
  const state = meter.measure(observed(1_000, what), Date.UTC(2026, 0, 1, 12))
  return { state, view, server: 'localhost:50051', problem: undefined }
}

function sorting(sortBy: number, reversed = false): TopView {
  const { sections } = firstView
  return { ...firstView, sections: { ...sections, clients: { sortBy, reversed, scroll: 0 } } }
}

/** First words of the rows of a section. */
function rowsBelow(heading: string, lines: readonly string[]): string[] {
  const start = lines.findIndex((line) => line.includes(heading)) + 1
  const end = lines.indexOf('', start)
  return lines.slice(start, end).map((line) => line.trim().split(' ')[0] ?? '')
}

const three: Observed = {
  clients: [
    { id: 1, name: 'b', receivedFrames: 5, connectedAtMs: 3 },
    { id: 2, name: 'c', receivedFrames: 50, connectedAtMs: 1 },
    { id: 3, name: 'a', receivedFrames: 5, connectedAtMs: 2 },
  ],
  logs: [{ topic: 'sensors/hall', headId: 12n }],
  queues: [{ queue: 'jobs', depth: 3, lastSequence: 3, oldestAtMs: Date.UTC(2026, 0, 1, 11, 59) }],
}

test('head, sections and keys', () => {
  const lines = topLines(picture(three), wide, plain)
  assert.equal(lines.length, 30)
  assert.match(
    lines[0] ?? '',
    /^msgbus top {2}tenant\/default\/desk at localhost:50051 {2}0\.1\.0 /,
  )
  assert.match(lines[1] ?? '', /^in 60 frames\/s 0 B\/s {3}out 0 frames\/s/)
  assert.match(lines[2] ?? '', /^memory 1\.0 MiB {3}cpu 0 % /)
  assert.match(lines.join('\n'), /\n› CLIENTS 3 .* IN\/S▼ /)
  assert.match(lines.join('\n'), /\n {2}TOPICS 1 .*\n {2}sensors\/hall +12 +12 +100 B /)
  assert.match(lines.join('\n'), /\n {2}QUEUES 1 .*\n {2}jobs +3 +3\.0 +0 +0 +0 +1 min\n/)
  assert.match(lines.at(-1) ?? '', /^q quit /)
})

/** Names of the three clients from top to bottom. */
function order(view: TopView): string[] {
  return rowsBelow('CLIENTS', topLines(picture(three, view), wide, plain))
}

test('rows are sorted: numbers from the largest, texts from the first, names decide ties', () => {
  assert.deepEqual(order(firstView), ['c', 'a', 'b'])
  assert.deepEqual(order(sorting(1, true)), ['a', 'b', 'c'])
  assert.deepEqual(order(sorting(0)), ['a', 'b', 'c'])
  assert.deepEqual(order(sorting(0, true)), ['c', 'b', 'a'])
})

test('many rows: the heading tells which are shown, the rest is scrolled to', () => {
  const clients = Array.from({ length: 50 }, (_, i) => {
    return { id: i, name: `client-${String(i).padStart(2, '0')}`, receivedFrames: 100 - i }
  })
  const lines = topLines(picture({ clients }), wide, plain)
  assert.ok(
    lines.some((line) => line.startsWith('› CLIENTS 1-19 of 50 ')),
    lines.join('\n'),
  )
  const { sections } = firstView
  const scrolled = { ...sections.clients, scroll: 31 }
  const view = { ...firstView, sections: { ...sections, clients: scrolled } }
  assert.deepEqual(activeExtent(picture({ clients }, view), wide), {
    columns: 10,
    rows: 50,
    shown: 19,
  })
  const end = topLines(picture({ clients }, view), wide, plain)
  assert.equal(rowsBelow('CLIENTS 32-50 of 50', end).at(-1), 'client-49')
})

test('what an operator must know stands out, and names of strangers do no harm', () => {
  const bad = new Colours(true)
  const evil = picture({ clients: [{ id: 1, name: 'a\u001b[2Jb\n', congested: true }] })
  const text = topLines(evil, wide, bad).join('\n')
  assert.ok(!text.includes('\u001b[2J'))
  assert.match(text, /a\\u001b\[2Jb\\n/)
  assert.ok(text.includes(bad.bad('     0 B')), 'the queue of a client that is too slow')
  const notReady = picture({ status: { ready: false, error: 'the disk is full' } })
  assert.match(topLines(notReady, wide, plain)[3] ?? '', /^not ready: the disk is full/)
  const gone = { ...picture({}), problem: 'no answer' }
  assert.match(topLines(gone, wide, plain)[3] ?? '', /^no answer/)
  const paused = picture({}, { ...firstView, paused: true })
  assert.match(topLines(paused, wide, plain)[0] ?? '', / paused$/)
})

test('a narrow terminal loses columns from the right, a low one the other sections', () => {
  const narrow = topLines(picture(three), { columns: 44, rows: 30 }, plain).join('\n')
  assert.match(narrow, /› CLIENTS 3 +IN\/S▼ +OUT\/S$/m)
  const low = topLines(picture(three), { columns: 80, rows: 10 }, plain).join('\n')
  assert.match(low, /CLIENTS/)
  assert.doesNotMatch(low, /TOPICS/)
})

test('every line fits the terminal, whatever its size and whatever there is', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 })
  const what = fc.record({
    clients: fc.array(
      fc.record({ id: fc.nat(), name: text, receivedFrames: fc.nat(), source: text }),
    ),
    logs: fc.array(fc.record({ topic: text, headId: fc.bigInt({ min: 0n, max: 2n ** 53n }) })),
    queues: fc.array(fc.record({ queue: text, depth: fc.nat() })),
  })
  const size = fc.record({
    columns: fc.integer({ min: 20, max: 200 }),
    rows: fc.integer({ min: 1, max: 60 }),
  })
  fc.assert(
    fc.property(what, size, fc.constantFrom(...sectionNames), (each, terminal, active) => {
      const lines = topLines(picture(each, { ...firstView, active }), terminal, new Colours(true))
      assert.ok(lines.length <= terminal.rows)
      for (const line of lines) {
        assert.ok(textWidth(stripVTControlCharacters(line)) <= terminal.columns, line)
      }
    }),
  )
})

test('room is shared fairly, what is left over goes to the favourite', () => {
  assert.deepEqual(share(9, [10, 10, 10], 1), [3, 3, 3])
  assert.deepEqual(share(10, [10, 10, 10], 1), [3, 4, 3])
  assert.deepEqual(share(10, [1, 10, 2], 0), [1, 7, 2])
  assert.deepEqual(share(10, [1, 1, 1], 0), [1, 1, 1])
  assert.deepEqual(share(0, [4, 4], 0), [0, 0])
})
