/**
 * Runs seeds in a thread of its own: the test runner watches every promise of its thread, which would cost
 * as much as the simulation does.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { simulate } from './simulation.ts'

export interface Work {
  readonly first: number
  readonly seeds: number
}

/** About all seeds together, or the first that failed. */
export interface Outcome {
  simulatedMs: number
  messages: number
  cutOff: number
  failed?: { readonly seed: number; readonly text: string }
}

const { first, seeds } = workerData as Work
const outcome: Outcome = { simulatedMs: 0, messages: 0, cutOff: 0 }
for (let i = 0; i < seeds && outcome.failed === undefined; i += 1) {
  const seed = (first + i) % 0x1_0000_0000
  try {
    const result = await simulate(seed)
    outcome.simulatedMs += result.simulatedMs
    outcome.messages += result.messages
    outcome.cutOff += result.cutOff
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    outcome.failed = { seed, text }
  }
}
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port, not a window
parentPort?.postMessage(outcome)
