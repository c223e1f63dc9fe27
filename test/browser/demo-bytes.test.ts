/**
 * The demo page line by line, with the other side of the connection in the hands of the test: what exactly it sends, and
 * that lamps, figures and highlights follow what comes back and nothing else (spec/tmb.md 12.2).
 */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { at, logged, says, shows } from './demo-page.ts'
import { type FakeConnection, startFakeTextBus } from './fake-text-bus.ts'
import { desktop, openPage, phone, scrollsSideways, withoutChromium } from './page-harness.ts'

const skip = withoutChromium

async function scene(t: TestContext): Promise<{ page: Page; bus: FakeConnection }> {
  const fake = await startFakeTextBus(t)
  const page = await openPage(t, fake.url)
  const bus = await fake.connection()
  await says(page, 'connection', /^connected to tenant\/default\/fake$/)
  return { page, bus }
}

test('buttons only send; the figure changes when the message comes back', { skip }, async (t) => {
  const { page, bus } = await scene(t)
  await shows(page, 'upper-figure', { 'data-shape': 'unknown', 'data-colour': 'unknown' })
  await at(page, 'upper-shape-circle').click()
  assert.equal(await bus.next(), ':/upper/shape circle\n')
  await at(page, 'upper-colour-red').click()
  assert.equal(await bus.next(), ':/upper/colour red\n')
  await at(page, 'lower-shape-triangle').click()
  assert.equal(await bus.next(), ':/lower/shape triangle\n')
  // The answer to a command proves that everything before it was seen.
  bus.send('info whatever\n')
  await says(page, 'log', /info whatever/)
  await shows(page, 'upper-figure', { 'data-shape': 'unknown', 'data-colour': 'unknown' })
  await shows(page, 'upper-shape-circle', { 'aria-pressed': 'false' })

  bus.send(':/upper/colour red\n')
  await shows(page, 'upper-figure', { 'data-shape': 'unknown', 'data-colour': 'red' })
  await shows(page, 'upper-colour-red', { 'aria-pressed': 'true' })
  bus.send(':/upper/shape  CIRCLE \t\n:/lower/shape square\n')
  await shows(page, 'upper-figure', { 'data-shape': 'circle', 'data-colour': 'red' })
  await shows(page, 'lower-figure', { 'data-shape': 'square', 'data-colour': 'unknown' })
  await shows(page, 'upper-shape-circle', { 'aria-pressed': 'true' })
  await says(page, 'announcement', /Upper figure: red circle/)
})

test('colours that the browser knows; everything else is not understood', { skip }, async (t) => {
  const { page, bus } = await scene(t)
  const bad = [
    'nocolour',
    'inherit',
    'var(--bg)',
    'red;fill:url(//x)',
    '"><script>alert(1)</script>',
  ]
  for (const word of bad) bus.send(`:/upper/colour ${word}\n`)
  bus.send(':/upper/shape hexagon\n:/upper/colour\n:/upper/colours red\n:x/upper/colour red\n')
  bus.send(':/lower/colour #666\n')
  await shows(page, 'lower-figure', { 'data-colour': '#666' })
  await shows(page, 'upper-figure', { 'data-shape': 'unknown', 'data-colour': 'unknown' })
  assert.deepEqual(await logged(page, 'note'), [
    ...bad.map((word) => `not understood: :/upper/colour ${word}`),
    'not understood: :/upper/shape hexagon',
    'not understood: :/upper/colour',
  ])
  bus.send(':/lower/shape circle\n')
  await shows(page, 'lower-figure', { 'data-shape': 'circle' })
  const fill = `getComputedStyle(document.querySelector('[data-testid=lower-figure] circle')).fill`
  assert.equal(await page.evaluate(fill), 'rgb(102, 102, 102)')
})

test('lamps follow the replies and not the buttons', { skip }, async (t) => {
  const { page, bus } = await scene(t)
  const commands = [
    'subscribe 1 regexp .',
    'subscribe 2 begins-with /upper',
    'subscribe 3 ends-with shape',
    'subscribe 4 contains colour',
    'subscribe 5 is /upper/shape',
  ]
  for (const [i, command] of commands.entries()) {
    await at(page, `sub-${i + 1}-subscribe`).click()
    assert.equal(await bus.next(), `${command}\n`)
  }
  for (const id of [1, 2, 3, 4, 5]) await shows(page, `sub-${id}-lamp`, { 'data-state': 'off' })
  bus.send('ok subscribe 1 added\nerror pattern-too-long subscribe no\nok subscribe 3 replaced\n')
  await shows(page, 'sub-1-lamp', { 'data-state': 'on' })
  await shows(page, 'sub-2-lamp', { 'data-state': 'off' })
  await shows(page, 'sub-3-lamp', { 'data-state': 'on' })
  await says(page, 'problem', /^error pattern-too-long subscribe no$/)
  bus.send('ok subscribe 4 added\nok subscribe 5 added\n')
  await shows(page, 'sub-5-lamp', { 'data-state': 'on' })

  bus.send(':/upper/shape square\n:/lower/colour red\n')
  await says(page, 'sub-1-count', /^2$/)
  await says(page, 'sub-3-count', /^1$/)
  await says(page, 'sub-4-count', /^1$/)
  await says(page, 'sub-5-count', /^1$/)

  await at(page, 'sub-1-unsubscribe').click()
  assert.equal(await bus.next(), 'unsubscribe 1\n')
  await says(page, 'problem', /^$/)
  await shows(page, 'sub-1-lamp', { 'data-state': 'on' })
  bus.send('ok unsubscribe 1\n')
  await shows(page, 'sub-1-lamp', { 'data-state': 'off' })

  // By hand and abbreviated, and all at once.
  await at(page, 'raw-line').fill('u *')
  await at(page, 'raw-send').click()
  assert.equal(await bus.next(), 'u *\n')
  bus.send('ok unsubscribe * 3\n')
  for (const id of [3, 4, 5]) await shows(page, `sub-${id}-lamp`, { 'data-state': 'off' })
})

test('the free row, watching, and what remembered messages count for', { skip }, async (t) => {
  const { page, bus } = await scene(t)
  await at(page, 'watch').check()
  await at(page, 'sub-6-id').fill('mine')
  await at(page, 'sub-6-kind').selectOption('regexp')
  await at(page, 'sub-6-pattern').fill('^/a b$')
  await at(page, 'sub-6-subscribe').click()
  assert.equal(await bus.next(), 'watch mine regexp ^/a b$\n')
  bus.send('ok watch mine added 2\n:/a 1\n:/b 2\n:/c 3\n')
  await shows(page, 'sub-6-lamp', { 'data-state': 'on' })
  await says(page, 'sub-6-count', /^3$/)
  await at(page, 'sub-1-subscribe').click()
  assert.equal(await bus.next(), 'watch 1 regexp .\n')
  bus.send('ok watch 1 added 0\n:/d 4\n')
  await says(page, 'sub-1-count', /^1$/)
  // It may or may not have been due to this one: its expression is not the browser's to judge.
  await says(page, 'sub-6-count', '≥ 3')
  // An id with a blank would be read as two words, so it is not sent.
  await at(page, 'sub-6-id').fill('a b')
  await at(page, 'sub-6-subscribe').click()
  await at(page, 'sub-6-unsubscribe').click()
  await at(page, 'get-last').click()
  assert.equal(await bus.next(), 'last regexp ^/(upper|lower)/(shape|colour)$\n')
  await says(page, 'also', 'Also subscribed: mine regexp ^/a b$')
})

test('last values and Send all', { skip }, async (t) => {
  const { page, bus } = await scene(t)
  await at(page, 'send-all').click()
  await says(page, 'log', '4 of 4 are unknown here')
  await at(page, 'get-last').click()
  assert.equal(await bus.next(), 'last regexp ^/(upper|lower)/(shape|colour)$\n')
  bus.send('ok last 3\n:/upper/shape circle\n:/upper/colour #abc\n:/lower/shape square\n')
  await shows(page, 'lower-figure', { 'data-shape': 'square' })
  await at(page, 'send-all').click()
  const three = ':/upper/shape circle\n:/upper/colour #abc\n:/lower/shape square\n'
  assert.equal(await bus.next(), three)
  await says(page, 'log', '1 of 4 are unknown here')
  bus.send(':/lower/colour blue\n')
  await shows(page, 'lower-figure', { 'data-colour': 'blue' })
  await at(page, 'send-all').click()
  assert.equal(await bus.next(), `${three}:/lower/colour blue\n`)
})

test('the log: 200 lines, bytes that nobody can print, Clear and Pause', { skip }, async (t) => {
  const { page, bus } = await scene(t)
  bus.send(Uint8Array.from([0x3a, 0x61, 0x20, 0xff, 0x00, 0xc3, 0xa5, 0xc3, 0x0a]))
  bus.send(':b \tx\u202e y\\z\r\n:c å 😀\n')
  await says(page, 'log', ':c å 😀')
  const [, ...lines] = await logged(page, 'in')
  assert.deepEqual(lines, [
    String.raw`:a \xFF\x00å\xC3`,
    String.raw`:b \x09x\xE2\x80\xAE y\z\x0D`,
    ':c å 😀',
  ])
  await at(page, 'log-pause').click()
  bus.send(':d 1\n:d 2\n')
  await says(page, 'held', 'paused, 2 more since')
  assert.equal((await logged(page, 'in')).length, 4)
  await at(page, 'log-pause').click()
  await says(page, 'log', ':d 2')
  await at(page, 'log-clear').click()
  assert.deepEqual(await logged(page, 'in'), [])

  bus.send(`:long ${'x'.repeat(60_000)}\n`)
  await says(page, 'log', '… (60,006 bytes)')
})

test('200,000 messages: all count, the last 200 are shown', { skip }, async (t) => {
  const { page, bus } = await scene(t)
  await at(page, 'sub-1-subscribe').click()
  await bus.next()
  bus.send('ok subscribe 1 added\n')
  for (let i = 0; i < 100; i++) {
    const numbers = Array.from({ length: 1_000 }, (_, k) => i * 1_000 + k + 1)
    const lines = numbers.map((number) => `:n ${number}\n:/upper/colour rgb(0 0 ${number % 256})\n`)
    bus.send(lines.join(''))
  }
  // The page answers, also in the middle of it.
  await at(page, 'upper-shape-circle').click()
  assert.equal(await bus.next(), ':/upper/shape circle\n')
  await says(page, 'sub-1-count', /^200,000$/)
  const last = `rgb(0 0 ${100_000 % 256})`
  await shows(page, 'upper-figure', { 'data-colour': last })
  assert.equal(await at(page, 'log').locator('li').count(), 200)
  assert.equal((await logged(page, 'in')).at(-1), `:/upper/colour ${last}`)
})

test('a line as typed, brought back by arrow keys; secrets are not', { skip }, async (t) => {
  const { page, bus } = await scene(t)
  const field = at(page, 'raw-line')
  await field.fill(' :/a  å ')
  await field.press('Enter')
  assert.equal(await bus.next(), ' :/a  å \n')
  await field.fill('auth token s3cret')
  await field.press('Enter')
  assert.equal(await bus.next(), 'auth token s3cret\n')
  await says(page, 'log', 'auth token …')
  assert.equal((await at(page, 'log').textContent())?.includes('s3cret'), false)
  await field.fill('draft')
  await field.press('ArrowUp')
  assert.equal(await field.inputValue(), ' :/a  å ')
  await field.press('ArrowDown')
  assert.equal(await field.inputValue(), 'draft')
})

/** Notes down what the connection state says from now on. */
const noteStates = `{
  window.states = []
  const element = document.querySelector('[data-testid=connection]')
  new MutationObserver(() => states.push(element.textContent)).observe(element, { childList: true })
}`

test('a lost connection is tried again, and subscribed again', { skip }, async (t) => {
  const fake = await startFakeTextBus(t)
  const page = await openPage(t, fake.url)
  const first = await fake.connection()
  for (const id of ['2', '5']) {
    await at(page, `sub-${id}-subscribe`).click()
    await first.next()
    first.send(`ok subscribe ${id} added\n`)
    await shows(page, `sub-${id}-lamp`, { 'data-state': 'on' })
  }
  first.send(':/upper/shape circle\n')
  await says(page, 'sub-5-count', /^1$/)
  await page.evaluate(noteStates)
  fake.hold()
  first.break()
  await shows(page, 'sub-2-lamp', { 'data-state': 'lost' })
  await at(page, 'send-all').click()
  await says(page, 'log', 'not connected, not sent: :/upper/shape circle')
  fake.release()
  // Nothing is known of the new connection before it answers.
  const second = await fake.silentConnection()
  assert.equal(await second.next(), 'version\n')
  await says(page, 'connection', /^connecting$/)
  second.send('ok version tmb/1 msgbus/9.9.9 tenant/default/other\n')
  const restored = 'subscribe 2 begins-with /upper\nsubscribe 5 is /upper/shape\n'
  assert.equal(await second.next(), restored)
  await says(page, 'connection', /^connected to tenant\/default\/other$/)
  const states = ['lost, retrying in 1 s', 'connecting', 'connected to tenant/default/other']
  assert.deepEqual(await page.evaluate('states'), states)
  await shows(page, 'sub-2-lamp', { 'data-state': 'lost' })
  second.send('ok subscribe 2 added\nerror too-many-subscriptions subscribe no more\n')
  await shows(page, 'sub-2-lamp', { 'data-state': 'on' })
  await shows(page, 'sub-5-lamp', { 'data-state': 'off' })
  await says(page, 'problem', 'error too-many-subscriptions subscribe no more')
  await says(page, 'sub-2-count', /^1$/)

  // By hand, while it waits.
  fake.hold()
  second.break()
  await shows(page, 'sub-2-lamp', { 'data-state': 'lost' })
  await at(page, 'reconnect').click()
  fake.release()
  const third = await fake.connection()
  assert.equal(await third.next(), 'subscribe 2 begins-with /upper\n')
})

test('a lost connection is announced, without the seconds', { skip }, async (t) => {
  const fake = await startFakeTextBus(t)
  const page = await openPage(t, fake.url)
  const bus = await fake.connection()
  await says(page, 'announcement', /^connected to tenant\/default\/fake$/)
  fake.hold()
  bus.break()
  await says(page, 'announcement', /^connection lost$/)
})

test('everything by keyboard, in the order in which it is read', { skip }, async (t) => {
  const { page, bus } = await scene(t)
  const focused = `document.activeElement.dataset.testid ?? document.activeElement.className`
  const order: unknown[] = []
  for (let i = 0; i < 100; i++) {
    await page.keyboard.press('Tab')
    const now = await page.evaluate(focused)
    if (now === order[0]) break
    order.push(now)
  }
  const controls = await page
    .locator('button, input, select')
    .evaluateAll((all) => all.map((each) => each.getAttribute('data-testid')))
  assert.deepEqual(order, ['skip', 'reconnect', 'home', ...controls.slice(1), 'scroller', ''])
  await at(page, 'sub-2-subscribe').focus()
  await page.keyboard.press('Enter')
  assert.equal(await bus.next(), 'subscribe 2 begins-with /upper\n')
  await at(page, 'lower-colour-blue').focus()
  await page.keyboard.press('Space')
  assert.equal(await bus.next(), ':/lower/colour blue\n')
})

test('every control has a name of its own, every figure says how it looks', { skip }, async (t) => {
  const { page, bus } = await scene(t)
  bus.send(':/upper/shape circle\n:/upper/colour red\n')
  const names = new Set<string>()
  const tree = await page.locator('body').ariaSnapshot()
  const controls = tree.match(/(?<=- )(?:button|textbox|combobox|checkbox|link)\b.*$/gm) ?? []
  for (const control of controls) {
    assert.match(control, /^\w+ "[^"]+"/, 'a control without a name')
    const name = control.replace(/ \[.*|:.*/g, '')
    assert.ok(!names.has(name), `two controls are called ${name}`)
    names.add(name)
  }
  assert.ok(controls.length > 30, tree)
  await page.getByRole('img', { name: 'Upper figure: red circle' }).waitFor()
  await page.getByRole('group', { name: 'Lower figure, colour' }).waitFor()
  // What changes by the second is not read out: only these are.
  const live = page.locator('[aria-live], [role=status], [role=log], [role=alert], output')
  const spoken = await live.evaluateAll((all) =>
    all.map((each) => each.getAttribute('data-testid')),
  )
  assert.deepEqual(spoken, ['problem', 'announcement'])
})

test('two columns on a wide screen, one on a phone, none too wide', { skip }, async (t) => {
  const fake = await startFakeTextBus(t)
  const page = await openPage(t, fake.url)
  const left = async (testId: string) => (await at(page, testId).boundingBox())?.x ?? 0
  assert.ok((await left('sub-1-subscribe')) > (await left('upper-figure')) + 240)
  const small = { width: 320, height: 640 }
  for (const size of [phone, small, { width: 900, height: 800 }]) {
    await page.setViewportSize(size)
    assert.equal(await scrollsSideways(page), false, `${size.width} px`)
    const below = await at(page, 'sub-1-subscribe').boundingBox()
    const above = await at(page, 'lower-figure').boundingBox()
    assert.ok((below?.y ?? 0) > (above?.y ?? 0) + (above?.height ?? 0), `${size.width} px`)
  }
  // No word is wider than its button.
  await page.setViewportSize(small)
  const cut = `[...document.querySelectorAll('button')]
    .filter((button) => button.scrollWidth > button.clientWidth)
    .map((button) => button.dataset.testid)`
  assert.deepEqual(await page.evaluate(cut), [])
  await page.setViewportSize(desktop)
  const { width, height } = (await at(page, 'upper-figure').boundingBox()) ?? {}
  assert.deepEqual({ width, height }, { width: 240, height: 180 })
})

/** Contrast of every text that can be seen with the ground it stands on: [ratio, text], least first. */
const contrasts = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = colour
    canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data]
  }
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor)
      if (colour[3] === 255) return colour
    }
    return rgba(getComputedStyle(document.documentElement).backgroundColor)
  }
  return [...document.querySelectorAll('body *')]
    .filter((element) => element.checkVisibility() && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((element) => {
      const style = getComputedStyle(element)
      const [a, b] = [rgba(element.closest('svg') ? style.fill : style.color), ground(element)].map(luminance)
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.textContent.trim()]
    })
    .sort(([a], [b]) => a - b)
})()`

for (const colorScheme of ['light', 'dark'] as const) {
  test(`every text can be read: ${colorScheme}`, { skip }, async (t) => {
    const fake = await startFakeTextBus(t)
    const page = await openPage(t, fake.url, { colorScheme })
    const bus = await fake.connection()
    await at(page, 'sub-1-subscribe').click()
    await bus.next()
    bus.send('ok subscribe 1 added\nerror bad-pattern -\n:/upper/shape circle\n:/upper/shape x\n')
    await says(page, 'log', 'not understood')
    const [least] = (await page.evaluate(contrasts)) as [number, string][]
    assert.ok(least !== undefined && least[0] >= 4.5, `contrast ${least?.[0]}: ${least?.[1]}`)
    bus.break()
    await shows(page, 'sub-1-lamp', { 'data-state': 'lost' })
    const [lost] = (await page.evaluate(contrasts)) as [number, string][]
    assert.ok(lost !== undefined && lost[0] >= 4.5, `contrast ${lost?.[0]}: ${lost?.[1]}`)
  })
}
