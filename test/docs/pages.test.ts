/** The pages about tasks, followed word by word; every page is on the site, and every link leads somewhere. */

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { temporaryFolder } from '../e2e/daemon-process.ts'
import { packageRoot } from '../package-root.ts'
import { pageBlocks } from './page-blocks.ts'
import { followPage } from './page-runner.ts'

const tasks = readdirSync(join(packageRoot, 'docs/tasks'))
const has = (program: string) => spawnSync(program, ['--version']).error === undefined
const shell =
  process.platform === 'win32' || !has('bash') ? 'the pages are for a POSIX shell' : false

for (const name of tasks) {
  const path = `docs/tasks/${name}`
  const commands = pageBlocks(readFileSync(join(packageRoot, path), 'utf8')).map(({ text }) => text)
  const missing = ['curl', 'mosquitto_pub'].find(
    (program) => commands.some((text) => text.includes(`${program} `)) && !has(program),
  )
  const skip = shell || (missing !== undefined && `there is no ${missing}`)
  test(`what ${path} says`, { skip }, async (t) => followPage(t, path))
}

test('the site has every page, and no link that leads nowhere', (t) => {
  const out = join(temporaryFolder(t), 'site')
  const script = join(packageRoot, 'docs-site/build.mjs')
  execFileSync(process.execPath, [script, out], { stdio: ['ignore', 'ignore', 'pipe'] })
  const pages = readdirSync(join(packageRoot, 'docs'), { recursive: true, encoding: 'utf8' })
  const expected = pages
    .filter((name) => name.endsWith('.md') && !name.startsWith('adr'))
    .map((name) => name.replace(/\.md$/, '.html'))
  const made = readdirSync(out, { recursive: true, encoding: 'utf8' })
  assert.deepEqual(
    expected.filter((name) => !made.includes(name)),
    [],
    'docs/index.md, or a page it leads to, has no link to them',
  )
})
