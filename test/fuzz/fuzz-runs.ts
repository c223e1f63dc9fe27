/**
 * Runs a check over random inputs. `MSGBUS_FUZZ_RUNS` says how many (everyday runs take a few seconds), and
 * `MSGBUS_FUZZ_SEED` repeats a run that failed; the seed is printed.
 */

import process from 'node:process'
import type { TestContext } from 'node:test'
import { Random } from './random.ts'

/** No input may hold everybody else up for longer. */
export const longestMs = 50

export interface FuzzOptions<Input> {
  /** How many inputs without `MSGBUS_FUZZ_RUNS`. */
  readonly runs: number
  make(random: Random): Input
  /** Throws when the input shows a fault. `random` is the same for every try of one input. */
  check(input: Input, random: Random): void | Promise<void>
  /** How a failing input is shown. */
  show(input: Input): string
}

export async function fuzz<Input>(t: TestContext, options: FuzzOptions<Input>): Promise<void> {
  const runs = Number(process.env['MSGBUS_FUZZ_RUNS'] ?? options.runs)
  const seed = Number(process.env['MSGBUS_FUZZ_SEED'] ?? Date.now() % 0x1_0000_0000)
  t.diagnostic(`${runs} inputs, seed ${seed}`)
  for (let run = 0; run < runs; run += 1) {
    // Each from a seed of its own, so that one can be looked at alone.
    const own = (seed + run) % 0x1_0000_0000
    const input = options.make(new Random(own))
    try {
      const checked = options.check(input, new Random(own))
      if (checked !== undefined) await checked
    } catch (error) {
      const told = error instanceof Error ? error.message : String(error)
      const text = `input ${run} (MSGBUS_FUZZ_SEED=${own} MSGBUS_FUZZ_RUNS=1): ${told}`
      throw new Error(`${text}\n${options.show(input)}`, { cause: error })
    }
  }
}

/**
 * How long `task` takes, at best of some tries when the first was slow: a machine that is busy with other things
 * is not slow every time.
 */
export function bestMs(task: () => number): number {
  let best = task()
  for (let tries = 0; best > longestMs && tries < 4; tries += 1) best = Math.min(best, task())
  return best
}
