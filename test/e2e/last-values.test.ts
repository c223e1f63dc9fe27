// Last values over restarts of the real daemon: after a shutdown all of them are there, after kill -9 what was saved and
// everything that was stored (spec/tmb 11, cases 62, 65, 66 and 68).

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { silentLogger } from '../../src/core/logger.ts'
import { loadConfig } from '../../src/daemon/config.ts'
import { startDaemon as startDaemonHere } from '../../src/daemon/daemon.ts'
import { openStore } from '../../src/daemon/open-store.ts'
import { EventReader } from '../conformance/http/event-reader.ts'
import { cleanUp } from './clean-up.ts'
import { type DaemonProcess, startDaemon } from './daemon-process.ts'
import { LineClient } from './line-client.ts'
import { connectV1 } from './v1-client.ts'

const fileName = 'last-values'

function start(
  t: TestContext,
  storage: string,
  data?: string,
  args: readonly string[] = [],
): Promise<DaemonProcess> {
  const all = ['--storage', storage, '--tmb', '127.0.0.1:0', '--busrt', 'off', ...args]
  return startDaemon(t, { args: all, ...(data === undefined ? {} : { data }) })
}

function lines(t: TestContext, daemon: DaemonProcess): Promise<LineClient> {
  const tmb = daemon.info.listeners.find(({ protocol }) => protocol === 'tmb')
  assert.ok(tmb !== undefined)
  return LineClient.connect(t, tmb.address)
}

/** Resolves when the file of last values has this text in it. */
function saved(t: TestContext, data: string, text: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(data)
    cleanUp(t, () => watcher.close())
    const look = () => {
      if (!contentOf(data).includes(text)) return
      watcher.close()
      resolve()
    }
    watcher.on('change', look)
    look()
  })
}

function contentOf(data: string): Buffer {
  try {
    return readFileSync(join(data, fileName))
  } catch {
    // There is none before the first save.
    return Buffer.alloc(0)
  }
}

for (const storage of ['lmdb', 'sqlite']) {
  test(`62, 65, 68: ${storage}: a shutdown keeps every last line, byte for byte and in order`, async (t) => {
    const first = await start(t, storage)
    const before = await lines(t, first)
    for (const line of [':/a 1', ':/b 3', ':/a 2', ':/tab\tx', ':/empty', ':/blank '])
      before.send(line)
    before.send(Buffer.from([0x3a, 0xff, 0x20, 0x00, 0xfe]))
    const expected = await before.ask('last r .')
    assert.equal(expected[0], 'ok last 6')
    assert.deepEqual(expected.slice(1, 4), [':/b 3', ':/a 2', ':/tab\tx'])
    const exit = await first.stop()
    assert.equal(exit.code, 0, exit.stderr)

    const second = await start(t, storage, first.data)
    const after = await lines(t, second)
    assert.deepEqual(await after.ask('last r .'), expected)
    after.send('last r ^.$')
    assert.equal(String(await after.next()), 'ok last 1')
    assert.deepEqual(await after.next(), Buffer.from([0x3a, 0xff, 0x20, 0x00, 0xfe]))
    // What comes now is newer.
    after.send(':/b 4')
    assert.deepEqual((await after.ask('last b /')).at(-1), ':/b 4')
  })

  test(`${storage}: kill -9 costs what was not saved, and nothing that was stored`, async (t) => {
    let daemon = await start(t, storage)
    for (let round = 1; round <= 3; round++) {
      const client = await lines(t, daemon)
      const grpc = connectV1(t, daemon.address)
      client.send(`:/live saved in round ${round}`)
      await client.ask('ping')
      await saved(t, daemon.data, `saved in round ${round}`)
      const payload = Buffer.from(`stored in round ${round}`)
      await grpc.call('Publish', { topic: '/stored', payload })
      await grpc.call('Publish', { topic: `/stored/${round}`, payload })
      // Killed between the answer and the next save.
      daemon.kill('SIGKILL')
      await daemon.exited
      daemon = await start(t, storage, daemon.data)
      const again = await lines(t, daemon)
      assert.deepEqual(await again.ask('last is /live'), [
        'ok last 1',
        `:/live saved in round ${round}`,
      ])
      assert.deepEqual(await again.ask('last begins-with /stored'), [
        `ok last ${round + 1}`,
        ...Array.from(
          { length: round - 1 },
          (_, i) => `:/stored/${i + 1} stored in round ${i + 1}`,
        ),
        `:/stored stored in round ${round}`,
        `:/stored/${round} stored in round ${round}`,
      ])
    }
  })
}

test('66: what is deleted is no last value, also when the daemon is killed right after', async (t) => {
  const first = await start(t, 'lmdb')
  const grpc = connectV1(t, first.address)
  const client = await lines(t, first)
  await client.ask('s 1 r .')
  for (const payload of ['6', '7']) {
    await grpc.call('Publish', { topic: '/a', payload: Buffer.from(payload) })
    assert.equal(String(await client.next()), `:/a ${payload}`)
  }
  assert.deepEqual(await client.ask('last is /a'), ['ok last 1', ':/a 7'])
  await saved(t, first.data, '/a')
  await grpc.call('DeleteRange', { topic: '/a', from_head_id: 2, to_head_id: 2 })
  assert.deepEqual(await client.ask('last is /a'), ['ok last 0'])
  first.kill('SIGKILL')
  await first.exited
  const second = await start(t, 'lmdb', first.data)
  assert.deepEqual(await (await lines(t, second)).ask('last is /a'), ['ok last 0'])
})

test('a damaged file and one of another version cost what they held, never the start', async (t) => {
  let daemon = await start(t, 'lmdb')
  const client = await lines(t, daemon)
  for (let i = 0; i < 10; i++) client.send(`:/topic/${i} payload ${i}`)
  await connectV1(t, daemon.address).call('Publish', {
    topic: '/stored',
    payload: Buffer.from('x'),
  })
  await client.ask('ping')
  await daemon.stop()
  const file = join(daemon.data, fileName)
  const content = readFileSync(file)
  content.fill(0, content.indexOf('payload 3'), content.indexOf('payload 5'))
  writeFileSync(file, content)
  daemon = await start(t, 'lmdb', daemon.data)
  assert.match(daemon.stderr(), /"event":"last_values_damaged"/)
  const left = await (await lines(t, daemon)).ask('last r .')
  assert.ok(left.includes(':/topic/2 payload 2') && left.includes(':/stored x'), left.join('\n'))
  await daemon.stop()
  writeFileSync(file, 'msgbus last values 99\n')
  daemon = await start(t, 'lmdb', daemon.data)
  assert.match(daemon.stderr(), /"event":"last_values_ignored"/)
  assert.deepEqual(await (await lines(t, daemon)).ask('last r .'), ['ok last 1', ':/stored x'])
})

test('with the memory engine nothing is saved', async (t) => {
  const first = await start(t, 'memory')
  const client = await lines(t, first)
  client.send(':/a 1')
  await client.ask('ping')
  await first.stop()
  const second = await start(t, 'memory', first.data)
  assert.deepEqual(await (await lines(t, second)).ask('last r .'), ['ok last 0'])
})

test('whoever asks while the daemon starts is answered when last values are back', async (t) => {
  const first = await start(t, 'lmdb')
  const before = await lines(t, first)
  for (const line of [':/a 1', ':/b 2']) before.send(line)
  await before.ask('ping')
  await first.stop()

  const door = new EventEmitter<{ open: [] }>()
  const isOpen = once(door, 'open')
  const env = {
    MSGBUS_LISTEN: '127.0.0.1:0',
    MSGBUS_HTTP: '127.0.0.1:0',
    MSGBUS_TMB: '127.0.0.1:0',
    MSGBUS_BUSRT: 'off',
    MSGBUS_DATA: first.data,
  }
  const config = loadConfig({ flags: new Map(), env })
  const daemon = await startDaemonHere(config, silentLogger, async (...args) => {
    await isOpen
    return openStore(...args)
  })
  cleanUp(t, () => {
    door.emit('open')
    return daemon.stop()
  })
  const addressOf = (name: string) =>
    daemon.listeners.find(({ protocol }) => protocol === name)?.address ?? ''
  const last = () => fetch(`http://${addressOf('http')}/v1/last`)
  const early = await last()
  assert.equal(early.status, 503)
  assert.match(await early.text(), /"starting"/)
  // A browser would not ask again after a 503, so it waits, too.
  const url = `http://${addressOf('http')}/v1/subscribe?start=earliest`
  const events = EventReader.open(url, { accept: 'text/event-stream' })
  assert.equal((await fetch(url)).status, 503)
  const client = await LineClient.connect(t, addressOf('tmb'))
  assert.deepEqual(await client.ask('ping'), ['ok ping'])
  // Newer than what comes back.
  client.send(':/a 3')
  client.send('watch 1 r .')
  client.send('ping behind it')
  const other = await LineClient.connect(t, addressOf('tmb'))
  assert.deepEqual(await other.ask('ping'), ['ok ping'])
  door.emit('open')
  await daemon.ready
  const answer: string[] = []
  for (let i = 0; i < 4; i++) answer.push(String(await client.next()))
  assert.deepEqual(answer, ['ok watch 1 added 2', ':/b 2', ':/a 3', 'ok ping behind it'])
  assert.match(await (await last()).text(), /"text":"2"/)
  const reader = await events
  cleanUp(t, () => reader.close())
  assert.equal(reader.response.statusCode, 200)
})
