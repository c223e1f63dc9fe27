// One path through every page of the console, in a real Chromium against a real daemon: what other programs do on the
// bus is seen, and what is done in the page reaches the bus. Each page fails its test on an error in its console, which
// includes every breach of the content security policy.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { readFileSync, writeFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { connect, type MsgbusClient } from '../../src/client/index.ts'
import { cleanUp } from '../e2e/clean-up.ts'
import { startDaemon, temporaryFolder } from '../e2e/daemon-process.ts'
import { openPage, startWebDaemon, withoutChromium, type WebDaemon } from './page-harness.ts'

const skip = withoutChromium

async function connectTo(t: TestContext, address: string): Promise<MsgbusClient> {
  const client = await connect(address)
  cleanUp(t, () => client.close())
  return client
}

async function start(t: TestContext, hash: string, args: readonly string[] = []) {
  const daemon = await startWebDaemon(t, { args })
  const client = await connectTo(t, daemon.address)
  const page = await openPage(t, `${daemon.url}/${hash}`)
  return { daemon, client, page }
}

/** Resolves when the text of the element is this, or matches. */
function shows(page: Page, selector: string, text: string | RegExp): Promise<void> {
  return page.locator(selector).filter({ hasText: text }).first().waitFor()
}

test('overview: health, rates, connections, listeners, store', { skip }, async (t) => {
  const { daemon, client, page } = await start(t, '')
  assert.equal(await page.title(), 'Overview · msgbus')
  await page.getByText('Healthy').waitFor()
  await shows(page, '.page-text', 'tenant/default/')
  const publisher = client.publisher()
  cleanUp(t, () => publisher.close())
  const seen = new AbortController()
  const publishing = (async () => {
    while (!seen.signal.aborted) await publisher.publish('a/b', 'payload')
  })()
  await shows(page, '.tile', /^Stored[1-9][\d.,]*\/s/)
  await shows(page, '.chart', /^Stored and delivered.*Stored[1-9][\d.,]*\/s/)
  seen.abort()
  await publishing
  await page.locator('.chart-line-1[d*="L"]').first().waitFor({ state: 'attached' })
  await shows(page, '.bars li', /^grpc/)
  await shows(page, '.card', `grpc${daemon.address}`)
  await shows(page, '.card', 'on disk (survives power loss)')
  await shows(page, '.card', daemon.data)
})

test(
  'topics: the tree, messages as they come, their forms, and history back to the first',
  { skip },
  async (t) => {
    const { client, page } = await start(t, '#/topics', ['--busrt', 'off'])
    await page.getByText('Nothing was published yet').waitFor()
    for (let i = 1; i <= 120; i++) await client.publish('plant/line-1/count', `number ${i}`)
    await client.publish('plant/line-2/state', '{"running":true,"speed":[1,2]}')

    const tree = page.getByRole('tree', { name: 'Topics' })
    const item = (name: RegExp) => tree.getByRole('treeitem', { name })
    await item(/^plant.*2 topics/)
      .locator('.tree-toggle')
      .click()
    await item(/^line-1/)
      .locator('.tree-toggle')
      .click()
    await item(/^count.*number 120.*#120/).click()
    await page.getByRole('heading', { name: 'plant/line-1/count' }).waitFor()
    await shows(page, '.live-state', 'live')

    const headers = { 'content-type': 'text/plain', shift: 'early' }
    await client.publish('plant/line-1/count', 'here <b>now</b>', { headers })
    const newest = page.locator('.message-line').first()
    await newest.filter({ hasText: '#121' }).filter({ hasText: 'here <b>now</b>' }).click()
    await shows(page, '.message-detail .headers', /content-type\s*text\/plain\s*shift\s*early/)
    await shows(page, '.payload-text', 'here <b>now</b>')
    await page.getByText('Hex', { exact: true }).click()
    await shows(page, '.payload-text', '000000  68 65 72 65 20 3c 62 3e')
    // While the mouse is over the list, it stands still.
    await page.mouse.move(0, 0)
    await client.publish('plant/line-1/count', 'not kept', { stored: false })
    await page.locator('.message-line', { hasText: 'not kept' }).getByText('live').waitFor()

    await page.getByRole('tab', { name: 'History' }).click()
    const range = page.getByTestId('history-range')
    const rangeIs = (text: string) => range.getByText(text, { exact: true }).waitFor()
    await rangeIs('#72 – #121 of 121')
    const stored = page.getByLabel('Stored messages').locator('.message-line')
    await stored.filter({ hasText: 'number 72' }).waitFor()
    assert.equal(await stored.count(), 50)
    await page.getByRole('button', { name: 'Older' }).click()
    await rangeIs('#22 – #71 of 121')
    await page.getByRole('button', { name: 'Older' }).click()
    await rangeIs('#1 – #21 of 121')
    assert.ok(await page.getByRole('button', { name: 'Older' }).isDisabled())
    await page.locator('.message-line', { hasText: 'number 1' }).last().waitFor()
    await page.getByLabel('Go to head id').fill('60')
    await page.getByRole('button', { name: 'Go', exact: true }).click()
    await rangeIs('#60 – #109 of 121')
    await page.goBack()
    await rangeIs('#1 – #21 of 121')

    await page.getByRole('tab', { name: 'Logs' }).click()
    await page.getByRole('row', { name: /tenant\/default\/.* 121 – / }).waitFor()
    await item(/^line-2/)
      .locator('.tree-toggle')
      .click()
    await item(/^state/).click()
    await page.getByRole('tab', { name: 'Last value' }).click()
    await shows(page, '.payload-text', '  "running": true,')
  },
)

test('topics: search, and watching many by a filter', { skip }, async (t) => {
  const { client, page } = await start(t, '#/topics')
  for (const topic of ['a/Temperature', 'b/temperature', 'b/pressure'])
    await client.publish(topic, '1')
  await page.getByLabel('Search topics').fill('TEMP')
  const found = page.getByRole('tree', { name: 'Topics found' }).getByRole('treeitem')
  await found.filter({ hasText: 'b/temperature' }).waitFor()
  assert.deepEqual(await found.locator('.tree-level').allTextContents(), [
    'a/Temperature',
    'b/temperature',
  ])
  await page.getByLabel('Search topics').fill('nowhere')
  await page.getByText('No topic contains this').waitFor()
  await page.getByLabel('Watch by filter').fill('+/temperature')
  await page.getByRole('button', { name: 'Watch' }).click()
  await shows(page, '.live-state', 'live')
  await client.publish('b/pressure', 'not this')
  await client.publish('c/temperature', 'this one')
  await shows(page, '.message-line', /c\/temperature.*this one/)
  assert.equal(await page.locator('.message-line').count(), 1)
  await page.getByLabel('Watch by filter').fill('a/#/b')
  await page.getByRole('button', { name: 'Watch' }).click()
  await page.getByText('`#` must be the whole last level').waitFor()
})

test('payloads are text, never markup', { skip }, async (t) => {
  const { client, page } = await start(t, '#/topics?topic=<img src=x onerror=alert(1)>')
  const hostile =
    '<script>window.broken=1</script><img src=x onerror="window.broken=1"><style>*{display:none}</style>'
  await shows(page, '.live-state', 'live')
  await client.publish('<img src=x onerror=alert(1)>', hostile, { headers: { [hostile]: hostile } })
  await page.locator('.message-line').click()
  assert.equal(await page.locator('.payload-text').textContent(), hostile)
  await page.getByRole('tab', { name: 'Last value' }).click()
  await shows(page, '.headers dd', hostile)
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save' }).click()
  const file = await download
  assert.equal(file.suggestedFilename(), '-img-src-x-onerror-alert-1--1.txt')
  assert.equal(readFileSync(await file.path(), 'utf8'), hostile)
  assert.equal(await page.locator('main img, main script, main style').count(), 0)
  assert.equal(await page.evaluate('window.broken'), undefined)
})

test(
  'publish: text, JSON, hex and files, with headers, stored or live; refusals say why',
  { skip },
  async (t) => {
    const { client, page } = await start(t, '#/publish')
    const got = client.subscribe('#', { from: 'now' })
    cleanUp(t, () => got.close())
    await got.ready()
    const messages = got[Symbol.asyncIterator]()
    const next = async () => {
      const { value } = await messages.next()
      assert.ok(value !== undefined)
      return value
    }
    const publish = () => page.getByRole('button', { name: 'Publish', exact: true }).click()
    const payload = page.getByRole('textbox', { name: 'Payload' })

    await page.getByRole('textbox', { name: 'Topic' }).fill('from/the page')
    await payload.fill('Grüße 😀')
    await page.getByRole('button', { name: 'Add header' }).click()
    await page.getByLabel('Name of header 1').fill('shift')
    await page.getByLabel('Value of header 1').fill('early')
    await publish()
    await shows(page, '.publish-outcome', /Stored.*Head id\s*1/)
    const first = await next()
    assert.equal(first.topic, 'from/the page')
    assert.equal(first.text(), 'Grüße 😀')
    assert.equal(first.headId, 1n)
    assert.equal(first.headers.get('shift'), 'early')

    await page.getByText('Live only').click()
    await page.getByText('Hex', { exact: true }).click()
    await payload.fill('00 ff 41')
    await payload.press('Control+Enter')
    await shows(page, '.publish-outcome', 'Published live')
    const second = await next()
    assert.deepEqual([second.headId, [...second.payload]], [0n, [0x00, 0xff, 0x41]])

    await payload.fill('0g')
    await publish()
    await shows(page, '.publish-outcome [role=alert]', '“g” is not a hexadecimal digit')
    await page.getByText('JSON', { exact: true }).click()
    await payload.fill('{"a":')
    await publish()
    await shows(page, '.publish-outcome [role=alert]', 'This is not JSON')

    await page.getByText('Stored', { exact: true }).click()
    await page.getByText('File', { exact: true }).click()
    const buffer = Buffer.from(Uint8Array.from({ length: 3_000 }, (_, i) => i % 256))
    const file = { name: 'a.bin', mimeType: 'application/octet-stream', buffer }
    await page.getByLabel('File to publish').setInputFiles(file)
    await publish()
    await shows(page, '.publish-outcome', /Stored.*Head id\s*2.*2\.9 KiB/)
    assert.deepEqual(Buffer.from((await next()).payload), buffer)

    await page.getByRole('textbox', { name: 'Topic' }).fill('$msgbus.delete')
    await publish()
    await shows(
      page,
      '.publish-outcome [role=alert]',
      /Not published.*reserved for delete markers.*permission_denied/,
    )
  },
)

test('queues: depth, the front, and purging after a question', { skip }, async (t) => {
  const { client, page } = await start(t, '#/queues')
  await page.getByText('There are no queues').waitFor()
  for (const text of ['first', 'second', 'third']) await client.enqueueFifo('jobs', 'work', text)
  await page.getByRole('row', { name: /^jobs 3 0 0 / }).waitFor()
  await page.getByRole('link', { name: 'jobs' }).click()
  await shows(page, '.payload-text', 'first')
  const consumer = client.consume('jobs', { maxInFlight: 1 })
  cleanUp(t, () => consumer.close())
  await consumer[Symbol.asyncIterator]().next()
  await page.getByRole('row', { name: /^jobs 3 1 1 / }).waitFor()

  await page.getByRole('button', { name: 'Purge …' }).click()
  const dialog = page.getByRole('dialog', { name: 'Purge jobs?' })
  await dialog.getByText('now 2 messages').waitFor()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  assert.equal((await client.listQueues())[0]?.depth, 3)
  await page.getByRole('button', { name: 'Purge …' }).click()
  await dialog.getByRole('button', { name: 'Purge', exact: true }).click()
  await page.getByRole('row', { name: /^jobs 1 1 1 / }).waitFor()
  assert.equal((await client.listQueues())[0]?.depth, 1)
})

test('clients: who is there, sorted and filtered', { skip }, async (t) => {
  const { client, page } = await start(t, '#/clients')
  for (const name of ['b-worker', 'a-worker']) {
    const member = client.join(name)
    cleanUp(t, () => member.close())
  }
  await page.getByRole('row', { name: /^b-worker grpc / }).waitFor()
  const names = async () =>
    (await page.locator('tbody td.title').allInnerTexts()).filter((name) => name.includes('worker'))
  assert.deepEqual(await names(), ['a-worker', 'b-worker'])
  await page.getByRole('button', { name: 'Client', exact: true }).click()
  assert.deepEqual(await names(), ['b-worker', 'a-worker'])
  assert.equal(
    await page.getByRole('columnheader', { name: 'Client' }).getAttribute('aria-sort'),
    'descending',
  )
  await page.getByLabel('Filter clients').fill('B-WORK')
  await shows(page, '.page-text', /^1 of \d+ connected/)
  assert.equal(await page.locator('tbody tr').count(), 1)
  await page.getByLabel('Filter clients').fill('websocket')
  await page.getByRole('row', { name: /grpc websocket/ }).waitFor()
  const registration = await client.register('tools.echo', ({ payload }) => payload)
  cleanUp(t, () => registration.close())
  await page.getByLabel('Filter clients').fill('tools.')
  await page.getByRole('row', { name: /^tools\.echo single #\d+ \(grpc\) / }).waitFor()
})

async function startWithConfig(t: TestContext, text: string): Promise<WebDaemon> {
  const file = join(temporaryFolder(t), 'msgbus.yaml')
  writeFileSync(file, text)
  return startWebDaemon(t, { args: ['--config', file] })
}

test('peers: lag and failures; nobody configured', { skip }, async (t) => {
  const other = await startDaemon(t, { args: ['--node-id', 'plant/bus/other'] })
  const otherClient = await connectTo(t, other.address)
  for (let i = 0; i < 3; i++) await otherClient.publish('shared/topic', `message ${i}`)
  // Nothing listens on the port of discarding.
  const peers = `[http://${other.address}, http://127.0.0.1:9]`
  const daemon = await startWithConfig(t, `sync: { peers: ${peers} }`)
  const page = await openPage(t, `${daemon.url}/#/peers`)
  await shows(page, '.card', /up to date.*Behind by\s*0 messages/)
  await page.getByRole('row', { name: /^shared\/topic plant\/bus\/other 3 3 –/ }).waitFor()
  await shows(page, '.card', /127\.0\.0\.1:9\s*failing.*failed in a row/)
  const { page: lonely } = await start(t, '#/peers')
  await lonely.getByText('No peers are configured').waitFor()
})

test('rules: in force, and what they come to for a topic', { skip }, async (t) => {
  const daemon = await startWithConfig(
    t,
    `topics:
  - { filter: plant/+/state, store: always, retention: { maxMessages: 5000 } }
  - { filter: plant/#, store: never, maxPayloadBytes: 2048 }
`,
  )
  const page = await openPage(t, `${daemon.url}/#/rules`)
  await page.getByRole('row', { name: /^1 plant\/\+\/state everything 5,000 messages/ }).waitFor()
  await page.getByRole('row', { name: /^2 plant\/# nothing .* 2 KiB/ }).waitFor()
  await page.getByRole('textbox', { name: 'Topic' }).fill('plant/9/state')
  await shows(page, '.facts', /Stored\s*everything \(rule 1\)/)
  await shows(page, '.facts', /Largest payload\s*2 KiB \(rule 2\)/)
  await page.getByRole('textbox', { name: 'Topic' }).fill('elsewhere')
  await page.getByText('No rule matches').waitFor()
  await shows(page, '.facts', /history: at most 1 d and 1 GiB/)
})
