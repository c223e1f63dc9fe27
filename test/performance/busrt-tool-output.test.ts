/** Reading what the reference's benchmark prints: whole, and when it crashed on the way. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseToolOutput } from '../../bench/busrt/tool-output.ts'

const lines = [
  'Starting benchmark, 2 worker(s), 20_000 iters, 10_000 iters/worker, 100 byte(s) payload',
  'warming up',
  'CPU has been warmed up',
  '!!! stage started: rpc.call+handle ',
  '*** stage completed: rpc.call+handle (20_000 iters, 1.055 secs)',
  '!!! stage started: send+recv.qos.no ',
  '*** stage completed: send+recv.qos.no (20_000 iters, 0.031 secs)',
]

const table = [
  '--- Benchmark results ------------------',
  ' stage             iters   secs   msecs     iters/s    ',
  '-------------------------------------------------------',
  ' rpc.call+handle   20_000  1.055  1055.013  18_957     ',
  ' send+recv.qos.no  20_000  0.031  30.690    1_651_679  ',
  '',
]

test('the rates of a whole run are those of its table', () => {
  const { rates, unfinished, isComplete } = parseToolOutput([...lines, ...table].join('\n'))
  assert.deepEqual(Object.fromEntries(rates), {
    'rpc.call+handle': 18_957,
    'send+recv.qos.no': 1_651_679,
  })
  assert.equal(unfinished, undefined)
  assert.equal(isComplete, true)
})

test('a run that crashed has the rates of the stages before', () => {
  const { rates, unfinished, isComplete } = parseToolOutput(lines.slice(0, 6).join('\n'))
  assert.deepEqual([...rates], [['rpc.call+handle', 20_000 / 1.055]])
  assert.equal(unfinished, 'send+recv.qos.no')
  assert.equal(isComplete, false)
})

test('a run that crashed between stages is not complete', () => {
  const { unfinished, isComplete } = parseToolOutput(lines.join('\n'))
  assert.equal(unfinished, undefined)
  assert.equal(isComplete, false)
})
