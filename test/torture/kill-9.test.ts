// A few kills per engine in the everyday suite; `npm run torture` does more. The seed is new each time
// and printed; MSGBUS_TORTURE_SEED gives one back.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFullSize } from '../full-size.ts'
import { torture } from './torture.ts'

const rounds = isFullSize ? 10 : 4
const given = process.env['MSGBUS_TORTURE_SEED']
const seed = given === undefined ? Date.now() % 1_000_000_000 : Number(given)

for (const storage of ['lmdb', 'sqlite']) {
  test(`${storage}: ${rounds} times kill -9 under 32 publishers: nothing acknowledged is lost`, async (t) => {
    t.diagnostic(`MSGBUS_TORTURE_SEED=${seed}`)
    const { acknowledged, unanswered } = await torture(t, { storage, rounds, seed })
    assert.ok(acknowledged > 0)
    t.diagnostic(`${acknowledged} acknowledged, ${unanswered} stored before their answer`)
  })
}
