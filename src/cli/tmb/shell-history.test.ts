import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { ShellHistory, historyFile, historySize } from './shell-history.ts'

function stateFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'msgbus-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return historyFile({ XDG_STATE_HOME: folder })
}

function never(text: string): void {
  assert.fail(text)
}

test('lines of one session are there in the next, newest first, and are nobody else’s', async (t) => {
  const file = stateFile(t)
  const first = new ShellHistory(file, never)
  assert.deepEqual(await first.read(), [])
  for (const line of ['s 1 r .', ':/a ü', 'q']) first.add(line)
  await first.finish()
  assert.equal(statSync(file).mode & 0o777, 0o600)
  // Two sessions side by side.
  const [second, third] = [new ShellHistory(file, never), new ShellHistory(file, never)]
  assert.deepEqual(await second.read(), ['q', ':/a ü', 's 1 r .'])
  await third.read()
  second.add('second')
  third.add('third')
  await Promise.all([second.finish(), third.finish()])
  const lines = await new ShellHistory(file, never).read()
  assert.deepEqual(lines.slice(0, 2).toSorted(), ['second', 'third'])
  assert.equal(lines.length, 5)
})

test('secrets and very long lines are not kept', async (t) => {
  const file = stateFile(t)
  const history = new ShellHistory(file, never)
  for (const line of [
    'a token x',
    '  AUTH plain me pw',
    'aut token x',
    `:/a ${'x'.repeat(5_000)}`,
  ]) {
    history.add(line)
  }
  history.add(':/a auth')
  await history.finish()
  assert.equal(readFileSync(file, 'utf8'), ':/a auth\n')
})

test('the file does not grow for ever', async (t) => {
  const file = stateFile(t)
  mkdirSync(dirname(file), { recursive: true })
  const lines = Array.from({ length: historySize * 2 + 1 }, (_, i) => `line ${i}`)
  writeFileSync(file, `${lines.join('\n')}\n`)
  const history = new ShellHistory(file, never)
  const kept = await history.read()
  assert.deepEqual([kept.length, kept[0]], [historySize, lines.at(-1)])
  history.add('one more')
  await history.finish()
  const left = readFileSync(file, 'utf8').trimEnd().split('\n')
  assert.deepEqual([left.length, left[0], left.at(-1)], [1_001, 'line 1001', 'one more'])
})

test('a history that cannot be kept is told once', async (t) => {
  const file = stateFile(t)
  mkdirSync(file, { recursive: true })
  const problems: string[] = []
  const history = new ShellHistory(file, (text) => problems.push(text))
  assert.deepEqual(await history.read(), [])
  history.add('a')
  history.add('b')
  await history.finish()
  assert.equal(problems.length, 1)
  assert.match(problems[0] ?? '', /^the history is not kept: EISDIR/)
})
