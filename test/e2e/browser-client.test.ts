/** The client in a real page: what it publishes, subscribes, serves and asks, and what it loses when the daemon dies. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { openPage, startWebDaemon, withoutChromium } from '../browser/page-harness.ts'
import { connect, type MsgbusClient } from '../../src/client/index.ts'
import { bundleClient } from './browser-bundle.ts'
import { overWebSocket } from './client-transports.ts'
import { type DaemonProcess, temporaryFolder } from './daemon-process.ts'

// What Chromium reports of each attempt to connect to nobody; and answers of the daemon are no page with an icon.
const expected = /WebSocket connection to|favicon\.ico/

let bundled: Promise<{ readonly code: string }> | undefined

/** A page of the daemon's own origin with the client as `msgbus`, and a client as `bus`. */
async function openClientPage(t: TestContext, url: string): Promise<Page> {
  bundled ??= bundleClient()
  const { code } = await bundled
  // A real page: one that only the test makes may not connect to this machine.
  const page = await openPage(t, `${url}/healthz`, { expected })
  await page.route(`${url}/under-test.js`, async (route) => {
    await route.fulfill({ contentType: 'text/javascript', body: code })
  })
  await page.evaluate(`(async () => {
    document.title = 'msgbus'
    globalThis.msgbus = await import('/under-test.js')
    globalThis.bus = await msgbus.connect()
  })()`)
  return page
}

/** A server that is not the daemon, with a page and the client; its origin. */
async function serveElsewhere(t: TestContext): Promise<string> {
  bundled ??= bundleClient()
  const { code } = await bundled
  const server = createServer(({ url }, response) => {
    const isScript = url?.endsWith('.js') === true
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? code : '<!doctype html><title>elsewhere</title>')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const bound = server.address()
  return `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`
}

/** Runs statements in the page; what they return. */
function inPage<R>(page: Page, statements: string): Promise<R> {
  return page.evaluate<R>(`(async () => { ${statements} })()`)
}

/** A program beside the page, over gRPC. */
async function program(t: TestContext, daemon: DaemonProcess): Promise<MsgbusClient> {
  const client = await connect(daemon.address)
  t.after(() => client.close())
  return client
}

suite('a page', { skip: withoutChromium }, () => {
  test('publishes, subscribes, fetches, and lists what there is', async (t) => {
    const daemon = await startWebDaemon(t, { args: ['--storage', 'memory'] })
    const [page, other] = [await openClientPage(t, daemon.url), await program(t, daemon)]
    const stored = await inPage(
      page,
      `const { topic, headId } = await bus.publish('rooms/hall', 'warm', { headers: { unit: '°C' } })
       return [topic, String(headId)]`,
    )
    assert.deepEqual(stored, ['rooms/hall', '1'])
    const [first] = await other.fetchAll('rooms/hall')
    assert.deepEqual([first?.text(), first?.headers.get('unit')], ['warm', '°C'])

    await inPage(
      page,
      `globalThis.seen = []
       globalThis.subscription = bus.subscribe('rooms/#')
       globalThis.reading = (async () => {
         for await (const { topic, headId, text } of subscription) {
           seen.push(topic + ' ' + headId)
           if (seen.length === 4) break
         }
       })()
       await subscription.ready()`,
    )
    await other.publish('rooms/hall', 'cold')
    await other.publish('rooms/attic', 'hot')
    await other.publish('rooms/attic', 'live', { stored: false })
    const seen = await inPage(page, 'await reading; return seen')
    assert.deepEqual(seen, ['rooms/hall 1', 'rooms/hall 2', 'rooms/attic 1', 'rooms/attic 0'])

    await other.enqueueFifo('jobs', 'resize', 'picture')
    const listed = await inPage(
      page,
      `const texts = (await bus.fetchAll('rooms/hall')).map((message) => message.text())
       const queues = (await bus.listQueues()).map(({ queue, depth }) => [queue, depth])
       const [own] = (await bus.clients()).filter(({ transport }) => transport === 'websocket')
       let job
       for await (const delivery of bus.consume('jobs')) {
         job = delivery.text()
         await delivery.ack()
         break
       }
       return { texts, queues, protocol: own.protocol, ready: (await bus.status()).ready, job }`,
    )
    assert.deepEqual(listed, {
      texts: ['warm', 'cold'],
      queues: [['jobs', 1]],
      protocol: 'grpc',
      ready: true,
      job: 'picture',
    })
  })

  test('serves calls and asks, has a name and is written to', async (t) => {
    const daemon = await startWebDaemon(t, { args: ['--storage', 'memory'] })
    const [page, other] = [await openClientPage(t, daemon.url), await program(t, daemon)]
    await inPage(
      page,
      `await bus.register('page.title', (call) => document.title + ' for ' + call.text())
       await bus.register('page.fail', () => { throw new msgbus.CallError('page.no') })
       globalThis.me = bus.join('page.1')
       await me.ready()`,
    )
    assert.equal((await other.call('page.title', 'you')).text(), 'msgbus for you')
    await assert.rejects(other.call('page.fail', ''), { errorName: 'page.no' })
    await other.register('program.add', (call) => {
      const { a, b } = call.json<{ a: number; b: number }>()
      return String(a + b)
    })
    const sum = await inPage(
      page,
      `const answer = await bus.call('program.add', { a: 2, b: 3 }, { codec: msgbus.codecs.json() })
       return answer.text()`,
    )
    assert.equal(sum, '5')
    const desk = other.join('desk')
    await desk.ready()
    await desk.send('page.1', 'hello page')
    const got = await inPage(
      page,
      `for await (const { sender, payload } of me) {
         await me.send(sender, 'hello desk')
         return [sender, new TextDecoder().decode(payload)]
       }`,
    )
    assert.deepEqual(got, ['desk', 'hello page'])
    for await (const message of desk) {
      assert.deepEqual([message.sender, message.text()], ['page.1', 'hello desk'])
      break
    }
    const refused = await inPage(
      page,
      `try { await bus.send('nobody', 'x') } catch (error) { return [error.code, error.reason] }`,
    )
    assert.deepEqual(refused, ['not_found', 'unknown_client'])
  })

  test('goes on after a daemon that was killed: no gap, nothing twice', async (t) => {
    const first = await startWebDaemon(t)
    const page = await openClientPage(t, first.url)
    let daemon: DaemonProcess = first
    await inPage(
      page,
      `const reconnect = { minDelayMs: 20, maxDelayMs: 100 }
       globalThis.heads = []
       globalThis.subscription = bus.subscribe('work', { reconnect })
       globalThis.reading = (async () => {
         for await (const { headId } of subscription) {
           heads.push(Number(headId))
           if (headId === 600n) return
         }
       })()
       await subscription.ready()
       globalThis.publisher = bus.publisher({ reconnect })
       for (let i = 0; i < 100; i++) await publisher.send('from-page', String(i))`,
    )
    for (let round = 0; round < 3; round++) {
      const other = await program(t, daemon)
      const publisher = other.publisher()
      for (let i = 0; i < 200; i++) await publisher.send('work', String(i))
      await publisher.close()
      if (round === 2) break
      daemon.kill('SIGKILL')
      await daemon.exited
      // The page publishes while nobody is there.
      await inPage(
        page,
        `for (let i = 0; i < 10; i++) publisher.publish('from-page', 'alone').catch(() => undefined)`,
      )
      daemon = await overWebSocket.startAgain(t, daemon)
    }
    const heads = await inPage<number[]>(
      page,
      'await reading; await publisher.close(); return heads',
    )
    assert.deepEqual(
      heads,
      Array.from({ length: 600 }, (_, i) => i + 1),
    )
    const other = await program(t, daemon)
    assert.equal(await other.getHead('from-page'), 120n)
  })

  test('that does not read is held with little, and gets everything once it does', async (t) => {
    const daemon = await startWebDaemon(t, { args: ['--storage', 'memory'] })
    const [page, other] = [await openClientPage(t, daemon.url), await program(t, daemon)]
    const [count, bytes] = [1_000, 50_000]
    await inPage(
      page,
      `globalThis.subscription = bus.subscribe('flood', { from: 'now' })
       globalThis.iterator = subscription[Symbol.asyncIterator]()
       await subscription.ready()`,
    )
    const quick = other.subscribe('flood', { from: 'now' })
    await quick.ready()
    const reading = (async () => {
      let received = 0
      for await (const { payload } of quick) {
        assert.equal(payload.length, bytes)
        received += 1
        if (received === count) return
      }
    })()
    const publisher = other.publisher()
    const payload = new Uint8Array(bytes)
    for (let i = 0; i < count; i++) await publisher.send('flood', payload)
    await publisher.close()
    await reading
    const clients = await other.clients()
    const waiting = clients.find(({ transport }) => transport === 'websocket')?.queuedBytes
    // 50 MB are for it.
    assert.ok(waiting !== undefined && waiting < 2_000_000, `${waiting} bytes wait`)
    const heads = await inPage(
      page,
      `const heads = new Set()
       let last = 0n
       while (last < ${count}n) {
         const { value } = await iterator.next()
         if (value.headId !== last + 1n) throw new Error(value.headId + ' after ' + last)
         last = value.headId
         heads.add(last)
       }
       return heads.size`,
    )
    assert.equal(heads, count)
  })

  test('of another origin comes in when the daemon lists it, and only then', async (t) => {
    const origin = await serveElsewhere(t)
    const config = join(temporaryFolder(t), 'msgbusd.yaml')
    writeFileSync(config, `protocols:\n  http:\n    origins: [${origin}]\n`)
    const args = ['--storage', 'memory']
    const [open, shut] = [
      await startWebDaemon(t, { args: [...args, '--config', config] }),
      await startWebDaemon(t, { args }),
    ]
    const page = await openPage(t, origin, { expected })
    const told = await inPage<string[]>(
      page,
      `const { connect } = await import('/client.js')
       const bus = await connect('${open.url}')
       const { headId } = await bus.publish('from/elsewhere', 'hello')
       const refused = await connect('${shut.url}').catch((error) => error.message)
       return [String(headId), refused]`,
    )
    assert.equal(told[0], '1')
    assert.ok(told[1]?.endsWith(`and that protocols.http.origins lists ${origin}`), told[1])
  })

  test('learns what to do when nobody is there', async (t) => {
    const daemon = await startWebDaemon(t, { args: ['--storage', 'memory'] })
    const page = await openClientPage(t, daemon.url)
    const told = await inPage<string[]>(
      page,
      `const told = []
       for (const address of ['ws://127.0.0.1:1', 'ftp://x', '/nothing-there']) {
         try { await msgbus.connect(address) } catch (error) { told.push(error.code, error.message) }
       }
       return told`,
    )
    const [first, why, second, , third, where] = told
    assert.deepEqual([first, second, third], ['unavailable', 'invalid_argument', 'unavailable'])
    assert.match(
      why ?? '',
      /127\.0\.0\.1:1\/msgbus: start msgbusd.*protocols\.http\.origins lists http:/,
    )
    assert.match(
      where ?? '',
      /nothing-there: start msgbusd, and see that --http names this address$/,
    )
  })
})
