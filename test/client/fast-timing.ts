/** Time for clients under test: no waiting between attempts, and a record of what was asked for. */

import type { Timing } from '../../src/client/timing.ts'

export function fastTiming(): Timing & { readonly delaysMs: readonly number[] } {
  const delaysMs: number[] = []
  return {
    delaysMs,
    monotonic: () => performance.now(),
    random: () => 0.5,
    after(delayMs, task) {
      delaysMs.push(delayMs)
      const immediate = setImmediate(task)
      return { cancel: () => clearImmediate(immediate) }
    },
  }
}
