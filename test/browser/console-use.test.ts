// The console as different people use it: by keyboard alone, on a phone, in the dark, while the daemon is away, and
// with far more messages and topics than anybody can read.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { connect } from '../../src/client/index.ts'
import { cleanUp } from '../e2e/clean-up.ts'
import {
  openPage,
  phone,
  scrollsSideways,
  startWebDaemon,
  withoutChromium,
} from './page-harness.ts'

const skip = withoutChromium
const hashes = ['overview', 'topics', 'publish', 'queues', 'clients', 'peers', 'rules']

/** What has the focus: its role or element, and its text. */
function focused(page: Page): Promise<string> {
  return page.evaluate(`(() => {
    const at = document.activeElement
    return (at.getAttribute('role') ?? at.tagName.toLowerCase()) + ' ' + (at.ariaLabel ?? at.textContent ?? '').trim()
  })()`)
}

/** The row of the tree that the arrows are at. */
function activeRow(page: Page): Promise<string> {
  return page.evaluate(`(() => {
    const tree = document.querySelector('[role=tree]')
    return document.getElementById(tree.getAttribute('aria-activedescendant')).querySelector('.tree-level').textContent
  })()`)
}

test('by keyboard: past the menu, through the tree, to a message and back', { skip }, async (t) => {
  const daemon = await startWebDaemon(t)
  const client = await connect(daemon.address)
  cleanUp(t, () => client.close())
  for (const topic of ['a/one', 'a/two', 'b', 'cellar/door'])
    await client.publish(topic, `in ${topic}`)
  const page = await openPage(t, `${daemon.url}/`)
  await page.getByText('Healthy').waitFor()
  await page.keyboard.press('Tab')
  assert.equal(await focused(page), 'a Skip to content')
  await page.keyboard.press('Enter')
  assert.match(await focused(page), /^main /)

  await page.keyboard.press('/')
  await page.locator('[data-search]:focus').waitFor()
  assert.match(page.url(), /#\/topics$/)
  await page.keyboard.type('x/')
  assert.equal(await page.locator('[data-search]').inputValue(), 'x/', '/ is typed where one types')
  await page.keyboard.press('Escape')
  const row = (name: RegExp) => page.getByRole('treeitem', { name })
  await row(/^a 2 topics/).waitFor()
  await page.keyboard.press('Tab')
  assert.match(await focused(page), /^tree Topics/)
  const keys = async (...names: string[]) => {
    for (const name of names) await page.keyboard.press(name)
  }
  await keys('Home')
  const first = await activeRow(page)
  await keys('a')
  assert.equal(await activeRow(page), 'a')
  await keys('ArrowRight')
  await row(/^one/).waitFor()
  await keys('ArrowRight', 'ArrowDown')
  assert.equal(await activeRow(page), 'two')
  await keys('ArrowLeft')
  assert.equal(await activeRow(page), 'a')
  await keys('ArrowLeft')
  await row(/^one/).waitFor({ state: 'detached' })
  await keys('c')
  assert.equal(await activeRow(page), 'cellar')
  await keys('End')
  assert.equal(await activeRow(page), 'cellar')
  await keys('ArrowUp')
  assert.equal(await activeRow(page), 'b')
  await keys('Home')
  assert.equal(await activeRow(page), first)
  await keys('b', 'Enter')
  await page.getByRole('heading', { name: 'b', exact: true }).waitFor()

  await page.getByRole('tab', { name: 'Live' }).focus()
  await keys('ArrowRight')
  assert.equal(await focused(page), 'tab History')
  const line = page.getByLabel('Stored messages').locator('.message-line')
  await line.focus()
  assert.equal(await line.getAttribute('aria-expanded'), 'false')
  await keys('Enter')
  await page.locator('.payload-text', { hasText: 'in b' }).waitFor()
  assert.equal(await line.getAttribute('aria-expanded'), 'true')
})

test('everything that can be used has a name', { skip }, async (t) => {
  const daemon = await startWebDaemon(t)
  const client = await connect(daemon.address)
  cleanUp(t, () => client.close())
  await client.publish('a', 'b')
  await client.enqueueFifo('jobs', 'a', 'b')
  const page = await openPage(t, `${daemon.url}/`)
  // Each with what is there last.
  const views = [
    ['overview', 'Data folder'],
    ['topics', 'Choose a topic'],
    ['topics?topic=a', 'Waiting for messages'],
    ['topics?topic=a&view=history', '#1 – #1 of 1'],
    ['publish', 'Keep it'],
    ['queues?queue=jobs', 'Message id'],
    ['clients', '.broker'],
    ['peers', 'No peers are configured'],
    ['rules', 'Without a rule'],
  ] as const
  for (const [hash, text] of views) {
    await page.goto(`${daemon.url}/#/${hash}`)
    await page.getByText(text).first().waitFor()
    const roles = ['button', 'link', 'textbox', 'searchbox', 'tab', 'radio', 'tree'] as const
    for (const role of roles) {
      const all = await page.getByRole(role).count()
      const named = await page.getByRole(role, { name: /\S/ }).count()
      assert.equal(named, all, `${role} on ${hash}`)
    }
  }
})

test('on a phone: the menu opens, and nothing is wider than the screen', { skip }, async (t) => {
  const daemon = await startWebDaemon(t)
  const client = await connect(daemon.address)
  cleanUp(t, () => client.close())
  const long = `${'long-'.repeat(30)}/${'x'.repeat(120)}`
  await client.publish(long, JSON.stringify({ text: 'w'.repeat(400) }))
  await client.enqueueFifo('q'.repeat(100), 'a', 'b'.repeat(500))
  const member = client.join(`client-${'n'.repeat(80)}`)
  cleanUp(t, () => member.close())
  const page = await openPage(t, `${daemon.url}/`, { size: phone })
  await page.getByText('Healthy').waitFor()
  const menu = page.getByRole('navigation', { name: 'Pages' })
  assert.equal(await menu.isVisible(), false)
  await page.getByRole('button', { name: 'Menu' }).click()
  await menu.getByRole('link', { name: 'Clients' }).click()
  await page.getByText('client-nnn').waitFor()
  assert.equal(
    await page.getByRole('button', { name: 'Menu' }).getAttribute('aria-expanded'),
    'false',
  )
  const topic = encodeURIComponent(long)
  const views = [
    ...hashes,
    `topics?topic=${topic}`,
    `topics?topic=${topic}&view=history`,
    `topics?topic=${topic}&view=last`,
    `topics?topic=${topic}&view=logs`,
    `queues?queue=${'q'.repeat(100)}`,
  ]
  for (const hash of views) {
    await page.goto(`${daemon.url}/#/${hash}`)
    await page.locator('h1:visible, h2:visible').first().waitFor()
    await page.locator('.loading').first().waitFor({ state: 'detached' })
    assert.equal(await scrollsSideways(page), false, hash)
  }
})

test('colours follow the system, or what was chosen, also next time', { skip }, async (t) => {
  const daemon = await startWebDaemon(t)
  const page = await openPage(t, `${daemon.url}/`, { colorScheme: 'dark' })
  await page.getByText('Healthy').waitFor()
  const background = () =>
    page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor')
  const dark = await background()
  await page.getByTitle('Light').click()
  const light = await background()
  assert.notEqual(light, dark)
  await page.reload()
  await page.getByText('Healthy').waitFor()
  assert.equal(await background(), light)
  await page.getByTitle('As the system').click()
  assert.equal(await background(), dark)
})

test('the daemon goes and comes back: it is said, and everything goes on', { skip }, async (t) => {
  const daemon = await startWebDaemon(t)
  const expected =
    /ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|WebSocket connection/
  const page = await openPage(t, `${daemon.url}/#/topics?topic=a`, { expected })
  const before = await connect(daemon.address)
  await page.locator('.live-state', { hasText: 'live' }).waitFor()
  await before.publish('a', 'before')
  await page.locator('.message-line', { hasText: 'before' }).waitFor()
  before.close()
  await daemon.stop()
  const notice = page.getByRole('alert').filter({ hasText: 'The daemon does not answer' })
  await notice.getByText('What you see is from before').waitFor()
  assert.ok(await page.locator('.message-line', { hasText: 'before' }).isVisible())

  const http = daemon.url.replace('http://', '')
  const args = ['--http', http, '--listen', daemon.address]
  await startWebDaemon(t, { args, data: daemon.data })
  // The page may have noticed by itself before anybody can press.
  const gone = notice.waitFor({ state: 'detached' })
  const pressed = notice.getByRole('button', { name: 'Try now' }).click()
  await Promise.any([gone, pressed.then(() => gone)])
  const after = await connect(daemon.address)
  cleanUp(t, () => after.close())
  // Live again is when something new appears; what came before that is in the history.
  for (let i = 1; (await page.locator('.message-line', { hasText: 'after' }).count()) === 0; i++) {
    await after.publish('a', `after ${i}`)
  }
  await page.getByRole('link', { name: 'Overview' }).first().click()
  await page.getByText('Healthy').waitFor()
})

test(
  '10,000 messages per second: all counted, few shown, and the page goes on',
  { skip },
  async (t) => {
    const daemon = await startWebDaemon(t)
    const client = await connect(daemon.address)
    cleanUp(t, () => client.close())
    const page = await openPage(t, `${daemon.url}/#/topics?filter=load/%23`)
    await page.locator('.live-state', { hasText: 'live' }).waitFor()
    // How often the list was drawn, and how often the browser drew at all.
    await page.evaluate(`(() => {
    window.drawn = 0
    window.frames = 0
    window.most = 0
    let isNew = false
    new MutationObserver(() => { isNew = true }).observe(document.querySelector('.live'), { childList: true, subtree: true })
    const frame = () => {
      window.frames += 1
      if (isNew) window.drawn += 1
      isNew = false
      window.most = Math.max(window.most, document.querySelectorAll('.message-line').length)
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })()`)
    const total = 40_000
    const publisher = client.publisher()
    cleanUp(t, () => publisher.close())
    let sent = 0
    await new Promise<void>((resolve, reject) => {
      // The load itself is by the clock; what is checked is not.
      const timer = setInterval(() => {
        for (let i = 0; i < 500; i++) {
          sent += 1
          publisher.publish(`load/${sent % 50}`, `message ${sent}`).catch(reject)
        }
        if (sent < total) return
        clearInterval(timer)
        resolve()
      }, 50)
    })
    await publisher.flush()
    await page
      .locator('.live-state', { hasText: `${total.toLocaleString('en-GB')} received` })
      .waitFor()
    const counts = await page.evaluate<{ frames: number; drawn: number; most: number }>(
      '({ frames: window.frames, drawn: window.drawn, most: window.most })',
    )
    t.diagnostic(`${counts.frames} frames, the list drawn ${counts.drawn} times`)
    assert.equal(counts.most, 40)
    assert.ok(counts.drawn >= 5, 'it is drawn while they come')
    assert.ok(counts.drawn < total / 200, `drawn ${counts.drawn} times for ${total} messages`)
    assert.ok(
      counts.frames > counts.drawn,
      `${counts.frames} frames, ${counts.drawn} with new messages`,
    )
  },
)

test('how much is shown of how much is said', { skip }, async (t) => {
  const daemon = await startWebDaemon(t)
  const client = await connect(daemon.address)
  cleanUp(t, () => client.close())
  const page = await openPage(t, `${daemon.url}/#/topics?topic=load`)
  await page.locator('.live-state', { hasText: 'live' }).waitFor()
  const publisher = client.publisher()
  cleanUp(t, () => publisher.close())
  const seen = new AbortController()
  const publishing = (async () => {
    while (!seen.signal.aborted) await publisher.publish('load', 'x')
  })()
  await page
    .locator('.live-state', { hasText: /showing 40 of [\d,]+\/s, [\d,]+ received/ })
    .waitFor()
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.mouse.move(0, 0)
  await page.locator('.live-state', { hasText: /paused.*[\d,]+ newer/ }).waitFor()
  const first = await page.locator('.message-line').first().textContent()
  await page.locator('.live-state', { hasText: /[\d,]{3,} newer/ }).waitFor()
  assert.equal(await page.locator('.message-line').first().textContent(), first)
  seen.abort()
  await publishing
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.mouse.move(0, 0)
  await page.locator('.live-state', { hasText: 'live' }).waitFor()
  assert.notEqual(await page.locator('.message-line').first().textContent(), first)
})

test('thousands of topics: few rows are in the page, all can be reached', { skip }, async (t) => {
  const daemon = await startWebDaemon(t)
  const client = await connect(daemon.address)
  cleanUp(t, () => client.close())
  const publisher = client.publisher()
  cleanUp(t, () => publisher.close())
  const topics = Array.from({ length: 5_000 }, (_, i) => `many/t${String(i).padStart(4, '0')}`)
  await Promise.all(topics.map((topic) => publisher.publish(topic, topic)))
  const page = await openPage(t, `${daemon.url}/#/topics`)
  const tree = page.getByRole('tree')
  await tree
    .getByRole('treeitem', { name: /^many.*5,000 topics/ })
    .locator('.tree-toggle')
    .click()
  await tree.getByText('t0000', { exact: true }).waitFor()
  await tree.focus()
  for (let pages = 1; pages < 25; pages++) {
    await page.keyboard.press('End')
    await tree.getByText(`Load more (${(pages * 200).toLocaleString('en-GB')} shown)`).waitFor()
    await page.keyboard.press('Enter')
    const next = `t${String(pages * 200).padStart(4, '0')}`
    await tree.getByText(next, { exact: true }).waitFor({ state: 'attached' })
  }
  await page.keyboard.press('End')
  await tree.getByText('t4999', { exact: true }).first().waitFor()
  assert.ok((await tree.getByRole('treeitem').count()) < 60)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'many/t4999' }).waitFor()
})

test('the console comes in less than 60 kB', async (t) => {
  const daemon = await startWebDaemon(t)
  /** Compressed as browsers get it; and the text. */
  const load = async (path: string) => {
    const headers = { 'accept-encoding': 'gzip, deflate, br' }
    const response = await fetch(daemon.url + path, { headers })
    assert.equal(response.status, 200, path)
    const text = await response.text()
    return { path, text, bytes: Number(response.headers.get('content-length')) }
  }
  const html = await load('/')
  const assets = [...html.text.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '')
  const parts = [html, ...(await Promise.all(assets.map(load)))]
  assert.ok(parts.length >= 4, `index.html names ${assets.join()}`)
  // What those would load in turn would have to be counted, too.
  for (const { text } of parts) assert.doesNotMatch(text, /\bimport\(|from"\.\//)
  const total = parts.reduce((sum, { bytes }) => sum + bytes, 0)
  t.diagnostic(parts.map(({ path, bytes }) => `${path} ${bytes}`).join(', '))
  assert.ok(total > 10_000 && total < 60_000, `${total} bytes`)
})
