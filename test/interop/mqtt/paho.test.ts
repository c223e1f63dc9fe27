// Proves that Paho's clients for Python, Go and Java work against the real daemon, in both versions.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pahoClient, pahoGoClient, pahoJavaClient, run, startMqtt } from './programs.ts'

const ofPython = ['qos', 'order', 'retained', 'session', 'will', 'shared']
const ofOthers = ['qos', 'retained', 'session', 'will']

for (const [language, client, version, expected] of [
  ['Python', pahoClient, '4', ofPython],
  ['Python', pahoClient, '5', [...ofPython, 'properties']],
  ['Go', pahoGoClient, '4', ofOthers],
  ['Go', pahoGoClient, '5', ofOthers],
  ['Java', pahoJavaClient, '4', ofOthers],
  ['Java', pahoJavaClient, '5', ofOthers],
] as const) {
  test(`Paho in ${language}, version ${version}`, { timeout: 180_000 }, async (t) => {
    const built = client()
    if ('missing' in built) {
      t.skip(built.missing)
      return
    }
    const port = await startMqtt(t)
    const program = run(t, built.command, [...built.args, port, version])
    assert.equal(await program.ended, 0, program.stderr())
    assert.equal(program.stdout(), expected.map((step) => `ok ${step}\n`).join(''))
  })
}
