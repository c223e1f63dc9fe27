/**
 * The contracts: version 1 never changes, version 2 only in ways that old clients bear, and the
 * generated code is what the generator writes. `npm run freeze` records version 2 anew.
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageRoot } from './package-root.ts'

function runNode(script: string, ...args: string[]) {
  const done = spawnSync(process.execPath, [join(packageRoot, script), ...args], {
    cwd: packageRoot,
    encoding: 'utf8',
  })
  return { status: done.status, output: done.stdout + done.stderr }
}

const buf = (...args: string[]) => runNode('node_modules/@bufbuild/buf/bin/buf', ...args)

test('both contracts pass buf lint', () => {
  assert.deepEqual(buf('lint'), { status: 0, output: '' })
})

test('version 1 is what it was frozen at, to the last field', () => {
  const path = ['--path', 'proto/msgbus/v1', '--exclude-source-info']
  const { output } = buf('build', ...path, '-o', '-#format=json')
  const frozen = readFileSync(join(packageRoot, 'proto/frozen/msgbus-v1.json'), 'utf8')
  assert.deepEqual(JSON.parse(output), JSON.parse(frozen))
})

test('version 2 breaks no client of the frozen one', () => {
  const against = 'proto/frozen/msgbus-v2.json'
  assert.deepEqual(buf('breaking', '--against', against), { status: 0, output: '' })
})

test('the generated codec is up to date', () => {
  assert.deepEqual(runNode('scripts/generate-wire.mjs', '--check'), { status: 0, output: '' })
})

test('no SDK holds code of older contracts', () => {
  const check = runNode('scripts/gen-proto.mjs', '--check', '--digest')
  assert.deepEqual(check, { status: 0, output: '' })
})
