import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ShellCompletion } from './shell-completion.ts'

function learned(): ShellCompletion {
  const completion = new ShellCompletion()
  for (const line of [
    ':/upper/shape square',
    ':/lower/shape circle',
    'item categories /upper/colour',
    'item mine 1 is /mine',
    'ok last 0',
  ]) {
    completion.learn(Buffer.from(line))
  }
  completion.learn(Uint8Array.of(0x3a, 0xff))
  for (const line of ['s 1 r .', 'watch pump is /x', 'subscribe', 'last r .', 'u *']) {
    completion.learnTyped(line)
  }
  return completion
}

const cases: [line: string, candidates: string[], replaced: string][] = [
  ['su', ['subscribe '], 'su'],
  ['  su', ['subscribe '], 'su'],
  ['zz', [], 'zz'],
  ['SU', [], 'SU'],
  [':/u', [':/upper/colour', ':/upper/shape'], ':/u'],
  [':/upper/s', [':/upper/shape '], ':/upper/s'],
  [':/upper/shape x', [], 'x'],
  ['s ', ['1', 'pump'], ''],
  ['s 1 r', ['regexp '], 'r'],
  ['sub 1 ', ['begins-with', 'contains', 'ends-with', 'is', 'regexp'], ''],
  ['subscribe 1 is /l', ['/lower/shape '], '/l'],
  ['w 1 b /upper/', ['/upper/colour', '/upper/shape'], '/upper/'],
  ['s 1 is /upper/shape ', [], ''],
  ['u ', ['*', '1', 'pump'], ''],
  ['last e', ['ends-with '], 'e'],
  ['c begins-with /lo', ['/lower/shape '], '/lo'],
  ['o ', ['binary', 'echo', 'remote', 'replies'], ''],
  ['option echo o', ['off', 'on'], 'o'],
  ['option nothing ', [], ''],
  ['option echo on ', [], ''],
  ['h unsub', ['unsubscribe '], 'unsub'],
  ['mine ', [], ''],
]

for (const [line, candidates, replaced] of cases) {
  test(`Tab behind ${JSON.stringify(line)}`, () => {
    assert.deepEqual(learned().complete(line), [candidates, replaced])
  })
}

test('of all names the last thousand are known', () => {
  const completion = new ShellCompletion()
  completion.learn(Buffer.from(':again x'))
  completion.learn(Buffer.from(':first x'))
  completion.learn(Buffer.from(':again x'))
  for (let i = 0; i < 999; i++) completion.learn(Buffer.from(`:n${i} x`))
  assert.deepEqual(completion.complete(':first'), [[], ':first'])
  assert.deepEqual(completion.complete(':again'), [[':again '], ':again'])
})
