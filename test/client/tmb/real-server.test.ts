/** The TMB client and msgbusd: what the fake server cannot show. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import fc from 'fast-check'
import { connect, tmbKinds } from '../../../src/client/tmb/index.ts'
import type { TmbClient, TmbClientOptions } from '../../../src/client/tmb/index.ts'
import { TestAuthority, noCertificates } from '../../e2e/certificates.ts'
import { cleanUp } from '../../e2e/clean-up.ts'
import { startDaemon, temporaryFolder } from '../../e2e/daemon-process.ts'
import type { DaemonOptions, DaemonProcess } from '../../e2e/daemon-process.ts'

interface Scene {
  readonly daemon: DaemonProcess
  readonly address: string
  readonly open: (options?: TmbClientOptions) => Promise<TmbClient>
}

async function start(
  t: TestContext,
  args: readonly string[] = ['--tmb', '127.0.0.1:0'],
  options: DaemonOptions = {},
): Promise<Scene> {
  const daemon = await startDaemon(t, { args: ['--storage', 'memory', ...args], ...options })
  const found = daemon.info.listeners.find(({ protocol }) => protocol === 'tmb')
  const address = `${found?.tls === true ? 'tls+' : ''}${found?.address ?? ''}`
  const open = async (own: TmbClientOptions = {}) => {
    const client = await connect({ address, ...own })
    cleanUp(t, () => client.close())
    return client
  }
  return { daemon, address, open }
}

test('any bytes come back as they were, live and as last values', async (t) => {
  const { open } = await start(t)
  const [sender, receiver] = [await open(), await open()]
  await receiver.subscribe('regexp', '.')
  const messages = receiver.messages()
  const seed = Date.now() % 1_000_000
  t.diagnostic(`seed ${seed}`)
  const notWhite = fc
    .integer({ min: 0, max: 255 })
    .filter((byte) => byte !== 0x20 && !(byte >= 9 && byte <= 13))
  const category = fc.array(notWhite, { minLength: 1, maxLength: 30 })
  const rest = fc.array(
    fc.integer({ min: 0, max: 255 }).filter((byte) => byte !== 0x0a),
    { maxLength: 60 },
  )
  const separator = fc.constantFrom(0x20, 0x09, 0x0b, 0x0c, 0x0d)
  await fc.assert(
    fc.asyncProperty(category, fc.option(rest), separator, async (name, text, white) => {
      const sent = Uint8Array.from(name)
      const body = text === null ? undefined : Uint8Array.from(text)
      await sender.publish(sent, body, { separator: white })
      const { value } = await messages.next()
      const [last] = await receiver.last('is', sent)
      for (const message of [value, last]) {
        assert.deepEqual(Buffer.from(message?.category ?? []), Buffer.from(sent))
        assert.deepEqual(Buffer.from(message?.rest ?? []), Buffer.from(body ?? []))
        assert.deepEqual([...(message?.separator ?? [])], body === undefined ? [] : [white])
      }
    }),
    { seed, numRuns: 500 },
  )
})

test('a watch begins with the last message and goes on without a hole or a double', async (t) => {
  const { open } = await start(t)
  const [sender, receiver] = [await open(), await open()]
  const total = 20_000
  await sender.publish('/n', '0')
  const sending = (async () => {
    for (let i = 1; i < total; i++) {
      const room = sender.publish('/n', String(i))
      if (i % 64 === 0) await room
    }
    await sender.ping()
  })()
  const { snapshot } = await receiver.watch('is', '/n')
  assert.equal(snapshot, 1)
  let next: number | undefined
  for await (const message of receiver) {
    const number = Number(message.text())
    assert.equal(message.isSnapshot, next === undefined)
    if (next !== undefined) assert.equal(number, next)
    next = number + 1
    if (next === total) break
  }
  await sending
})

test('all kinds, options, and what the server refuses', async (t) => {
  const { open } = await start(t)
  const client = await open({ options: { echo: 'off' } })
  const other = await open()
  for (const kind of tmbKinds)
    await client.subscribe(kind, kind === 'is' ? '/upper/shape' : 'shape')
  assert.equal(client.subscriptions.length, tmbKinds.length)
  await client.publish('/upper/shape', 'own')
  await client.ping()
  await other.publish('/upper/shape', 'square')
  await other.publish('/shapeless')
  const messages = client.messages()
  assert.equal((await messages.next()).value?.text(), 'square')
  assert.equal((await messages.next()).value?.categoryText, '/shapeless')
  assert.deepEqual((await other.categories('ends-with', 'shape')).map(String), ['/upper/shape'])
  assert.match(await other.version(), /^tmb\/1 \S+ \S+$/)
  await assert.rejects(client.subscribe('regexp', '(a)\\1'), { tmbCode: 'bad-pattern' })
  await assert.rejects(client.subscribe('regexp', 'a'.repeat(257)), { tmbCode: 'pattern-too-long' })
  await assert.rejects(client.unsubscribe('nobody'), { tmbCode: 'no-such-subscription' })
  await assert.rejects(client.option('echo', 'loud' as never), { tmbCode: 'bad-option' })
  // A refused replacement leaves what was there.
  await assert.rejects(client.subscribe('regexp', '(', { id: '1' }), { tmbCode: 'bad-pattern' })
  assert.equal(client.subscriptions[0]?.kind, tmbKinds[0])
  const refused = new Promise((resolve) =>
    other.on('messageRefused', ({ error }) => resolve(error.tmbCode)),
  )
  await other.publish('/long', 'x'.repeat(65_536))
  assert.equal(await refused, 'line-too-long')
  // And everything goes on.
  assert.equal(await other.forget('is', '/shapeless'), 1)
})

test('the daemon is killed and comes back: subscriptions and watches as before', async (t) => {
  const data = temporaryFolder(t)
  const socket = join(data, 'tmb.sock')
  const args = ['--tmb', `unix:${socket}`]
  const first = await start(t, args)
  const client = await first.open({ reconnect: { minDelayMs: 5, maxDelayMs: 50 } })
  await client.watch('begins-with', '/state')
  const lost = new Promise((resolve) => client.on('disconnected', resolve))
  const back = new Promise((resolve) => client.on('connected', resolve))
  first.daemon.kill('SIGKILL')
  await Promise.all([lost, first.daemon.exited])
  await assert.rejects(client.publish('/state', 'x'), { code: 'unavailable' })
  const second = await start(t, args)
  const other = await second.open()
  await back
  await other.publish('/state/a', 'new')
  const messages = client.messages()
  assert.equal((await messages.next()).value?.text(), 'new')
  // What the server says when it stops in order is the reason that is told.
  const end = new Promise<string>((resolve) => {
    other.on('disconnected', ({ error }) => resolve(error.reason))
  })
  await second.daemon.stop()
  assert.equal(await end, 'shutting_down')
})

test('who does not read for long is cut off and told why', async (t) => {
  const config = join(temporaryFolder(t), 'msgbusd.yaml')
  writeFileSync(config, 'protocols:\n  tmb:\n    queueBytes: 262144\n')
  const { open } = await start(t, ['--tmb', '127.0.0.1:0', '--config', config])
  const sender = await open()
  const slow = await open({ reconnect: false, maxQueuedMessages: 1 })
  await slow.subscribe('is', '/flood')
  const messages = slow.messages()
  const end = new Promise<string>((resolve) => {
    slow.on('disconnected', ({ error }) => resolve(error.reason))
  })
  let isCut = false
  void end.then(() => (isCut = true))
  const text = 'x'.repeat(50_000)
  // Nothing is taken until it is too late; then what had come is still there.
  for (let i = 0; i < 1_000; i++) await sender.publish('/flood', `${i} ${text}`)
  await sender.ping()
  let received = 0
  await assert.rejects(async () => {
    for (;;) {
      const { value } = await messages.next()
      if (!value?.text().startsWith(`${received} `))
        assert.fail(`message ${received} is another one`)
      received += 1
    }
  })
  assert.ok(received < 1_000)
  assert.match(await end, /^(slow_client|connection_lost)$/)
  assert.equal(isCut, true)
})

test(
  'TLS: with the right files it works, else the error says so',
  { skip: noCertificates },
  async (t) => {
    const authority = new TestAuthority(temporaryFolder(t))
    const server = authority.issue('server')
    const files = ['--tls-cert', server.cert, '--tls-key', server.key]
    const { open, address } = await start(t, ['--tmb', 'tls+127.0.0.1:0', ...files])
    const client = await open({ tls: { ca: readFileSync(authority.cert) } })
    await client.subscribe('is', '/a')
    await client.publish('/a', 'secret')
    assert.equal((await client.messages().next()).value?.text(), 'secret')
    await assert.rejects(connect({ address }), {
      code: 'unavailable',
      message: /^no TLS connection to tls\+127\.0\.0\.1:\d+: /,
    })
    await assert.rejects(connect({ address: address.slice('tls+'.length), timeoutMs: 2_000 }), {
      name: 'BusError',
    })
  },
)
