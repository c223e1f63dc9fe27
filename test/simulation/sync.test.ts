// Proves that any number of nodes converge byte for byte, whatever happens to their links and to them:
// seeded runs of 3 to 7 nodes with memory stores. `MSGBUS_SIM_SEEDS` says how many seeds (200),
// `MSGBUS_SIM_SEED` runs one, and prints what happened in it.

import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { simulate } from './simulation.ts'

const only = process.env['MSGBUS_SIM_SEED']
const count = Number(process.env['MSGBUS_SIM_SEEDS'] ?? 200)

test('nodes converge after cuts, loss, resets and crashes', async (t) => {
  const first = only === undefined ? Date.now() % 0x1_0000_0000 : Number(only)
  const seeds = only === undefined ? count : 1
  t.diagnostic(`${seeds} seeds from ${first}`)
  const startedAt = performance.now()
  let simulatedMs = 0
  let messages = 0
  let cutOff = 0
  for (let i = 0; i < seeds; i += 1) {
    const seed = (first + i) % 0x1_0000_0000
    try {
      const result = await simulate(seed)
      simulatedMs += result.simulatedMs
      messages += result.messages
      cutOff += result.cutOff
      if (only !== undefined) t.diagnostic(result.trace.join('\n'))
    } catch (error) {
      const told = error instanceof Error ? error.message : String(error)
      throw new Error(`seed ${seed} (MSGBUS_SIM_SEED=${seed}): ${told}`, { cause: error })
    }
  }
  const tookMs = performance.now() - startedAt
  const times = Math.round(simulatedMs / tookMs)
  t.diagnostic(
    `${Math.round(simulatedMs / 1000)} s simulated in ${Math.round(tookMs)} ms (${times} times real time), ` +
      `${messages} network messages, ${cutOff} times a liar was cut off`,
  )
})

test('a seed gives the same run again', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const [one, two] = [await simulate(seed), await simulate(seed)]
    assert.ok(one.trace.length > 10)
    assert.deepEqual(one.trace, two.trace)
  }
})
