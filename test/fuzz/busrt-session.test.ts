// A whole session: nothing that a client sends may throw, be answered with anything but frames, leave
// anything behind, or hold up the others. `MSGBUS_FUZZ_RUNS=1000000 npm test -- fuzz` runs a million.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { introduction } from '../conformance/busrt/bytes.ts'
import { clientStream, damaged, pieces } from './busrt-inputs.ts'
import { assertWellFormed, openScene, Peer, self } from './busrt-scene.ts'
import { fuzz, longestMs } from './fuzz-runs.ts'
import type { Random } from './random.ts'

let scene = await openScene()
after(async () => scene.close())

// What is published with acknowledgement is kept; a store that holds all of it is not the point.
const runsPerScene = 5_000
let runs = 0

const introduced = (random: Random, stream: Buffer) => {
  const first = introduction(self)
  return Buffer.concat([random.once(20) ? damaged(random, first) : first, stream])
}

test('whatever a client sends', { timeout: 280_000 }, async (t) =>
  fuzz(t, {
    runs: 5_000,
    make: (random) => introduced(random, clientStream(random, self)),
    check: async (stream, random) => {
      if ((runs += 1) % runsPerScene === 0) {
        await scene.close()
        scene = await openScene()
      }
      let peer = new Peer(scene.bus)
      await peer.run(pieces(random, stream))
      assertWellFormed(peer.output)
      assert.deepEqual(
        scene.bus.clients().map(({ name }) => name),
        ['.broker'],
      )
      // A machine that is busy with other things is not slow every time.
      for (let tries = 0; peer.longestMs > longestMs; tries += 1) {
        assert.ok(tries < 4, `the others wait for ${peer.longestMs} ms`)
        peer = new Peer(scene.bus)
        await peer.run(pieces(random, stream))
      }
    },
    show: (stream) => stream.toString('hex'),
  }),
)
