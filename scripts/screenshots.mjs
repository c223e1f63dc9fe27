// Takes the pictures in docs/images of the console and of the demo page: a daemon of its own in a temporary folder, some
// traffic on it, and every page at 1280x800 and 390x844. The charts need a minute to have something to show.
//
//   node scripts/screenshots.mjs [--build dist] [--out docs/images] [page …]

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { values, positionals } = parseArgs({
  options: {
    build: { type: 'string', default: 'dist' },
    out: { type: 'string', default: 'docs/images' },
    /** Milliseconds of traffic before the first picture. */
    wait: { type: 'string', default: '56000' },
  },
  allowPositionals: true,
})
const build = resolve(root, values.build)
const out = resolve(root, values.out)
const folder = mkdtempSync(join(tmpdir(), 'msgbus-'))
const closing = []

const config = (peer) => `
sync:
  peers: [${peer}]
topics:
  - { filter: plant/line-3/#, store: always, retention: { maxAgeMs: 604800000 } }
  - { filter: plant/+/state, last: true, store: acked }
  - { filter: camera/#, store: never, maxPayloadBytes: 65536, slowReader: drop-oldest }
  - { filter: orders/#, retention: { maxMessages: 100000, maxBytes: 268435456 } }
`

/** Resolves with the addresses of its listeners by protocol. */
async function startDaemon(name, args) {
  const data = join(folder, name)
  const main = join(build, 'src/daemon/main.js')
  const own = ['--data', data, '--node-id', `factory/plant/${name}`]
  const ports = ['--listen', '127.0.0.1:0', '--tmb', '127.0.0.1:0']
  const child = spawn(process.execPath, [main, ...own, ...ports, ...args])
  const exited = new Promise((done) => child.once('exit', done))
  closing.push(() => {
    child.kill()
    return exited
  })
  let printed = ''
  child.stderr.on('data', (chunk) => process.stderr.write(chunk))
  await new Promise((done, failed) => {
    child.once('exit', () => failed(new Error(`${name} ended: ${printed}`)))
    child.stdout.on('data', (chunk) => {
      printed += chunk
      if (/^ready after/m.test(printed)) done()
    })
  })
  const { listeners } = JSON.parse(readFileSync(join(data, 'ready.json'), 'utf8'))
  return Object.fromEntries(listeners.map(({ protocol, address }) => [protocol, address]))
}

/** Where the chromium of the PATH is. */
function chromiumPath() {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = folders.map((each) => join(each, 'chromium')).find((file) => existsSync(file))
  if (found === undefined) throw new Error('there is no chromium on the PATH')
  return found
}

const json = (value) => JSON.stringify(value)

async function seed(client, addresses) {
  const publisher = client.publisher()
  closing.push(() => publisher.close())
  const say = (topic, value, headers) =>
    void publisher.publish(topic, value, headers && { headers }).catch(() => undefined)
  for (let line = 1; line <= 12; line++) {
    const state = json({ running: line % 4 !== 0, shift: 'early', operator: `op-${line}` })
    say(`plant/line-${line}/state`, state)
    for (const what of ['pressure', 'speed', 'temperature', 'vibration'])
      say(`plant/line-${line}/${what}`, '20.0')
  }
  for (let i = 0; i < 5; i++) say(`warehouse/gate-${i}/door`, i % 2 === 0 ? 'open' : 'closed')
  for (let i = 1; i <= 180; i++) {
    const order = { order: 4_000 + i, customer: `C-${(i * 37) % 900}`, items: i % 7 }
    say('orders/incoming', json(order), { 'content-type': 'application/json', source: 'shop' })
  }
  say('camera/dock', new Uint8Array(Array.from({ length: 600 }, (_, i) => (i * 31) % 256)))
  let turn = 0
  const timer = setInterval(() => {
    turn += 1
    const wave = 60 + Math.round(45 * Math.sin(turn / 60)) + (turn % 130 < 18 ? 120 : 0)
    for (let i = 0; i < wave / 10; i++) {
      const line = 1 + ((turn * 7 + i * 5) % 12)
      const value = (20 + 4 * Math.sin((turn + line) / 20)).toFixed(2)
      say(`plant/line-${line}/temperature`, value)
    }
    say('plant/line-3/speed', json({ rpm: 1_480 + (turn % 9), load: 0.72, ok: true }))
  }, 100)
  closing.push(() => clearInterval(timer))

  for (let i = 0; i < 14; i++)
    await client.enqueueFifo('invoices', 'invoices', json({ invoice: i }))
  for (let i = 0; i < 3; i++) await client.enqueueFifo('labels', 'labels', `label ${i}`)
  await client.enqueueFifo('mail', 'mail', 'to: office')
  const worker = client.consume('invoices', { maxInFlight: 2 })
  closing.push(() => worker.close())
  await worker[Symbol.asyncIterator]().next()

  for (const name of ['billing', 'dashboard', 'line-3.plc']) {
    const member = client.join(name)
    closing.push(() => member.close())
    void (async () => {
      for await (const _ of member);
    })().catch(() => undefined)
  }
  const reader = client.subscribe('plant/#', { from: 'now' })
  closing.push(() => reader.close())
  void (async () => {
    for await (const _ of reader.batches());
  })().catch(() => undefined)

  const [host, port] = addresses.tmb.split(':')
  for (const text of ['subscribe 1 begins-with plant\n', 'plant.hello: world\n']) {
    const socket = connectTcp(Number(port), host)
    socket.on('data', () => undefined)
    socket.write(text)
    closing.push(() => socket.destroy())
  }
}

const pages = {
  overview: { hash: '#/overview' },
  topics: { hash: '#/topics?topic=plant/line-3/speed', before: openPlant, settleMs: 2_500 },
  'topic-tree': { hash: '#/topics', before: openPlant, settleMs: 2_500 },
  'topic-history': {
    hash: '#/topics?topic=orders/incoming&view=history',
    before: async (page) => {
      await openPlant(page)
      await page.locator('.history .message-line').nth(2).click()
    },
  },
  publish: { hash: '#/publish?topic=plant/line-3/setpoint', before: publishOne },
  queues: { hash: '#/queues?queue=invoices' },
  clients: { hash: '#/clients', settleMs: 2_500 },
  peers: { hash: '#/peers' },
  rules: {
    hash: '#/rules',
    before: (page) => page.getByRole('textbox', { name: 'Topic' }).fill('plant/line-3/state'),
  },
}

async function openPlant(page) {
  for (const name of ['plant', 'line-3']) {
    const row = page.locator('.tree-row', { hasText: new RegExp(`^${name}`) }).first()
    // On a phone the tree is not there while a topic is; and it stays as it was left.
    if (!(await row.isVisible())) return
    if ((await row.getAttribute('aria-expanded')) === 'false')
      await row.locator('.tree-toggle').click()
    await page.waitForTimeout(300)
  }
}

async function publishOne(page) {
  await page.getByText('JSON', { exact: true }).click()
  await page.getByLabel('Payload').last().fill('{ "temperature": 21.5, "unit": "C" }')
  await page.getByRole('button', { name: 'Publish' }).click()
  await page.getByText('Head id').waitFor()
}

const sizes = [
  { name: '', width: 1280, height: 800 },
  { name: '-phone', width: 390, height: 844 },
]

async function takePictures(browser, url) {
  const wanted = Object.entries(pages).filter(
    ([name]) => positionals.length === 0 || positionals.includes(name),
  )
  for (const { name: sizeName, ...viewport } of sizes) {
    for (const colorScheme of ['light', 'dark']) {
      const context = await browser.newContext({ viewport, colorScheme, locale: 'en-GB' })
      const page = await context.newPage()
      page.on('console', (message) => {
        if (message.type() === 'error') process.stderr.write(`${message.text()}\n`)
      })
      await page.goto(url)
      // The charts of this page collect for themselves.
      if (colorScheme === 'light' || sizeName === '') await page.waitForTimeout(Number(values.wait))
      for (const [pageName, { hash, before, settleMs = 1_200 }] of wanted) {
        if (
          colorScheme === 'dark' &&
          (sizeName !== '' || !['overview', 'topics'].includes(pageName))
        )
          continue
        await page.evaluate((to) => void (globalThis.location.hash = to), hash)
        await page.waitForTimeout(500)
        await before?.(page)
        await page.waitForTimeout(settleMs)
        const dark = colorScheme === 'dark' ? '-dark' : ''
        await page.screenshot({ path: join(out, `console-${pageName}${dark}${sizeName}.png`) })
      }
      await context.close()
    }
    if (positionals.length === 0 || positionals.includes('demo'))
      await takeDemo(browser, url, { sizeName, viewport })
  }
}

async function takeDemo(browser, url, { sizeName, viewport }) {
  const context = await browser.newContext({ viewport, colorScheme: 'light', locale: 'en-GB' })
  const page = await context.newPage()
  const answer = await page.goto(`${url}/demo/`)
  if (answer?.ok() === true) {
    await page
      .getByRole('button', { name: /^Subscribe/ })
      .first()
      .click()
    for (const name of ['Circle', 'Green']) {
      await page
        .getByRole('button', { name: new RegExp(name, 'i') })
        .first()
        .click()
    }
    for (const name of ['Triangle', 'Red']) {
      await page
        .getByRole('button', { name: new RegExp(name, 'i') })
        .nth(1)
        .click()
    }
    await page.waitForTimeout(1_500)
    await page.evaluate(() => globalThis.scrollTo(0, 0))
    await page.screenshot({ path: join(out, `demo${sizeName}.png`) })
  }
  await context.close()
}

try {
  mkdirSync(out, { recursive: true })
  const { connect } = await import(pathToFileURL(join(build, 'src/client/index.js')).href)
  const other = await startDaemon('gateway-2', ['--http', 'off'])
  const otherClient = await connect(other.grpc)
  closing.push(() => otherClient.close())
  for (let i = 0; i < 40; i++) await otherClient.publish(`gateway/${i % 4}/state`, `up ${i}`)
  const file = join(folder, 'msgbus.yaml')
  writeFileSync(file, config(`http://${other.grpc}, http://127.0.0.1:9`))
  const addresses = await startDaemon('gateway-1', ['--http', '127.0.0.1:0', '--config', file])
  const client = await connect(addresses.grpc)
  closing.push(() => client.close())
  await seed(client, addresses)
  const browser = await chromium.launch({
    executablePath: chromiumPath(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  })
  closing.push(() => browser.close())
  await takePictures(browser, `http://${addresses.http}`)
} finally {
  for (const close of closing.toReversed()) await close()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
}
