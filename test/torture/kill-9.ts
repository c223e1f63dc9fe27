// `npm run torture -- --rounds 100 --storage lmdb`: any number of kills, for as long as one likes.
// Without --storage both engines take their turn. The seed is printed and can be given back.

import { parseArgs } from 'node:util'
import process from 'node:process'
import { ProgramScope, torture } from './torture.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    storage: { type: 'string', multiple: true, default: ['lmdb', 'sqlite'] },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    publishers: { type: 'string', default: '32' },
  },
})

const say = (line: string) => process.stdout.write(`${line}\n`)
const seed = Number(values.seed)
for (const storage of values.storage) {
  const scope = new ProgramScope()
  say(`${storage}: ${values.rounds} rounds, ${values.publishers} publishers, seed ${seed}`)
  try {
    const { acknowledged, unanswered, slowestReadyMs } = await torture(scope, {
      storage,
      rounds: Number(values.rounds),
      seed,
      publishers: Number(values.publishers),
      report: (line) => say(`${storage}: ${line}`),
    })
    say(
      `${storage}: all ${acknowledged} acknowledged messages are there, ${unanswered} more were stored before their answer; slowest start ${slowestReadyMs} ms`,
    )
  } catch (error) {
    process.exitCode = 1
    say(`${storage}: FAILED with seed ${seed}: ${String(error)}`)
  } finally {
    await scope.end()
  }
}
