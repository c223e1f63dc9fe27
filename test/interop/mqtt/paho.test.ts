// Proves that Paho's client for Python works against the real daemon, in both versions.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pahoClient, run, startMqtt } from './programs.ts'

const steps = ['qos', 'order', 'retained', 'session', 'will', 'shared']

for (const [version, expected] of [
  ['4', steps],
  ['5', [...steps, 'properties']],
] as const) {
  test(`Paho in Python, version ${version}`, { timeout: 180_000 }, async (t) => {
    const client = pahoClient()
    if ('missing' in client) {
      t.skip(client.missing)
      return
    }
    const port = await startMqtt(t)
    const program = run(t, client.command, [...client.args, port, version])
    assert.equal(await program.ended, 0, program.stderr())
    assert.equal(program.stdout(), expected.map((step) => `ok ${step}\n`).join(''))
  })
}
