// Case 81 of spec/busrt 11: the `benchmark` command of the tool `busrt` finishes all of its stages,
// with one, four and eight workers, small payloads and large ones, over a Unix socket and TCP. How
// fast it is, bench/ tells.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBrokerProcess } from '../../conformance/busrt/broker.ts'
import { runProgram } from './child-program.ts'
import { commandLineTool } from './programs.ts'

const stages = [
  'rpc.call',
  'rpc.call+handle',
  'rpc.call0',
  'send+recv.qos.no',
  'send+recv.qos.processed',
  'send.qos.no',
  'send.qos.processed',
]

const iterations = 4000

const runs = ['unix', 'tcp'].flatMap((transport) =>
  [1, 4, 8].flatMap((workers) =>
    [10, 100, 1000, 10_000].map((payload) => ({ transport, workers, payload })),
  ),
)

// Each warms up for five seconds, whatever it has to do then; so they do it together.
const together = { concurrency: runs.length, timeout: 240_000 }
test('case 81: the benchmark finishes', together, async (t) => {
  const tool = commandLineTool()
  if ('missing' in tool) {
    t.skip(tool.missing)
    return
  }
  const broker = await startBrokerProcess(t, { timeoutMs: 5000 })
  const { host, port } = broker.tcp
  await Promise.all(
    runs.map(async ({ transport, workers, payload }) =>
      t.test(`${transport}, ${workers} workers, ${payload} bytes`, async (inner) => {
        const address = transport === 'unix' ? broker.unix.path : `${host}:${port}`
        const name = `bench.${transport}.${workers}.${payload}`
        const words = ['-w', String(workers), '--payload-size', String(payload)]
        const args = ['-s', '-n', name, address, 'benchmark', '-i', String(iterations), ...words]
        const { code, stdout, stderr } = await runProgram(inner, tool, args)
        assert.equal(code, 0, stderr)
        const finished = stdout
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .filter((row) => row.length === 5 && row[1] === '4_000')
          .map(([stage]) => stage)
        assert.deepEqual(finished, stages, stdout)
      }),
    ),
  )
})
