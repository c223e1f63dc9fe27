// Proves that any number of nodes converge byte for byte, whatever happens to their links and to them:
// seeded runs of 3 to 7 nodes with memory stores. `MSGBUS_SIM_SEEDS` says how many seeds (200), and
// `MSGBUS_SIM_SEED` runs one and prints what happened in it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import process from 'node:process'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { simulate } from './simulation.ts'
import type { Outcome, Work } from './simulation-worker.ts'

const only = process.env['MSGBUS_SIM_SEED']
const count = Number(process.env['MSGBUS_SIM_SEEDS'] ?? 200)

async function run(work: Work): Promise<Outcome> {
  const worker = new Worker(new URL('simulation-worker.js', import.meta.url), { workerData: work })
  const [outcome] = (await once(worker, 'message')) as [Outcome]
  return outcome
}

test(
  'nodes converge after cuts, loss, resets and crashes',
  { skip: only !== undefined },
  async (t) => {
    const first = Date.now() % 0x1_0000_0000
    t.diagnostic(`${count} seeds from ${first}`)
    const startedAt = performance.now()
    const half = Math.ceil(count / 2)
    const outcomes = await Promise.all([
      run({ first, seeds: half }),
      run({ first: first + half, seeds: count - half }),
    ])
    for (const { failed } of outcomes) {
      if (failed !== undefined) {
        assert.fail(`seed ${failed.seed} (MSGBUS_SIM_SEED=${failed.seed}): ${failed.text}`)
      }
    }
    const sum = (key: 'simulatedMs' | 'messages' | 'cutOff') =>
      outcomes.reduce((total, outcome) => total + outcome[key], 0)
    const tookMs = performance.now() - startedAt
    t.diagnostic(
      `${Math.round(sum('simulatedMs') / 1000)} s simulated in ${Math.round(tookMs)} ms, ` +
        `${sum('messages')} network messages, ${sum('cutOff')} times a liar was cut off`,
    )
  },
)

const nobodyAsked = only === undefined && 'MSGBUS_SIM_SEED asks for one'

test('the run that was asked for', { skip: nobodyAsked }, async (t) => {
  const { trace } = await simulate(Number(only))
  t.diagnostic(trace.join('\n'))
})

test('a seed gives the same run again', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const [one, two] = [await simulate(seed), await simulate(seed)]
    assert.ok(one.trace.length > 10)
    assert.deepEqual(one.trace, two.trace)
  }
})
