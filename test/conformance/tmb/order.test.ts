// spec/tmb 14, order and fairness: cases 58 to 61, and what else section 8 says of slow readers and ends.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformance, type Transport } from './case.ts'
import { heldBytes } from './held-bytes.ts'
import { isQuietAfter, LineClient } from './line-client.ts'
import { startTextBus } from './text-bus.ts'

const whole = { cuts: 'none' } as const
const streams: readonly Transport[] = ['tcp', 'unix']

conformance(
  58,
  'one order for all',
  async ({ client }) => {
    const receivers = [await client(), await client()]
    for (const receiver of receivers) await receiver.subscribe()
    const count = 10_000
    const senders = [await client(), await client()]
    await Promise.all(
      senders.map(async (sender, who) => {
        for (let i = 0; i < count; i += 100) {
          const lines = Array.from({ length: 100 }, (_, n) => `:/${who} ${i + n}\n`)
          await sender.send(lines.join(''))
        }
      }),
    )
    const seen = await Promise.all(
      receivers.map(async (receiver) => {
        const lines: string[] = []
        while (lines.length < 2 * count) lines.push(await receiver.line())
        return lines
      }),
    )
    assert.deepEqual(seen[0], seen[1])
    for (const who of [0, 1]) {
      const own = seen[0]?.filter((line) => line.startsWith(`:/${who} `)) ?? []
      assert.deepEqual(
        own.map((line) => Number(line.slice(4))),
        Array.from({ length: count }, (_, i) => i),
      )
    }
  },
  whole,
)

/** 1,000 lines of about 1,000 bytes over ten categories. */
function block(from: number): string {
  return Array.from({ length: 1_000 }, (_, i) => {
    return `:/${(from + i) % 10} ${String(from + i).padStart(1_000, '.')}\n`
  }).join('')
}

conformance(
  59,
  'who does not read is disconnected, and nobody else is disturbed',
  async ({ client, textBus }) => {
    const a = await client()
    await a.subscribe()
    const c = await client()
    await c.subscribe('s 1 is /3')
    const b = await client()
    a.pause()
    const before = await heldBytes()
    let most = 0
    for (let i = 0; i < 100; i++) {
      await b.send(block(i * 1_000))
      await b.isQuiet()
      for (let n = 0; n < 100; n++) assert.match(await c.line(), /^:\/3 /)
      if (i % 10 === 9) most = Math.max(most, (await heldBytes()) - before)
    }
    // 8 MiB of queue, and what the sockets of both ends hold in this process.
    assert.ok(most < 32 * 1_048_576, `${most} bytes more`)
    assert.equal(textBus.bus.counters.slowClientsDisconnected, 1)
    assert.equal(textBus.bus.clients().length, 2)
    textBus.clock.advance(1_000)
  },
  { ...whole, transports: ['tcp'] },
)

conformance(
  60,
  'latest: the newest of each category',
  async ({ client }) => {
    const a = await client()
    await a.subscribe()
    const b = await client()
    a.pause()
    const count = 1_000_000
    const perBlock = 10_000
    for (let i = 0; i < count; i += perBlock) {
      const lines = Array.from({ length: perBlock }, (_, n) => `:/${n % 10} ..........${i + n}\n`)
      await b.send(lines.join(''))
      await b.isQuiet()
    }
    a.resume()
    await b.send(':/end\n')
    const newest = new Map<string, number>()
    let dropped = 0
    let seen = 0
    for (;;) {
      const line = await a.line()
      if (line === ':/end') break
      const [, episode] = /^info slow (\d+)$/.exec(line) ?? []
      if (episode !== undefined) {
        dropped += Number(episode)
        continue
      }
      const [, category = '', number = ''] = /^:(\/\d) \.+(\d+)$/.exec(line) ?? []
      assert.ok(Number(number) > (newest.get(category) ?? -1), 'in order')
      newest.set(category, Number(number))
      seen += 1
    }
    assert.equal(seen + dropped, count)
    assert.ok(dropped > 0)
    assert.deepEqual(
      [...newest].toSorted(([one], [other]) => (one < other ? -1 : 1)),
      Array.from({ length: 10 }, (_, i) => [`/${i}`, count - 10 + i]),
    )
    await a.isQuiet()
  },
  { ...whole, transports: ['tcp'], settings: { slow: 'latest', queueBytes: 1_048_576 } },
)

conformance(
  '8.3',
  'drop-new: what comes while there is no room is missing',
  async ({ client }) => {
    const a = await client()
    await a.subscribe()
    const b = await client()
    a.pause()
    const blocks = 40
    for (let i = 0; i < blocks; i++) {
      await b.send(block(i * 1_000))
      await b.isQuiet()
    }
    a.resume()
    let next = 0
    for (;;) {
      const line = await a.line()
      const [, dropped] = /^info slow (\d+)$/.exec(line) ?? []
      if (dropped !== undefined) {
        assert.equal(next + Number(dropped), blocks * 1_000)
        break
      }
      // What came at all is the beginning, without a hole.
      assert.equal(Number(/\d+$/.exec(line.replace(/^.*\./, ''))?.[0]), next)
      next += 1
    }
    await b.send(':/end\n')
    await a.gets(':/end\n')
    await a.isQuiet()
  },
  { ...whole, transports: ['tcp'], settings: { slow: 'drop-new', queueBytes: 1_048_576 } },
)

conformance(
  '8.3',
  'who does not read answers is not listened to, and loses none',
  async ({ client, textBus }) => {
    const a = await client()
    a.pause()
    const text = 'x'.repeat(4_000)
    const commands = `p ${text}\n`.repeat(50)
    let isSent = false
    const sending = (async () => {
      for (let i = 0; i < 200; i++) await a.send(commands)
      isSent = true
    })()
    const b = await client()
    // Until nothing moves any more: it is paused, and its side of the connection is full.
    for (let still = 0, before = -1; still < 20;) {
      await b.isQuiet()
      const queued = textBus.bus.clients()[0]?.queuedBytes ?? 0
      still = queued === before ? still + 1 : 0
      before = queued
    }
    assert.equal(isSent, false)
    assert.ok((textBus.bus.clients()[0]?.queuedBytes ?? 0) < 2 * 1_048_576)
    a.resume()
    for (let i = 0; i < 10_000; i++) await a.gets(`ok ping ${text}\n`)
    await sending
    await a.isQuiet()
  },
  { ...whole, transports: ['tcp'], settings: { queueBytes: 1_048_576 } },
)

conformance(
  61,
  'who has stopped sending still receives, if it listens to something',
  async ({ client }) => {
    const a = await client()
    await a.send('s 1 r .\n')
    a.halfClose()
    await a.gets('ok subscribe 1 added\n')
    const b = await client()
    await b.send(':/a x\n')
    await a.gets(':/a x\n')
    b.halfClose()
    await b.isClosed()
  },
  { transports: streams },
)

conformance(
  '8.2',
  'the shutdown is announced',
  async ({ client, textBus }) => {
    const a = await client()
    await a.subscribe()
    const b = await client()
    await b.send(':/a x\n')
    await b.isQuiet()
    await textBus.stop()
    await a.gets(':/a x\ninfo shutting-down\n')
    await a.isClosed()
    await b.gets('info shutting-down\n')
    await b.isClosed()
  },
  whole,
)

conformance(
  '8.2',
  'one client too many',
  async ({ client }) => {
    const a = await client()
    const b = await client()
    const c = await client()
    await c.matches(/^error too-many-clients -/)
    await c.isClosed()
    await a.isQuiet()
    await b.send('q\n')
    await b.gets('ok quit\n')
    await b.isClosed()
    const d = await client()
    await d.isQuiet()
  },
  { ...whole, settings: { maxClients: 2 } },
)

test('1,000 clients that never read: bounded memory, others undisturbed', async (t) => {
  const textBus = await startTextBus(t, { settings: { totalQueueBytes: 33_554_432 } })
  const silent = await Promise.all(
    Array.from({ length: 1_000 }, async () => {
      const one = await LineClient.tcp(textBus.tcp)
      await one.subscribe()
      one.pause()
      return one
    }),
  )
  t.after(() => silent.forEach((one) => one.destroy()))
  const a = await LineClient.tcp(textBus.tcp)
  await a.subscribe('s 1 is /3')
  const b = await LineClient.tcp(textBus.tcp)
  t.after(() => [a, b].forEach((one) => one.destroy()))
  const before = await heldBytes()
  let most = 0
  for (let i = 0; i < 20; i++) {
    await b.send(block(i * 1_000))
    await b.isQuiet()
    for (let n = 0; n < 100; n++) assert.match(await a.line(), /^:\/3 /)
    // Those that were told to go have a second to do it.
    textBus.clock.advance(1_000)
    if (i % 4 === 3) most = Math.max(most, (await heldBytes()) - before)
  }
  await isQuietAfter(a, b)
  // Each may have 64 KiB, whatever the bound of all, and the block that is being filled.
  assert.ok(most < 1_000 * 3 * 65_536, `${most} bytes more`)
  assert.equal(textBus.bus.counters.slowClientsDisconnected, 1_000)
  t.diagnostic(`${Math.round(most / 1_048_576)} MiB at most, ${textBus.bus.clients().length} left`)
})
