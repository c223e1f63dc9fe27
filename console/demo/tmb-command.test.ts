import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCommand, withoutSecrets } from './tmb-command.ts'

test('what gets no answer is no command', () => {
  for (const line of ['', ' \t', ':', ':a b', ':subscribe 1 r .'])
    assert.equal(parseCommand(line), undefined)
})

test('commands as the server reads them', () => {
  const subscription = { id: '1', kind: 'regexp', pattern: '.' }
  const cases: [string, { word: string; id?: string; subscription?: object }][] = [
    ['s 1 r .', { word: 'subscribe', id: '1', subscription }],
    ['\tSUB  1\tReg \t. ', { word: 'subscribe', id: '1', subscription }],
    ['w 1 r .', { word: 'watch', id: '1', subscription }],
    [
      's x r a  b ',
      { word: 'subscribe', id: 'x', subscription: { id: 'x', kind: 'regexp', pattern: 'a  b' } },
    ],
    ['s 1 z a', { word: 'subscribe', id: '1' }],
    ['s 1 r ', { word: 'subscribe', id: '1' }],
    ['s', { word: 'subscribe' }],
    ['u 1', { word: 'unsubscribe', id: '1' }],
    ['u *', { word: 'unsubscribe', id: '*' }],
    [' :a b', { word: '-' }],
    ['subscribes 1 r .', { word: '-' }],
    ['x', { word: '-' }],
    ['last r .', { word: 'last' }],
  ]
  for (const [line, { word, id = '', subscription: expected }] of cases)
    assert.deepEqual(parseCommand(line), { word, id, subscription: expected, line })
})

test('secrets are not shown', () => {
  assert.equal(withoutSecrets('auth token s3cret'), 'auth token …')
  assert.equal(withoutSecrets(' A  plain me pass word'), 'A plain …')
  assert.equal(withoutSecrets('auth s3cret'), 'auth …')
  for (const line of ['auth', ':auth token x', 's 1 r auth'])
    assert.equal(withoutSecrets(line), line)
})
