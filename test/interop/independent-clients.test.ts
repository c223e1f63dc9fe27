// Proves that programs which know nothing but the contract work against the real daemon: a Go and a
// Python client, generated from the proto file by those languages' own tools.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { cleanUp } from '../e2e/clean-up.ts'
import { startDaemon } from '../e2e/daemon-process.ts'
import { goClient, pythonClient, type Toolchain } from './toolchain.ts'

const steps = [
  'health',
  'ready',
  'publish',
  'fetch',
  'heads',
  'subscribe',
  'delete',
  'fifo',
  'refusals',
]

/** A running client; `output` grows, `ended` is its exit code. */
function start(t: TestContext, client: Toolchain, args: readonly string[]) {
  if ('missing' in client) throw new Error(client.missing)
  const child = spawn(client.command, [...client.args, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  cleanUp(t, async () => {
    child.kill('SIGKILL')
    await ended
  })
  const text = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk))
  return { child, text, ended: async () => ((await ended) as [number | null])[0] }
}

for (const [language, build] of [
  ['Go', goClient],
  ['Python', pythonClient],
] as const) {
  test(`a ${language} client runs every kind of call`, async (t) => {
    const client = build()
    if ('missing' in client) {
      t.skip(client.missing)
      return
    }
    const daemon = await startDaemon(t)
    const { text, ended } = start(t, client, [daemon.address])
    assert.equal(await ended(), 0, text.stderr)
    const done = text.stdout
      .trim()
      .split('\n')
      .map((line) => line.replace('ok ', ''))
    for (const step of steps) assert.ok(done.includes(step), `${step} in ${text.stdout}`)
  })
}

test('L40: a Go client with an open subscription cannot hold the daemon', async (t) => {
  const client = goClient()
  if ('missing' in client) {
    t.skip(client.missing)
    return
  }
  const daemon = await startDaemon(t, { args: ['--storage', 'memory'] })
  const { child, text, ended } = start(t, client, [daemon.address, 'hold'])
  while (!text.stdout.includes('subscribed')) await once(child.stdout, 'data')
  assert.equal((await daemon.stop()).code, 0)
  assert.equal(await ended(), 0, text.stderr)
  assert.match(text.stdout, /^Unavailable$/m)
})
