/**
 * Cleaning up after a test in reverse order: what was made last goes first, so that a daemon is
 * gone before its folder is. node:test runs hooks in the order in which they were registered.
 */

type Step = () => unknown

/** What starts things and ends them: a test, or a program that runs outside of tests. */
export interface Scope {
  after(step: Step): void
  diagnostic(text: string): void
  /** False once something in it failed. In Node since 20.11. */
  readonly passed?: boolean
}

const steps = new WeakMap<Scope, Step[]>()

/** Runs `step` after the test; every step runs, also when one fails. */
export function cleanUp(t: Scope, step: Step): void {
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
