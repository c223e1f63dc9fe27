/**
 * A page in a real Chromium that runs the client for pages as it was built, at the address of a daemon: the files of the
 * client are handed to the browser as if the daemon served them, so nothing of its own pages is in the way.
 */

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { browser } from '../browser/page-harness.ts'
import { cleanUp, type Scope } from './clean-up.ts'

const buildFolder = join(dirname(fileURLToPath(import.meta.url)), '../..')

/**
 * Runs a module in a new page, which finds the client at `/modules/src/client/browser.js`, and `told(value)` for what it
 * has to say; values are what JSON can hold. Closed after the test.
 * @param origin `http://host:port` of the daemon
 */
export async function openClientPage(
  t: Scope,
  origin: string,
  script: string,
  told: (value: never) => void,
): Promise<Page> {
  const context = await (await browser()).newContext()
  cleanUp(t, () => context.close())
  const page = await context.newPage()
  page.on('pageerror', (error) => t.diagnostic(`in the page: ${String(error)}`))
  await page.exposeFunction('told', told)
  await page.route(`${origin}/modules/**`, (route) => {
    const path = new URL(route.request().url()).pathname.replace('/modules/', '')
    const body = path === 'script.js' ? script : readFileSync(join(buildFolder, path))
    return route.fulfill({ contentType: 'text/javascript', body })
  })
  // A page that really comes from there: others may not connect to this machine.
  await page.goto(`${origin}/healthz`)
  await page.evaluate(`void import('/modules/script.js')`)
  return page
}
