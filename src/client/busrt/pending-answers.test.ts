import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusError } from '../../model/errors.ts'
import { PendingAnswers } from './pending-answers.ts'
import type { PendingAnswer } from './pending-answers.ts'

/** Time that stands still until it is moved; counts the timers that were asked for. */
function manualTiming() {
  let now = 0
  const timers = new Set<{ readonly at: number; readonly task: () => void }>()
  const timing = {
    asked: 0,
    monotonic: () => now,
    random: () => 0,
    after(delayMs: number, task: () => void) {
      const timer = { at: now + delayMs, task }
      timing.asked += 1
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    pass(ms: number) {
      const until = now + ms
      for (;;) {
        const due = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
        if (due === undefined) break
        timers.delete(due)
        now = Math.max(now, due.at)
        due.task()
      }
      now = until
    },
    pending: () => timers.size,
  }
  return timing
}

interface Answer extends PendingAnswer {
  readonly failures: string[]
}

function answer(deadlineMs: number): Answer {
  const failures: string[] = []
  return {
    deadlineMs,
    failures,
    fail: (error) => failures.push(error.code),
    late: () => new BusError('deadline_exceeded', 'timed_out', 'late'),
  }
}

const gone = new BusError('unavailable', 'connection_lost', 'gone')

test('each answer fails at its own deadline, and only while it waits', () => {
  const timing = manualTiming()
  const table = new PendingAnswers<Answer>(timing, 100)
  const [first, second, third, never] = [answer(50), answer(20), answer(100), answer(Infinity)]
  for (const [i, entry] of [first, second, third, never].entries()) table.add(i + 1, entry)
  timing.pass(30)
  assert.deepEqual([first.failures, second.failures], [[], ['deadline_exceeded']])
  assert.equal(table.take(1), first)
  timing.pass(1_000)
  assert.deepEqual([first.failures, third.failures], [[], ['deadline_exceeded']])
  assert.equal(table.size, 1)
  table.failAll(gone)
  assert.deepEqual(never.failures, ['unavailable'])
  assert.equal(table.take(4), undefined)
  assert.equal(timing.pending(), 0)
})

test('many deadlines close together are few timers', () => {
  const timing = manualTiming()
  const table = new PendingAnswers<Answer>(timing, 10_000)
  const answers = Array.from({ length: 1_000 }, (_, i) => answer(100 + i / 10))
  answers.forEach((entry, i) => table.add(i + 1, entry))
  timing.pass(300)
  assert.equal(table.size, 0)
  for (const { failures } of answers) assert.deepEqual(failures, ['deadline_exceeded'])
  assert.ok(timing.asked <= 12, `${timing.asked} timers`)
})

test('numbers begin again at 1, and pass over those in use', () => {
  const table = new PendingAnswers<Answer>(manualTiming(), 4)
  assert.deepEqual(
    Array.from({ length: 5 }, () => table.nextId()),
    [1, 2, 3, 4, 1],
  )
  table.add(2, answer(1))
  table.add(3, answer(1))
  assert.equal(table.nextId(), 4)
  assert.equal(table.nextId(), 1)
  assert.equal(table.nextId(), 4)
})
