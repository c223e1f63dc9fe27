// Proves that the reference pages in docs/ say what the code does, and that nothing in them is
// without a text.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { referencePages } from './reference.ts'
import { packageRoot } from './version.ts'

for (const [name, render] of referencePages) {
  test(`docs/reference/${name}.md is what msgbusd prints`, async () => {
    const file = `docs/reference/${name}.md`
    const page = await render()
    const advice = `run: node dist/src/daemon/main.js reference ${name} > ${file}`
    assert.equal(readFileSync(join(packageRoot, file), 'utf8'), page, advice)
    for (const line of page.split('\n').filter((row) => row.startsWith('| `'))) {
      assert.match(line, / \S+ \S[^|]* \|$/, `${line} says what it is for`)
    }
  })
}
