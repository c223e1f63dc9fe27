/**
 * Cleaning up after a test in reverse order: what was made last goes first, so that a daemon is
 * gone before its folder is. node:test runs hooks in the order in which they were registered.
 */

import type { TestContext } from 'node:test'

type Step = () => unknown

const steps = new WeakMap<TestContext, Step[]>()

/** Runs `step` after the test; every step runs, also when one fails. */
export function cleanUp(t: TestContext, step: Step): void {
  const known = steps.get(t)
  if (known !== undefined) {
    known.push(step)
    return
  }
  const own = [step]
  steps.set(t, own)
  t.after(async () => {
    const failures: unknown[] = []
    for (const next of own.toReversed()) {
      try {
        await next()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'cleaning up failed')
  })
}
