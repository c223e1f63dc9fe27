// The console of a daemon with users: one logs in, uses it, and logs out; nothing of it is left to scripts.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PasswordHasher } from '../../src/access/password-hasher.ts'
import { temporaryFolder } from '../e2e/daemon-process.ts'
import { openPage, scrollsSideways, startWebDaemon, withoutChromium } from './page-harness.ts'

test('logging in at the console, and out again', { skip: withoutChromium }, async (t) => {
  const hasher = new PasswordHasher()
  const password = await hasher.hash('right horse', { memoryKib: 64, passes: 1, lanes: 1 })
  await hasher.close()
  const config = join(temporaryFolder(t), 'bus.yaml')
  const rules = [{ allow: 'all', to: 'users' }]
  // JSON is YAML.
  writeFileSync(config, JSON.stringify({ users: [{ name: 'alice', password }], rules }))
  const daemon = await startWebDaemon(t, { args: ['--config', config, '--storage', 'memory'] })
  const page = await openPage(t, `${daemon.url}/`, { expected: /401/ })
  await page.getByLabel('User').fill('alice')
  await page.getByLabel('Password', { exact: true }).last().fill('wrong')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('alert').waitFor()
  assert.equal(await scrollsSideways(page), false)
  await page.locator('input[type=password]').fill('right horse')
  await page.keyboard.press('Enter')
  await page.getByText('Healthy').waitFor()
  await page.locator('.user-name').filter({ hasText: 'alice' }).waitFor()
  assert.equal(await page.evaluate('document.cookie'), '')

  // What is asked through the WebSocket is asked as her, too.
  await page.goto(`${daemon.url}/#/queues`)
  await page
    .getByText(/no queues/i)
    .first()
    .waitFor()
  await page.goto(`${daemon.url}/#/publish`)
  await page.getByLabel('Topic').fill('a/b')
  await page.getByLabel('Payload', { exact: true }).last().fill('hello')
  await page.getByRole('button', { name: /^Publish/ }).click()
  await page
    .getByText(/Stored|head/i)
    .first()
    .waitFor()

  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByLabel('User').waitFor()
  const status = await page.evaluate("fetch('/v1/heads').then((answer) => answer.status)")
  assert.equal(status, 401)
})
