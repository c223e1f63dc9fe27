/**
 * Nobody makes the BUS/RT broker twice as expensive without noticing. CPU time per message as a
 * multiple of that of a plain relay, both measured here and now, against what it was
 * (`npm run bench -- busrt --store-guard`). Only a large change fails, and only when it shows twice.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { guardStages, measureGuard, readGuard } from '../../bench/busrt/guard.ts'
import { nativePrograms } from '../../bench/busrt/native-programs.ts'

test('a message costs our BUS/RT broker what it did', async (t) => {
  const native = nativePrograms()
  if ('missing' in native) return t.skip(native.missing)
  const { ratios: stored, factor } = readGuard()
  const tooDear = async () => {
    const ratios = await measureGuard(native)
    for (const stage of guardStages) {
      const ratio = ratios[stage].toFixed(2)
      t.diagnostic(`${stage}: ${ratio} times the relay; stored is ${stored[stage]}`)
    }
    return guardStages.filter((stage) => ratios[stage] > factor * stored[stage])
  }
  const first = await tooDear()
  if (first.length === 0) return
  const second = await tooDear()
  assert.deepEqual(
    first.filter((stage) => second.includes(stage)),
    [],
    `more than ${factor} times the stored ratio`,
  )
})
