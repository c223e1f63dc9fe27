import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TmbMessage } from '../../../client/tmb/index.ts'
import { colourCode } from './demo-colours.ts'
import { allMessages, firstState, onKey, onMessage, withLamp, withLog } from './demo-state.ts'
import type { DemoAction, DemoState } from './demo-state.ts'

function message(line: string): TmbMessage {
  return new TmbMessage(Buffer.from(line))
}

function after(state: DemoState, ...lines: string[]): DemoState {
  return lines.reduce((each, line) => onMessage(each, message(line)), state)
}

function pressed(state: DemoState, ...names: string[]): readonly [DemoState, DemoAction] {
  return names.reduce<readonly [DemoState, DemoAction]>(
    ([each], name) => onKey(each, { name }),
    [state, { do: 'none' }],
  )
}

test('keys send about the selected figure and change none', () => {
  const cases: [keys: string[], action: DemoAction][] = [
    [['c'], { do: 'send', category: '/upper/shape', text: 'circle' }],
    [['s'], { do: 'send', category: '/upper/shape', text: 'square' }],
    [['tab', 't'], { do: 'send', category: '/lower/shape', text: 'triangle' }],
    [['down', 'r'], { do: 'send', category: '/lower/colour', text: 'red' }],
    [['down', 'up', 'g'], { do: 'send', category: '/upper/colour', text: 'green' }],
    [['tab', 'tab', 'b'], { do: 'send', category: '/upper/colour', text: 'blue' }],
    [['5'], { do: 'toggle', row: 4 }],
    [['6'], { do: 'none' }],
    [['a'], { do: 'sendAll' }],
    [['l'], { do: 'getLast' }],
    [['q'], { do: 'quit' }],
    [['f1'], { do: 'none' }],
    [['return'], { do: 'none' }],
  ]
  for (const [keys, action] of cases) {
    const [state, asked] = pressed(firstState, ...keys)
    assert.deepEqual(asked, action, keys.join(' '))
    assert.equal(state.figures, firstState.figures)
  }
  assert.deepEqual(onKey(firstState, { name: 'c', ctrl: true })[1], { do: 'quit' })
  assert.deepEqual(onKey(firstState, {})[1], { do: 'none' })
  assert.equal(pressed(firstState, 'w')[0].watches, true)
})

test('figures follow the four categories, shape and colour apart', () => {
  const unknown = { shape: undefined, colour: undefined }
  const state = after(firstState, ':/upper/colour #666')
  assert.deepEqual(state.figures, { upper: { ...unknown, colour: '#666' }, lower: unknown })
  const more = after(
    state,
    ':/upper/shape  Circle ',
    ':/lower/shape triangle',
    ':/upper/colour RED',
  )
  assert.deepEqual(more.figures, {
    upper: { shape: 'circle', colour: 'red' },
    lower: { shape: 'triangle', colour: undefined },
  })
  const others = [
    ':/upper/shapes square',
    ':/Upper/shape square',
    ':upper/shape square',
    ':/x',
    '::',
  ]
  assert.equal(after(more, ...others).figures, more.figures)
})

test('what is not understood is said and ignored', () => {
  for (const line of [
    ':/upper/shape hexagon',
    ':/upper/shape',
    ':/lower/colour url(x)',
    ':/upper/colour #12',
  ]) {
    const state = after(firstState, line)
    assert.deepEqual(state.figures, firstState.figures)
    assert.deepEqual(
      state.log.map(({ direction, text }) => `${direction} ${text}`),
      [`< ${line}`, '! not understood'],
    )
  }
})

test('rows count what they match while they are on; answers to last are no deliveries', () => {
  let state = firstState
  for (const id of ['1', '2', '3', '4', '5']) state = withLamp(state, id, 'on')
  state = withLamp(state, '4', 'asked')
  state = after(state, ':/upper/shape x', ':/upper/colour x', ':/lower/shape x', ':/z')
  state = onMessage(state, message(':/upper/shape x'), true)
  assert.deepEqual(
    state.rows.map(({ received }) => received),
    [4, 2, 2, 0, 1],
  )
  assert.deepEqual(withLamp(state, '1', 'off').rows[0]?.received, 4)
  assert.deepEqual(withLamp(state, '1', 'on').rows[0]?.received, 0)
})

test('send all says what is known', () => {
  assert.deepEqual(allMessages(firstState), [])
  const state = after(
    firstState,
    ':/upper/shape circle',
    ':/lower/colour blue',
    ':/lower/shape square',
  )
  assert.deepEqual(allMessages(state), [
    ['/upper/shape', 'circle'],
    ['/lower/shape', 'square'],
    ['/lower/colour', 'blue'],
  ])
})

test('the log is bounded and shows no control characters', () => {
  let state = after(firstState, ':/a \u001b[2J')
  assert.equal(state.log[0]?.text, ':/a \\x1B[2J')
  for (let i = 0; i < 150; i++) state = withLog(state, '>', String(i))
  assert.deepEqual([state.log.length, state.log[0]?.text], [100, '50'])
})

test('colours by name and by number', () => {
  assert.deepEqual(
    ['red', 'yellow', '#666', '#a1b2c3', '#12', 'rgb(1,2,3)', '', '__proto__'].map(colourCode),
    ['31', '38;2;255;255;0', '38;2;102;102;102', '38;2;161;178;195', ...Array(4).fill(undefined)],
  )
})
