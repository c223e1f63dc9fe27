import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { BusError, Message } from '../../../src/client/core.ts'
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
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  const waiting: ((batch: readonly Message[] | Error) => void)[] = []
  const opened = { times: 0, closed: 0, refusal: undefined as Error | undefined }
  const open = () => {
    opened.times += 1
    const { refusal } = opened
    return {
      ready: () => (refusal === undefined ? Promise.resolve() : Promise.reject(refusal)),
      close() {
        opened.closed += 1
        waiting.shift()?.(new Error('closed'))
        return Promise.resolve()
      },
      async *batches() {
        for (;;) {
          const batch = await new Promise<readonly Message[] | Error>((r) => waiting.push(r))
          if (batch instanceof Error) throw batch
          yield batch
        }
      },
    }
  }
  const feed = new LiveFeed(open)
  const give = async (batch: readonly Message[] | Error) => {
    await turn()
    waiting.shift()?.(batch)
    await turn()
  }
  const heads = () => feed.view.value.messages.map(({ headId }) => headId)
  return { feed, opened, give, heads, draw: () => t.mock.timers.tick(200) }
}

const lost = () => new BusError('unavailable', 'connection_lost', 'nobody there')

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

test('interrupted, it opens again and goes on, and says so; closed, it does not', async (t) => {
  const { feed, opened, give, heads, draw } = startFeed(t)
  await give([message(1)])
  await give(lost())
  assert.equal(feed.view.value.state, 'interrupted')
  assert.equal(feed.view.value.error, 'nobody there')
  opened.refusal = lost()
  feed.retry()
  await turn()
  assert.equal(opened.times, 2)
  assert.equal(feed.view.value.state, 'interrupted')
  opened.refusal = undefined
  t.mock.timers.tick(10_000)
  await give([message(5)])
  draw()
  assert.equal(opened.times, 3)
  assert.equal(feed.view.value.state, 'open')
  assert.notEqual(feed.view.value.interruptedAtMs, undefined)
  assert.deepEqual(heads(), [5, 1])
  assert.equal(feed.view.value.received, 2)
  feed.close()
  await turn()
  t.mock.timers.tick(60_000)
  await turn()
  assert.deepEqual([opened.times, opened.closed], [3, 1])
})

test('what would be refused again is not asked again', async (t) => {
  const { feed, opened, give } = startFeed(t)
  await give(new BusError('permission_denied', 'access_denied', 'not you'))
  assert.equal(feed.view.value.state, 'failed')
  assert.equal(feed.view.value.error, 'not you')
  t.mock.timers.tick(60_000)
  await turn()
  assert.equal(opened.times, 1)
})
