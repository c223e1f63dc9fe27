// A TMB session: no line that a client sends may throw, be answered with anything but lines, leave anything behind, or
// hold up the others. `MSGBUS_FUZZ_RUNS=1000000 npm test -- fuzz` runs a million lines, and as many messages.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { tmbLimits } from '../../src/wire/tmb/limits.ts'
import { fuzz, longestMs } from './fuzz-runs.ts'
import type { Random } from './random.ts'
import { line, pieces, webSocketMessage } from './tmb-inputs.ts'
import { maxLineBytes, openScene, Peer } from './tmb-scene.ts'

const reply = /^(ok|error|item|info) /

/** Whole lines, of which each is a message or a reply. */
function assertWellFormed(output: string): void {
  if (output === '') return
  assert.ok(output.endsWith('\n'), 'whole lines')
  for (const one of output.slice(0, -1).split('\n')) {
    if (one.startsWith(':')) assert.ok(one.length <= maxLineBytes)
    else {
      assert.match(one, reply)
      assert.ok(one.length < tmbLimits.replyBytes, `a reply has ${one.length} bytes`)
    }
  }
}

async function fuzzSession(
  t: TestContext,
  make: (random: Random) => Buffer,
  isMessage: boolean,
): Promise<void> {
  const scene = await openScene()
  const listener = new Peer(scene)
  listener.give([Buffer.from('s all r .\no replies off\n')], false)
  let peer = new Peer(scene)
  return fuzz(t, {
    runs: 20_000,
    make,
    check: (input, random) => {
      const cut = () => pieces(random, input)
      let { output, longestMs: tookMs } = peer.give(cut(), isMessage)
      assertWellFormed(output)
      assertWellFormed(listener.give([], false).output)
      // A machine that is busy with other things is not slow every time.
      for (let tries = 0; tookMs > longestMs; tries += 1) {
        assert.ok(tries < 4, `the others wait for ${tookMs} ms`)
        const again = new Peer(scene)
        tookMs = again.give(cut(), isMessage).longestMs
        again.session.connectionClosed()
      }
      if (peer.isEnded) peer = new Peer(scene)
      assert.equal(scene.bus.clients().length, 2)
      assert.ok(scene.share.regexps.size <= 1 + 30)
      assert.equal(scene.share.budget.behind, 0)
    },
    show: (input) => input.toString('latin1').slice(0, 2_000),
  })
}

test('whatever line a client sends', { timeout: 900_000 }, (t) => fuzzSession(t, line, false))

test('whatever message comes by a WebSocket', { timeout: 900_000 }, (t) =>
  fuzzSession(t, webSocketMessage, true),
)
