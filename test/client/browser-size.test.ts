/** What a page pays for the client. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { bundleClient } from '../e2e/browser-bundle.ts'

const mostBytes = 32_000

test('the whole client is under 32 KB compressed, and needs nothing else', async (t) => {
  const { code, imports, dynamicImports, exports, moduleIds } = await bundleClient()
  const bytes = gzipSync(code).length
  t.diagnostic(`${bytes} bytes compressed, ${code.length} before`)
  assert.ok(bytes < mostBytes, `${bytes} bytes, limit ${mostBytes}`)
  assert.deepEqual([imports, dynamicImports], [[], []])
  assert.ok(moduleIds.length > 30, `only ${moduleIds.length} modules seen`)
  assert.ok(moduleIds.every((id) => !id.includes('node_modules')))
  for (const name of ['connect', 'connectLazy', 'MsgbusClient', 'BusError', 'codecs']) {
    assert.ok(exports.includes(name), name)
  }
})
