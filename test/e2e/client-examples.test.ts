/** The programs under examples/ do what they say, against a real daemon. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { packageRoot } from '../package-root.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'

const examples = join(dirname(fileURLToPath(import.meta.url)), '../../examples')

async function run(name: string, ...args: string[]): Promise<string> {
  const program = join(examples, `${name}.js`)
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args])
  return stdout
}

/** Three lines of the durable subscriber, from this head id on. */
function batchLines(from: number): string {
  return [0, 1, 2].map((i) => `examples/batch ${from + i} message ${from + i - 1}\n`).join('')
}

test('examples', async (t) => {
  const folder = temporaryFolder(t)
  const busrt = join(folder, 'bus.sock')
  const args = ['--storage', 'memory', '--busrt', `unix:${busrt}`, '--tmb', '127.0.0.1:0']
  const { address, info } = await startDaemon(t, { args })
  const seen = new Set<string>()
  const example = (name: string, work: (name: string) => Promise<void>) => {
    seen.add(`${name}.ts`)
    return t.test(name, () => work(name))
  }

  await example('publish', async (name) => {
    assert.equal(
      await run(name, address),
      'text is stored at head 1\nhead 1: 21.5 \nhead 2: 22 °C\n',
    )
  })

  await example('batching-publisher', async (name) => {
    assert.match(await run(name, address), /^50000 stored, \d+ per second\n$/)
  })

  await example('durable-subscriber', async (name) => {
    const file = join(folder, 'position.json')
    assert.equal(await run(name, address, file, '3'), batchLines(1))
    assert.equal(await run(name, address, file, '3'), batchLines(4))
  })

  await example('work-queue', async (name) => {
    const output = await run(name, address)
    assert.match(output, /(ann|bob) fails at job 7\n/)
    assert.match(output, /(ann|bob) fails at job 14\n/)
    assert.match(output, /20 jobs done, \d+ and \d+ each\n$/)
  })

  await example('names-and-calls', async (name) => {
    assert.equal(
      await run(name, address),
      'the kitchen answers: soup will take a moment\n' +
        'examples.kitchen says: soup is ready\n' +
        'examples.sold_out: no more dough\n',
    )
  })

  await example('replay-to-file', async (name) => {
    const file = join(folder, 'replay.txt')
    const output = await run(name, address, 'examples/batch', file)
    assert.equal(output, `50000 messages of examples/batch are in ${file}\n`)
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    assert.equal(lines.length, 50_000)
    assert.equal(lines.at(-1), '50000 message 49999')
  })

  await example('busrt-thermostat', async (name) => {
    assert.equal(
      await run(name, busrt),
      [
        '{"wanted":20,"measured":19.5,"isHeating":true}',
        '{"wanted":18,"measured":19.5,"isHeating":false}',
        '-32602 set of hall.thermostat: not a number',
        'hall.panel, hall.thermostat\n',
      ].join('\n'),
    )
  })

  await example('tmb-lamp', async (name) => {
    const tmb = info.listeners.find(({ protocol }) => protocol === 'tmb')?.address ?? ''
    assert.equal(
      await run(name, tmb),
      '/hall/lamp/state was on\n/hall/lamp/level was 70 %\n/hall/lamp/state is now off\n',
    )
  })

  await example('embedded-bus', async (name) => {
    const data = join(folder, 'embedded')
    const hello = '70.7 °F\nsensor says hello\n'
    assert.equal(await run(name, data), `stored at head 1\nsensors/hall/temp 1: 21.5 °C\n${hello}`)
    assert.equal(
      await run(name, data),
      `stored at head 2\nsensors/hall/temp 1: 21.5 °C\nsensors/hall/temp 2: 21.5 °C\n${hello}`,
    )
  })

  await example('worker-threads', async (name) => {
    const output = await run(name)
    assert.match(output, /^ann has done 0 to 10000$/m)
    assert.match(output, /^ben has done 90000 to 100000$/m)
    assert.match(output, /\n9592 primes below 100000\n$/)
  })

  await example('request-with-abort', async (name) => {
    assert.equal(await run(name, address), 'nothing came in time\n')
  })

  // It needs two daemons: control-plane.test.ts.
  seen.add('control-plane.ts')
  assert.deepEqual([...seen].sort(), readdirSync(join(packageRoot, 'examples')).sort())
})
