/**
 * Real pages in a real Chromium against a real daemon, for tests: each test has a daemon on free ports and pages of
 * its own; the browser is one per test file. A page whose console showed an error, which includes every breach of the
 * content security policy, fails its test at the end, unless the test said what is to be expected.
 */

import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { chromium, type Browser, type Page } from 'playwright-core'
import { cleanUp } from '../e2e/clean-up.ts'
import { startDaemon, type DaemonOptions, type DaemonProcess } from '../e2e/daemon-process.ts'

/** 1280x800 and 390x844: what the pages are made for. */
export const desktop = { width: 1280, height: 800 } as const
export const phone = { width: 390, height: 844 } as const

const chromiumPath = findProgram('chromium')

/** Value of `skip` for tests that need the browser: false when it is there. */
export const withoutChromium: string | false =
  chromiumPath === undefined ? 'there is no chromium on the PATH' : false

let launched: Promise<Browser> | undefined

/** The browser of this test file; it ends with the file. */
export function browser(): Promise<Browser> {
  launched ??= launch()
  return launched
}

async function launch(): Promise<Browser> {
  const started = await chromium.launch({
    ...(chromiumPath === undefined ? {} : { executablePath: chromiumPath }),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  return started
}

after(async () => {
  if (launched !== undefined) await (await launched).close()
})

export interface WebDaemon extends DaemonProcess {
  /** `http://127.0.0.1:port` */
  readonly url: string
}

/** A daemon with its HTTP port open; arguments and data as for `startDaemon`. */
export async function startWebDaemon(
  t: TestContext,
  options: DaemonOptions = {},
): Promise<WebDaemon> {
  const { args = [] } = options
  const http = args.includes('--http') ? [] : ['--http', '127.0.0.1:0']
  const daemon = await startDaemon(t, { ...options, args: [...http, ...args] })
  const listener = daemon.info.listeners.find(({ protocol }) => protocol === 'http')
  return { ...daemon, url: `http://${listener?.address}` }
}

export interface PageOptions {
  /** Default: 1280x800. */
  readonly size?: { readonly width: number; readonly height: number }
  readonly colorScheme?: 'light' | 'dark'
  /** Faults that the test brings about, such as requests to a daemon that it has stopped. */
  readonly expected?: RegExp
}

/** A page in a browser context of its own (nothing is remembered between two), at this address. */
export async function openPage(
  t: TestContext,
  url: string,
  options: PageOptions = {},
): Promise<Page> {
  const { size = desktop, colorScheme = 'light', expected } = options
  const context = await (
    await browser()
  ).newContext({ viewport: size, colorScheme, locale: 'en-GB', timezoneId: 'UTC' })
  const page = await context.newPage()
  const faults: string[] = []
  const note = (text: string) => {
    if (expected?.test(text) !== true) faults.push(text)
  }
  page.on('console', (message) => {
    if (message.type() === 'error') note(`${message.text()} (${message.location().url})`)
  })
  page.on('pageerror', (error) => note(String(error)))
  cleanUp(t, async () => {
    await context.close()
    if (faults.length > 0) throw new Error(`the page reported: ${faults.join('\n')}`)
  })
  await page.goto(url)
  return page
}

/** Whether the page can be scrolled sideways, which none should. */
export function scrollsSideways(page: Page): Promise<boolean> {
  return page.evaluate(
    'document.documentElement.scrollWidth > document.documentElement.clientWidth',
  )
}

function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
