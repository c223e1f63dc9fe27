import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ScreenKey } from '../screen.ts'
import { firstView, viewAfter } from './top-view.ts'
import type { TopView } from './top-view.ts'

const extent = { columns: 4, rows: 20, shown: 5 }

/** The view after these keys. */
function press(...names: (string | ScreenKey)[]): TopView {
  let view = firstView
  for (const name of names) {
    const next = viewAfter(view, typeof name === 'string' ? { name } : name, extent)
    assert.notEqual(next, 'quit')
    if (next !== 'quit') view = next
  }
  return view
}

test('q and Ctrl-C quit, nothing else does', () => {
  assert.equal(viewAfter(firstView, { name: 'q' }, extent), 'quit')
  assert.equal(viewAfter(firstView, { name: 'c', ctrl: true }, extent), 'quit')
  for (const key of [{ name: 'c' }, { name: 'q', ctrl: true }, { name: undefined }, {}]) {
    assert.equal(viewAfter(firstView, key, extent), firstView)
  }
})

test('tab goes round the sections, both ways', () => {
  assert.equal(press('tab').active, 'topics')
  assert.equal(press('tab', 'tab', 'tab').active, 'clients')
  assert.equal(press({ name: 'tab', shift: true }).active, 'queues')
})

test('the column to sort by goes round, in the active section only', () => {
  const { sections } = press('tab', 'right', 'right', 'right')
  assert.equal(sections.topics.sortBy, 0)
  assert.equal(sections.clients.sortBy, firstView.sections.clients.sortBy)
  assert.equal(press('left', 'left').sections.clients.sortBy, 3)
})

test('the order is reversed and back; another column begins in its usual order', () => {
  assert.equal(press('r').sections.clients.reversed, true)
  assert.equal(press('r', 'r').sections.clients.reversed, false)
  assert.equal(press('r', 'right').sections.clients.reversed, false)
})

function scroll(...names: string[]): number {
  return press(...names).sections.clients.scroll
}

test('scrolling stays within the rows', () => {
  assert.equal(scroll('up'), 0)
  assert.equal(scroll('down', 'j', 'k'), 1)
  assert.equal(scroll('pagedown', 'pagedown', 'pageup'), 5)
  assert.equal(scroll('end'), 15)
  assert.equal(scroll('end', 'down', 'pagedown'), 15)
  assert.equal(scroll('end', 'home'), 0)
})

test('p pauses and goes on', () => {
  assert.equal(press('p').paused, true)
  assert.equal(press('p', 'space').paused, false)
})
