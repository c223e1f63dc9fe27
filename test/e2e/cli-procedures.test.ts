/** The command line and procedures: calling, offering and listing them, whoever else takes part. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { register } from '../conformance/wamp/callee.ts'
import { RawClient } from '../conformance/wamp/raw-client.ts'
import { cleanUp } from './clean-up.ts'
import { runMsgbus, startMsgbus } from './cli-process.ts'
import { startDaemon } from './daemon-process.ts'

test('msgbus call, register and procedures', { timeout: 60_000 }, async (t) => {
  const args = ['--storage', 'memory', '--wamp', '127.0.0.1:0']
  const daemon = await startDaemon(t, { args })
  const env = { MSGBUS_SERVER: daemon.address }
  const run = (...line: string[]) => runMsgbus(line, { env })
  const server = startMsgbus(['register', 'cli.answer', '--exec', 'tr a-z A-Z'], { env })
  cleanUp(t, () => server.kill('SIGKILL'))
  await server.said(/serving cli\.answer/)
  const answer = await run('call', 'cli.answer', 'hello')
  assert.deepEqual([answer.code, answer.stdout], [0, 'HELLO\n'])
  const missing = await run('call', 'cli.nobody')
  assert.deepEqual([missing.code, missing.stdout], [1, ''])
  assert.match(missing.stderr, /nobody offers/)
  const { address = '' } = daemon.info.listeners.find(({ protocol }) => protocol === 'wamp') ?? {}
  const client = await RawClient.open(Number(address.split(':')[1]), 'json', 15)
  cleanUp(t, () => client.destroy())
  await client.join()
  await register(client, 'from.like', { invoke: 'roundrobin' })
  const listed = await run('procedures', '--json')
  const rows = listed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { procedure: string; callees: { protocol: string }[] })
  const found = rows.map(({ procedure, callees }) => [procedure, callees[0]?.protocol])
  assert.deepEqual(found, [
    ['cli.answer', 'grpc'],
    ['from.like', 'wamp'],
  ])
  const table = await run('procedures', 'from.')
  assert.match(
    table.stdout,
    /^PROCEDURE +MATCH +INVOKE +AGE +CALLEES\nfrom\.like +exact +roundrobin .* wamp\n$/,
  )
  const sessions = await run('call', 'wamp.session.count')
  assert.equal(sessions.stdout, '1\n')
  server.kill('SIGINT')
  await server.ended
  assert.match((await run('procedures', 'cli.')).stdout, /^(PROCEDURE.*\n)?$/)
})
