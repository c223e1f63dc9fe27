import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TmbMessage } from '../../../client/tmb/index.ts'
import { Colours } from '../../colours.ts'
import { demoLines } from './demo-lines.ts'
import { firstState, onMessage, withLamp } from './demo-state.ts'
import type { DemoState } from './demo-state.ts'
import { figureLines } from './figure-lines.ts'

const plain = new Colours(false)

function scene(...lines: string[]): DemoState {
  const first = withLamp({ ...firstState, connection: 'connected to 127.0.0.1:4711' }, '2', 'on')
  return lines.reduce((state, line) => onMessage(state, new TmbMessage(Buffer.from(line))), first)
}

function draw(shape: 'circle' | 'square' | 'triangle' | undefined, colour?: string): string[] {
  return figureLines({ shape, colour }, 16, 5).map((line) => line.trimEnd())
}

test('figures of characters', () => {
  assert.deepEqual(draw('circle', 'red'), [
    '     RRRRRR',
    '   RRRRRRRRRR',
    '   RRRRRRRRRR',
    '   RRRRRRRRRR',
    '     RRRRRR',
  ])
  assert.deepEqual(draw('square', '#666')[2], '   ##########')
  assert.deepEqual(draw('triangle'), [
    '       ??',
    '      ????',
    '     ??????',
    '    ????????',
    '   ??????????',
  ])
  assert.deepEqual(draw(undefined, 'red'), [
    '   - - - - -',
    '',
    '   |unknown |',
    '',
    '   - - - - -',
  ])
})

test('the whole screen, without colours', () => {
  const lines = demoLines(
    scene(':/upper/shape circle', ':/upper/colour red', ':/lower/colour #666'),
    { columns: 80, rows: 24 },
    plain,
  ).map((line) => line.trimEnd())
  assert.equal(lines[0], 'TMB demo  connected to 127.0.0.1:4711')
  assert.match(lines[2] ?? '', /^ +> upper < +lower$/)
  assert.match(lines[5] ?? '', /^ +RRRRRRRRRRR +\|unknown \|$/)
  assert.match(lines[8] ?? '', /^ +circle, red +shape unknown, #666$/)
  assert.deepEqual(lines.slice(15, 20), [
    '[ ] 1  subscribe 1 regexp .               0 received',
    '[x] 2  subscribe 2 begins-with /upper     2 received',
    '[ ] 3  subscribe 3 ends-with shape        0 received',
    '[ ] 4  subscribe 4 contains colour        0 received',
    '[ ] 5  subscribe 5 is /upper/shape        0 received',
  ])
  assert.deepEqual(lines.slice(-2), ['< :/upper/colour red', '< :/lower/colour #666'])
})

test('every size of a terminal: no line too wide, none too many, keys before the log', () => {
  const state = scene(':/upper/shape circle', `:/lower/shape ${'x'.repeat(300)}`)
  for (let columns = 4; columns < 130; columns += 3) {
    for (let rows = 1; rows < 60; rows++) {
      const lines = demoLines(state, { columns, rows }, plain)
      assert.ok(lines.length <= rows, `${lines.length} lines of ${rows}`)
      for (const line of lines) assert.ok(line.length <= columns, `${columns} columns: ${line}`)
    }
  }
  const small = demoLines(state, { columns: 60, rows: 10 }, plain)
  assert.ok(small.some((line) => line.includes('q quit')))
})

test('colours only add to the words', () => {
  const state = scene(':/upper/shape circle', ':/upper/colour red', ':/lower/colour #102030')
  const size = { columns: 80, rows: 30 }
  const coloured = demoLines(state, size, new Colours(true)).join('\n')
  assert.ok(coloured.includes('\u001b[31m'))
  assert.ok(coloured.includes('\u001b[38;2;16;32;48m'))
  // eslint-disable-next-line no-control-regex
  assert.equal(coloured.replace(/\u001b\[[\d;]*m/g, ''), demoLines(state, size, plain).join('\n'))
})
