// Command pipes of msgbusd as users meet them: from one start to the next, and what keeps it from starting.
// What commands do stands in the conformance cases of BUS/RT.

import assert from 'node:assert/strict'
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { messageFrom } from '../conformance/busrt/bytes.ts'
import { RawClient } from '../conformance/busrt/raw-client.ts'
import { cleanUp } from './clean-up.ts'
import { runMsgbusd, startDaemon, temporaryFolder } from './daemon-process.ts'

const skip = process.platform === 'win32' && 'this system has no named pipes'

interface Place {
  readonly data: string
  readonly socket: string
  readonly fifo: string
  readonly args: readonly string[]
}

/** A configuration with a pipe in the data folder. */
function placeFor(t: TestContext): Place {
  const data = temporaryFolder(t)
  const config = join(data, 'msgbus.yaml')
  writeFileSync(config, JSON.stringify({ protocols: { busrt: { fifos: ['<data>/commands'] } } }))
  const args = ['--config', config, '--storage', 'memory', '--listen', 'off']
  return { data, socket: join(data, 'busrt.sock'), fifo: join(data, 'commands'), args }
}

test('a daemon that was killed leaves a pipe, which the next one uses', { skip }, async (t) => {
  const { data, args, fifo, socket } = placeFor(t)
  const killed = await startDaemon(t, { data, args })
  killed.kill('SIGKILL')
  await killed.exited
  assert.ok(lstatSync(fifo).isFIFO())
  const daemon = await startDaemon(t, { data, args })
  const client = await (await RawClient.connect({ path: socket }, 'tgt')).register()
  cleanUp(t, () => client.socket.destroy())
  const pipe = await open(fifo, 'w')
  await pipe.write('tgt hello\n')
  await pipe.close()
  await client.gets(messageFrom('.broker', 'hello'))
  const { code } = await daemon.stop()
  assert.equal(code, 0)
  assert.equal(existsSync(fifo), false)
})

test('where a file is that is no pipe, the daemon does not start', { skip }, async (t) => {
  const { data, args, fifo } = placeFor(t)
  writeFileSync(fifo, 'precious')
  const { code, stderr } = await runMsgbusd(t, [...args, '--http', 'off', '--data', data])
  assert.equal(code, 1)
  assert.match(stderr, /busrt\.fifos: cannot take commands from .*commands: a file that is not a/)
  assert.equal(readFileSync(fifo, 'utf8'), 'precious')
})

test('pipes without BUS/RT, and twice the same, are faults', { skip }, async (t) => {
  const { args, data } = placeFor(t)
  const off = await runMsgbusd(t, [...args, '--busrt', 'off'])
  assert.equal(off.code, 2)
  assert.match(off.stderr, /protocols\.busrt\.fifos: need BUS\/RT to listen/)
  const config = join(data, 'twice.yaml')
  writeFileSync(config, JSON.stringify({ protocols: { busrt: { fifos: ['/a', '/a'] } } }))
  const twice = await runMsgbusd(t, ['config', 'check', config])
  assert.equal(twice.code, 2)
  assert.match(twice.stderr + twice.stdout, /protocols\.busrt\.fifos: \/a is named twice/)
})
