// Proves that Autobahn|Python works against the real daemon, over WebSocket and RawSocket, in every serializer.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDaemon } from '../../e2e/daemon-process.ts'
import { run } from '../mqtt/programs.ts'
import { autobahnPython } from './clients.ts'

const steps = ['events', 'patterns', 'calls', 'errors', 'progress', 'meta']

test('Autobahn in Python', { timeout: 240_000 }, async (t) => {
  const client = autobahnPython()
  if ('missing' in client) {
    t.skip(client.missing)
    return
  }
  const listen = ['--wamp', '127.0.0.1:0', '--http', '127.0.0.1:0']
  const daemon = await startDaemon(t, { args: ['--storage', 'memory', ...listen] })
  const of = (name: string) =>
    daemon.info.listeners.find(({ protocol }) => protocol === name)?.address ?? ''
  for (const url of [`ws://${of('http')}/wamp`, `rs://${of('wamp')}`]) {
    for (const serializer of ['json', 'msgpack', 'cbor']) {
      await t.test(`${url.slice(0, 2)}, ${serializer}`, async () => {
        const program = run(t, client.command, [...client.args, url, serializer])
        assert.equal(await program.ended, 0, program.stderr())
        // It says more than was asked for.
        const told = program.stdout().match(/^(?:ok|failed) .*$/gm)
        const expected = steps.map((step) => `ok ${step}`)
        assert.deepEqual(told, expected, program.stderr())
      })
    }
  }
})
