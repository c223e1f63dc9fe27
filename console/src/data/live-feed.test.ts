import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Message } from '../../../src/client/core.ts'
import { codecs } from '../../../src/client/payload-codec.ts'
import { LiveFeed, shownAtOnce } from './live-feed.ts'

const origin = { tenantId: 't', blName: 'b', deviceId: 'd' }

function message(headId: number, payload = new Uint8Array(0)): Message {
  const wire = {
    id: `m${headId}`,
    headId,
    payload,
    headers: new Map(),
    createdAtMs: 0,
    deleted: false,
  }
  return new Message(wire, { topic: 'a', origin, codec: codecs.bytes, position: undefined })
}

/** Whatever waits for promises has gone on. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A feed whose messages come when the test says so, and whose view is drawn when the test says so. */
function startFeed(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const waiting: ((batch: readonly Message[] | undefined) => void)[] = []
  const source = {
    isClosed: false,
    ready: () => Promise.resolve(),
    close() {
      source.isClosed = true
      waiting.shift()?.(undefined)
      return Promise.resolve()
    },
    async *batches() {
      for (;;) {
        const batch = await new Promise<readonly Message[] | undefined>((r) => waiting.push(r))
        if (batch === undefined) return
        yield batch
      }
    },
  }
  const feed = new LiveFeed(source)
  const give = async (batch: readonly Message[] | undefined) => {
    await turn()
    waiting.shift()?.(batch)
    await turn()
  }
  const heads = () => feed.view.value.messages.map(({ headId }) => headId)
  return { feed, source, give, heads, draw: () => t.mock.timers.tick(200) }
}

test('ten thousand messages: all counted, the newest shown, drawn when it is time', async (t) => {
  const { feed, give, heads, draw } = startFeed(t)
  let drawn = 0
  feed.view.subscribe(() => (drawn += 1))
  for (let i = 0; i < 10; i++) {
    await give(Array.from({ length: 1_000 }, (_, k) => message(i * 1_000 + k + 1)))
  }
  assert.ok(drawn <= 3, `drawn ${drawn} times before it was time`)
  assert.deepEqual(heads(), [])
  draw()
  assert.equal(feed.view.value.received, 10_000)
  assert.deepEqual(
    heads(),
    Array.from({ length: shownAtOnce }, (_, i) => 10_000 - i),
  )
  feed.close()
})

test('held, the view stays and counting goes on; let go, it shows the newest', async (t) => {
  const { feed, give, heads, draw } = startFeed(t)
  await give([message(1)])
  draw()
  feed.hold(true)
  await give([message(2), message(3)])
  draw()
  assert.deepEqual(heads(), [1])
  assert.equal(feed.view.value.newer, 2)
  feed.hold(false)
  assert.deepEqual(heads(), [3, 2, 1])
  assert.equal(feed.view.value.newer, 0)
  feed.close()
})

test('of a large payload the beginning is kept, as a copy', async (t) => {
  const { feed, give, draw } = startFeed(t)
  const frame = new Uint8Array(2_000_000).fill(7)
  await give([message(1, frame.subarray(1_000, 1_500_000))])
  draw()
  const [shown] = feed.view.value.messages
  assert.equal(shown?.size, 1_499_000)
  assert.ok(shown.payload.length < 20_000)
  assert.notEqual(shown.payload.buffer, frame.buffer)
  feed.close()
})

test('closing it closes the subscription and says nothing; an end is said', async (t) => {
  const closed = startFeed(t)
  await closed.give([message(1)])
  closed.feed.close()
  assert.ok(closed.source.isClosed)
  await closed.give(undefined)
  assert.equal(closed.feed.view.value.state, 'open')
  t.mock.timers.reset()
  const ended = startFeed(t)
  await ended.give(undefined)
  assert.equal(ended.feed.view.value.state, 'failed')
  assert.equal(ended.feed.view.value.error, 'The subscription ended.')
})
