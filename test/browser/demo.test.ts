/**
 * The demo page at a real daemon: the six acceptance steps of spec/tmb.md 12, in a real Chromium, with a plain TCP
 * connection in the place of telnet. That nothing arrives is shown without waiting: whoever gets the answer to a command
 * has got everything that was accepted before it.
 */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { temporaryFolder } from '../e2e/daemon-process.ts'
import { LineClient } from '../e2e/line-client.ts'
import { at, logged, says, shows } from './demo-page.ts'
import { openPage, startWebDaemon, type WebDaemon, withoutChromium } from './page-harness.ts'

const skip = withoutChromium

function tmbAddress(daemon: WebDaemon): string {
  const found = daemon.info.listeners.find(({ protocol }) => protocol === 'tmb')
  assert.ok(found, 'the daemon has no TMB listener')
  return found.address
}

/** Pages of a daemon that goes away see refused connections, and only those. */
const refused = /WebSocket connection to .* failed/

async function openDemo(t: TestContext, daemon: WebDaemon): Promise<Page> {
  const page = await openPage(t, `${daemon.url}/demo/`, { expected: refused })
  await says(page, 'connection', /^connected to tenant\/default\//)
  return page
}

let pings = 0

/** Everything that the daemon accepted by now has arrived on the page, and is drawn. */
async function settle(page: Page): Promise<void> {
  const text = `settled-${++pings}`
  await at(page, 'raw-line').fill(`ping ${text}`)
  await at(page, 'raw-send').click()
  await says(page, 'log', `ok ping ${text}`)
}

async function look(page: Page, figure: 'upper' | 'lower'): Promise<string> {
  const svg = at(page, `${figure}-figure`)
  return `${await svg.getAttribute('data-shape')} ${await svg.getAttribute('data-colour')}`
}

async function looks(page: Page): Promise<string[]> {
  return [await look(page, 'upper'), await look(page, 'lower')]
}

async function subscribe(page: Page, ...rows: number[]): Promise<void> {
  for (const row of rows) {
    await at(page, `sub-${row}-subscribe`).click()
    await shows(page, `sub-${row}-lamp`, { 'data-state': 'on' })
  }
}

const onAnyPort = ['--tmb', '127.0.0.1:0']

test('acceptance 1 to 5: two pages, telnet, and a third page later', { skip }, async (t) => {
  const daemon = await startWebDaemon(t, { args: onAnyPort })
  const [a, b] = [await openDemo(t, daemon), await openDemo(t, daemon)]

  await t.test('1 without subscriptions pressing Red changes neither', async () => {
    await at(a, 'upper-colour-red').click()
    await at(a, 'lower-colour-red').click()
    await settle(a)
    await settle(b)
    for (const page of [a, b]) {
      assert.deepEqual(await looks(page), ['unknown unknown', 'unknown unknown'])
      assert.equal(await at(page, 'upper-colour-red').getAttribute('aria-pressed'), 'false')
    }
  })

  await t.test('2 with row 2 the upper figure changes on B, the lower one does not', async () => {
    await subscribe(b, 2)
    for (const button of ['upper-shape-square', 'upper-colour-green']) await at(a, button).click()
    for (const button of ['lower-shape-square', 'lower-colour-blue']) await at(a, button).click()
    await settle(a)
    await settle(b)
    assert.deepEqual(await looks(b), ['square green', 'unknown unknown'])
    assert.deepEqual(await looks(a), ['unknown unknown', 'unknown unknown'])
    await shows(b, 'upper-colour-green', { 'aria-pressed': 'true' })
  })

  await t.test('3 rows 1 and 5 both on: each message appears once in the log', async () => {
    await subscribe(a, 1, 5)
    await at(a, 'log-clear').click()
    await at(b, 'upper-shape-triangle').click()
    await at(a, 'lower-shape-circle').click()
    await settle(b)
    await settle(a)
    const received = (await logged(a, 'in')).filter((line) => line.startsWith(':'))
    assert.deepEqual(received.toSorted(), [':/lower/shape circle', ':/upper/shape triangle'])
    await says(a, 'sub-1-count', /^2$/)
    await says(a, 'sub-5-count', /^1$/)
  })

  await t.test('4 telnet greys the upper figure of subscribed pages', async () => {
    const telnet = await LineClient.connect(t, tmbAddress(daemon))
    telnet.send(':/upper/colour #666\r')
    await shows(a, 'upper-figure', { 'data-colour': '#666' })
    await shows(b, 'upper-figure', { 'data-colour': '#666' })
    telnet.send(':/lower/colour yellow\r')
    await shows(a, 'lower-figure', { 'data-colour': 'yellow' })
    // And the other way round, without a changed byte.
    assert.deepEqual(await telnet.ask('s 1 r .\r'), ['ok subscribe 1 added'])
    await at(a, 'raw-line').fill(':/upper/colour  #abc ')
    await at(a, 'raw-send').click()
    assert.equal(String(await telnet.next()), ':/upper/colour  #abc ')
    await shows(a, 'upper-figure', { 'data-colour': '#abc' })
    // Bytes that are no text come to the page as they are.
    telnet.send(Uint8Array.of(0x3a, 0xff, 0x20, 0xc3, 0x00, 0x0d))
    await says(a, 'log', String.raw`:\xFF \xC3\x00`)
  })

  await t.test('5 a third page gets the last values and looks the same at once', async () => {
    const c = await openDemo(t, daemon)
    await at(c, 'get-last').click()
    await shows(c, 'upper-figure', { 'data-shape': 'triangle', 'data-colour': '#abc' })
    await shows(c, 'lower-figure', { 'data-shape': 'circle', 'data-colour': 'yellow' })
    assert.deepEqual(await looks(c), await looks(a))
    await says(c, 'log', 'ok last 4')
    // It asked once and did not subscribe.
    await at(a, 'upper-colour-blue').click()
    await shows(a, 'upper-figure', { 'data-colour': 'blue' })
    await settle(c)
    assert.equal(await look(c, 'upper'), 'triangle #abc')
    // A fourth page watches instead: the last values at once, and what comes.
    const d = await openDemo(t, daemon)
    await at(d, 'watch').check()
    await subscribe(d, 1)
    await shows(d, 'upper-figure', { 'data-shape': 'triangle', 'data-colour': 'blue' })
    await at(d, 'send-all').click()
    await settle(c)
    assert.deepEqual(await looks(d), await looks(a))
  })
})

for (const { how, signal, rules } of [
  { how: 'stopped, without a rule', signal: 'SIGTERM', rules: '' },
  {
    how: 'killed, with a rule that stores',
    signal: 'SIGKILL',
    rules:
      'topics:\n  - filter: "/upper/#"\n    store: always\n  - filter: "/lower/#"\n    store: always\n',
  },
] as const) {
  test(`acceptance 6: the daemon is ${how}, and comes back`, { skip }, async (t) => {
    const data = temporaryFolder(t)
    const config = join(temporaryFolder(t), 'msgbus.yaml')
    writeFileSync(config, rules === '' ? '{}\n' : rules)
    const start = (args: readonly string[]) =>
      startWebDaemon(t, { data, args: ['--config', config, ...args] })
    const before = await start(onAnyPort)
    const a = await openDemo(t, before)
    const b = await openDemo(t, before)
    await subscribe(a, 1)
    await subscribe(b, 2, 4)
    for (const button of ['upper-shape-circle', 'upper-colour-red', 'lower-shape-triangle'])
      await at(b, button).click()
    await at(a, 'lower-colour-blue').click()
    await shows(a, 'lower-figure', { 'data-shape': 'triangle', 'data-colour': 'blue' })
    await shows(a, 'upper-figure', { 'data-shape': 'circle', 'data-colour': 'red' })
    await shows(b, 'lower-figure', { 'data-shape': 'unknown', 'data-colour': 'blue' })

    before.kill(signal)
    await before.exited
    await says(a, 'connection', /^lost, retrying in \d+ s$/)
    await says(b, 'connection', /^lost, retrying in \d+ s$/)
    await shows(b, 'sub-2-lamp', { 'data-state': 'lost' })

    const http = before.url.replace('http://', '')
    const after = await start(['--http', http, '--tmb', tmbAddress(before)])
    for (const page of [a, b]) await says(page, 'connection', /^connected to /)
    for (const row of [2, 4]) await shows(b, `sub-${row}-lamp`, { 'data-state': 'on' })
    await shows(a, 'sub-1-lamp', { 'data-state': 'on' })
    await shows(b, 'sub-1-lamp', { 'data-state': 'off' })

    const c = await openDemo(t, after)
    await at(c, 'get-last').click()
    await says(c, 'log', 'ok last 4')
    await shows(c, 'lower-figure', { 'data-shape': 'triangle', 'data-colour': 'blue' })
    assert.deepEqual(await looks(c), await looks(a))
    await at(c, 'upper-shape-square').click()
    await shows(a, 'upper-figure', { 'data-shape': 'square', 'data-colour': 'red' })
    await shows(b, 'upper-figure', { 'data-shape': 'square', 'data-colour': 'red' })
    assert.equal(await look(b, 'lower'), 'unknown blue')
  })
}
