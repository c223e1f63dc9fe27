// Proves that the examples of docs/protocols/http.md work as they stand there, with the curl of this machine, and that
// curl follows a subscription.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageRoot } from '../package-root.ts'
import { cleanUp } from './clean-up.ts'
import { startDaemon } from './daemon-process.ts'

const skip = spawnSync('curl', ['--version']).status === 0 ? false : 'there is no curl'
const documented = '127.0.0.1:8711'

/** Each command of the shell blocks, lines that go on joined. */
function examples(): string[] {
  const page = readFileSync(join(packageRoot, 'docs/protocols/http.md'), 'utf8')
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = '']) => block)
  return blocks
    .flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
    .filter((line) => line.startsWith('curl '))
}

test('the examples of the documentation', { skip, timeout: 60_000 }, async (t) => {
  const daemon = await startDaemon(t, { args: ['--storage', 'memory', '--http', '127.0.0.1:0'] })
  const http = daemon.info.listeners.find(({ protocol }) => protocol === 'http')?.address ?? ''
  const commands = examples()
  assert.ok(commands.length >= 15, `${commands.length} examples`)
  for (const command of commands) {
    assert.ok(command.includes(documented), command)
    const isStream = command.startsWith('curl -N')
    const child = spawn(
      'sh',
      [
        '-c',
        `exec ${command.replace('curl', 'curl -sS --fail-with-body')}`.replace(documented, http),
      ],
      {
        cwd: packageRoot,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    cleanUp(t, () => child.kill())
    let output = ''
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk))
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve))
    await new Promise<void>((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk
        // A stream does not end; its first message is enough.
        if (isStream && output.includes('event: message\ndata: {')) resolve()
      })
      void closed.then(() => resolve())
    })
    if (isStream) {
      child.kill()
      assert.match(output, /"text":"21.5"/)
    } else {
      assert.equal(await closed, 0, `${command}\n${output}${errors}`)
      assert.equal(typeof JSON.parse(output), 'object')
    }
    await closed
  }
})
