// The decoder of MQTT packets against random and mutated streams, however they are cut: no error but of the protocol,
// the same outcome for every cut, nothing that holds up the loop. `MSGBUS_FUZZ_RUNS=1000000 npm test -- fuzz` runs a million.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../src/protocols/mqtt/codec-suite.ts'
import { bestMs, fuzz, longestMs } from './fuzz-runs.ts'
import { cut, mutated, stream } from './mqtt-inputs.ts'

const maxPacketBytes = 2_048

for (const version of [3, 4, 5] as const) {
  test(`MQTT ${version === 5 ? '5.0' : `level ${version}`}: random and mutated streams`, async (t) => {
    await fuzz<Buffer>(t, {
      runs: 3_000,
      make: (random) => mutated(random, stream(random, version)),
      check: (input, random) => {
        const whole = decode([input], maxPacketBytes)
        assert.deepEqual(decode(cut(random, input), maxPacketBytes), whole)
        assert.ok(whole.keptBytes <= maxPacketBytes)
        const ms = bestMs(() => {
          const startedAt = performance.now()
          decode([input], maxPacketBytes)
          return performance.now() - startedAt
        })
        assert.ok(ms < longestMs, `${ms} ms`)
      },
      show: (input) => input.toString('hex'),
    })
  })
}
