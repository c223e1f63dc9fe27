/** What the TMB client sends and makes of what comes, byte by byte. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import fc from 'fast-check'
import { BusError, TmbError, connect } from '../../../src/client/tmb/index.ts'
import type { TmbClient, TmbClientOptions, TmbMessage } from '../../../src/client/tmb/index.ts'
import { cleanUp } from '../../e2e/clean-up.ts'
import { ManualTiming } from '../busrt/manual-timing.ts'
import { FakeServer } from './fake-tmb-server.ts'
import type { FakeServerOptions, FakeSession } from './fake-tmb-server.ts'

interface Scene {
  readonly server: FakeServer
  readonly session: FakeSession
  readonly client: TmbClient
}

async function start(
  t: TestContext,
  options: FakeServerOptions = {},
  clientOptions: TmbClientOptions = {},
): Promise<Scene> {
  const server = await FakeServer.start(t, options)
  const client = await connect({ address: server.address, ...clientOptions })
  cleanUp(t, () => client.close())
  return { server, client, session: await server.session() }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

/** The next messages, as Latin-1. */
async function take(client: TmbClient, count: number): Promise<string[]> {
  const raw: string[] = []
  for await (const message of client) {
    raw.push(latin1(message.raw))
    if (raw.length === count) break
  }
  return raw
}

test('messages go out byte by byte', async (t) => {
  const { session, client } = await start(t)
  await client.publish('/upper/shape', 'square')
  await client.publish('/ping')
  await client.publish('/a', '')
  await client.publish('/a', ' x ', { separator: 0x09 })
  await client.publish(Uint8Array.of(0xff, 0x00, 0x80), Uint8Array.of(0xfe, 0x00, 0x0d, 0x21))
  // The server takes one CR off each line end.
  await client.publish('/cr', 'x\r')
  await client.publish('/cr', '', { separator: 0x0d })
  await client.publish('/ü', 'ß')
  assert.equal(await session.line(8), ':/\u00c3\u00bc \u00c3\u009f')
  assert.deepEqual(session.lines.slice(0, 7), [
    ':/upper/shape square',
    ':/ping',
    ':/a ',
    ':/a\t x ',
    ':\u00ff\u0000\u0080 \u00fe\u0000\r!',
    ':/cr x\r\r',
    ':/cr\r\r',
  ])
})

const refusals: [what: string, send: (client: TmbClient) => Promise<unknown>, reason: string][] = [
  ['an empty category', (client) => client.publish('', 'x'), 'name_empty'],
  ['a category with a blank', (client) => client.publish('a b', 'x'), 'bad_argument'],
  ['a category with a CR', (client) => client.publish('a\r'), 'bad_argument'],
  ['a category with an LF', (client) => client.publish('a\nb'), 'bad_argument'],
  ['half a surrogate pair', (client) => client.publish('a\ud800'), 'name_not_unicode'],
  ['a long category', (client) => client.publish('a'.repeat(1_025)), 'name_too_long'],
  ['text with an LF', (client) => client.publish('a', 'x\ny'), 'bad_argument'],
  [
    'a separator that is none',
    (client) => client.publish('a', '', { separator: 0x0a }),
    'bad_argument',
  ],
  ['a long line', (client) => client.publish('a', new Uint8Array(4_000_000)), 'payload_too_large'],
  ['an empty pattern', (client) => client.subscribe('is', ''), 'bad_argument'],
  ['white space in a plain pattern', (client) => client.watch('contains', 'a b'), 'bad_argument'],
  ['blanks around an expression', (client) => client.last('regexp', 'a '), 'bad_argument'],
  ['an expression with an LF', (client) => client.categories('regexp', 'a\nb'), 'bad_argument'],
  ['an id with a blank', (client) => client.subscribe('is', 'a', { id: '1 2' }), 'bad_argument'],
  ['the id *', (client) => client.subscribe('is', 'a', { id: '*' }), 'bad_argument'],
  ['a long id', (client) => client.unsubscribe('1'.repeat(65)), 'bad_argument'],
  [
    'the option replies',
    (client) => client.option('replies' as never, 'off' as never),
    'bad_argument',
  ],
  ['an option of two words', (client) => client.option('echo', 'on off' as never), 'bad_argument'],
  ['ping with an LF', (client) => client.ping('a\nquit'), 'bad_argument'],
]

test('what the server would read in another way is refused before it is sent', async (t) => {
  const { session, client } = await start(t)
  for (const [what, send, reason] of refusals) {
    await assert.rejects(send(client), { name: 'BusError', reason }, what)
  }
  await client.publish('/end')
  assert.deepEqual([await session.line(1), session.lines.length], [':/end', 1])
})

test('messages come as bytes and as text, the CR of the sender included', async (t) => {
  const { session, client } = await start(t)
  session.write(':/a x\n:/b\n:/c\t\n:/d  y \r\n:\u00ff\u0000 \u00fe:\n::\n')
  const messages: TmbMessage[] = []
  for await (const message of client) {
    messages.push(message)
    if (messages.length === 6) break
  }
  assert.deepEqual(
    messages.map(({ category, separator, rest }) => [category, separator, rest].map(latin1)),
    [
      ['/a', ' ', 'x'],
      ['/b', '', ''],
      ['/c', '\t', ''],
      ['/d', ' ', ' y \r'],
      ['\u00ff\u0000', ' ', '\u00fe:'],
      [':', '', ''],
    ],
  )
  assert.deepEqual([messages[0]?.categoryText, messages[0]?.text()], ['/a', 'x'])
  assert.deepEqual([messages[4]?.categoryText, messages[4]?.text()], ['\ufffd\0', '\ufffd:'])
})

test('every split of the stream gives the same messages and answers', async (t) => {
  const { session, client } = await start(t)
  const seed = Date.now() % 1_000_000
  t.diagnostic(`seed ${seed}`)
  const line = fc
    .array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 })
    .map((bytes) => `:x${String.fromCharCode(...bytes.filter((byte) => byte !== 0x0a))}`)
  const messages = client.messages()
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat(50), { maxLength: 6 }),
      async (lines, cuts) => {
        const text = `${lines.join('\n')}\n`
        let at = 0
        for (const cut of [...cuts, text.length]) {
          const piece = text.slice(at, at + cut)
          at += piece.length
          if (piece !== '') await new Promise((done) => session.socket.write(piece, 'latin1', done))
        }
        for (const sent of lines) {
          const { value } = await messages.next()
          assert.equal(latin1(value?.raw ?? new Uint8Array()), sent)
        }
      },
    ),
    { seed, numRuns: 200 },
  )
})

test('commands and what their answers mean', async (t) => {
  const { session, client } = await start(t, {
    answer: (line) => {
      if (line.startsWith('last')) return 'ok last 2\n:/a 2\n:/b\u00ff 3\n'
      if (line.startsWith('categories'))
        return 'ok categories 2\nitem categories /a\nitem categories \u00ff:\n'
      if (line.startsWith('watch')) return 'ok watch 2 added 1\n:/upper/shape x\n:/upper/shape y\n'
      if (line.startsWith('forget')) return 'ok forget 7\n'
      if (line === 'version') return 'ok version tmb/1 msgbus/0.1.0 t/b/d\n'
      return undefined
    },
  })
  assert.equal(await client.subscribe('regexp', 'a b'), '1')
  assert.deepEqual(await client.watch('begins-with', '/upper'), { id: '2', snapshot: 1 })
  assert.equal(await client.subscribe('is', Uint8Array.of(0xff), { id: 'mine' }), 'mine')
  const last = await client.last('regexp', '^/')
  assert.deepEqual(
    last.map(({ raw }) => latin1(raw)),
    [':/a 2', ':/b\u00ff 3'],
  )
  const categories = await client.categories()
  assert.deepEqual(categories.map(String), ['/a', '\ufffd:'])
  assert.deepEqual([...(categories[1]?.bytes ?? [])], [0xff, 0x3a])
  assert.equal(await client.forget('ends-with', 'shape'), 7)
  assert.equal(await client.version(), 'tmb/1 msgbus/0.1.0 t/b/d')
  await client.option('echo', 'off')
  await client.ping('are you there')
  assert.deepEqual(
    client.subscriptions.map(({ id, kind, isWatch }) => [id, kind, isWatch]),
    [
      ['1', 'regexp', false],
      ['2', 'begins-with', true],
      ['mine', 'is', false],
    ],
  )
  await client.unsubscribe('1')
  assert.equal(client.subscriptions.length, 2)
  await client.unsubscribe('*')
  assert.equal(client.subscriptions.length, 0)
  assert.deepEqual(session.lines, [
    'subscribe 1 regexp a b',
    'watch 2 begins-with /upper',
    'subscribe mine is \u00ff',
    'last regexp ^/',
    'categories regexp .',
    'forget ends-with shape',
    'version',
    'option echo off',
    'ping are you there',
    'unsubscribe 1',
    'unsubscribe *',
  ])
  const snapshot: [string, boolean][] = []
  for await (const message of client) {
    snapshot.push([message.text(), message.isSnapshot])
    if (snapshot.length === 2) break
  }
  assert.deepEqual(snapshot, [
    ['x', true],
    ['y', false],
  ])
})

test('answers find their commands by order, with messages in between', async (t) => {
  const { session, client } = await start(t, {
    answer: (line) => (line === 'ping' ? undefined : ''),
  })
  const first = client.last('is', '/a')
  const second = client.last('is', '/b')
  const third = client.subscribe('regexp', '(')
  await session.line(3)
  session.write(
    ':/x 1\nok last 1\n:/a 1\n:/x 2\ninfo slow 3\nok last 0\nerror bad-pattern subscribe no )\n',
  )
  assert.deepEqual(
    (await first).map((message) => message.text()),
    ['1'],
  )
  assert.deepEqual(await second, [])
  await assert.rejects(third, (error) => {
    assert.ok(error instanceof TmbError)
    assert.deepEqual(
      [error.tmbCode, error.command, error.code, error.reason, error.message],
      [
        'bad-pattern',
        'subscribe',
        'invalid_argument',
        'bad_filter',
        'subscribe: bad-pattern: no )',
      ],
    )
    return true
  })
  assert.deepEqual(await take(client, 2), [':/x 1', ':/x 2'])
  assert.deepEqual(client.subscriptions, [])
})

test('a refused message is an event, and no answer to a command', async (t) => {
  const refused: string[] = []
  const { session, client } = await start(
    t,
    { answer: (line) => (line === 'version' ? '' : undefined) },
    { on: { messageRefused: ({ error }) => refused.push(`${error.tmbCode} ${error.code}`) } },
  )
  const version = client.version()
  await session.line(1)
  session.write('error not-permitted message /priv\nerror line-too-long - 65537\n')
  session.write('error some-day message\nerror unknown-command - version\n')
  await assert.rejects(version, { tmbCode: 'unknown-command', code: 'unimplemented' })
  assert.deepEqual(refused, [
    'not-permitted permission_denied',
    'line-too-long resource_exhausted',
    'some-day unknown',
  ])
})

const nonsense: [what: string, lines: string][] = [
  ['an answer that nobody waits for', 'ok ping\n'],
  ['an answer to another command', 'ok version x\n'],
  ['no line of this protocol', 'SSH-2.0-OpenSSH_9.2\n'],
  ['a number that is none', 'ok last many\n'],
  ['an item without a reply', 'item mine 1 is x\n'],
  ['a message where an item is due', 'ok last 1\nitem last x\n'],
]

for (const [what, lines] of nonsense) {
  test(`the connection ends at ${what}`, async (t) => {
    const { session, client } = await start(
      t,
      { answer: (line) => (line === 'ping' ? undefined : '') },
      { reconnect: false },
    )
    const waits = what === 'a message where an item is due' || what.includes('number')
    const asked = waits ? client.last('is', '/a') : undefined
    const told = assert.rejects(asked ?? client.messages().next(), {
      code: 'internal',
      reason: 'undecodable',
      message: /does not speak TMB/,
    })
    if (waits) await session.line(1)
    session.write(lines)
    await told
    await session.closed()
  })
}

test('a command without an answer fails in time, and the answer still finds its place', async (t) => {
  const timing = new ManualTiming()
  const { session, client } = await start(
    t,
    { answer: (line) => (line === 'ping' ? undefined : '') },
    { timing, timeoutMs: 1_000 },
  )
  const late = assert.rejects(client.last('is', '/a'), {
    code: 'deadline_exceeded',
    message: /no answer to last within 1000 ms/,
  })
  await session.line(1)
  timing.advance(1_000)
  await late
  const stop = new AbortController()
  const aborted = assert.rejects(client.last('is', '/b', { signal: stop.signal }), {
    code: 'cancelled',
  })
  stop.abort()
  await aborted
  const next = client.last('is', '/c')
  await session.line(3)
  session.write('ok last 1\n:/a x\nok last 0\nok last 1\n:/c y\n')
  assert.deepEqual(
    (await next).map((message) => message.text()),
    ['y'],
  )
})

test('an answer beyond the limit, and a line beyond it, end the connection', async (t) => {
  const big = 'x'.repeat(100)
  const reply = await start(
    t,
    {
      answer: (line) =>
        line.startsWith('last') ? `ok last 2\n:/a ${big}\n:/b ${big}\n` : undefined,
    },
    { reconnect: false, maxReplyBytes: 150 },
  )
  await assert.rejects(reply.client.last('regexp', '.'), {
    code: 'resource_exhausted',
    message: /larger than 150 bytes/,
  })
  const line = await start(t, {}, { reconnect: false, maxLineBytes: 50 })
  line.session.write(`:/a ${big}`)
  await assert.rejects(line.client.messages().next(), { message: /longer than 50 bytes/ })
})

test('closing waits until the server has read everything', async (t) => {
  const { session, client } = await start(t)
  void client.publish('/last', 'words')
  const messages = client.messages()
  const next = messages.next()
  await client.close()
  assert.deepEqual(session.lines, [':/last words', 'quit'])
  assert.deepEqual(await next, { value: undefined, done: true })
  await assert.rejects(client.publish('/a'), { code: 'cancelled' })
  await assert.rejects(client.last('is', 'a'), { code: 'cancelled' })
  await client.close()
})

test('a server that does not answer quit is left in time', async (t) => {
  const timing = new ManualTiming()
  const { session, client } = await start(
    t,
    { answer: (line) => (line === 'quit' ? '' : undefined) },
    { timing },
  )
  session.socket.removeAllListeners('data').on('data', () => timing.advance(5_000))
  await client.close()
})

test('await using closes', async (t) => {
  const server = await FakeServer.start(t)
  {
    await using client = await connect({ address: server.address })
    await client.publish('/a')
  }
  const session = await server.session()
  assert.deepEqual(session.lines, [':/a', 'quit'])
})

test('whatever a server says, commands end and the client does not break', async (t) => {
  const server = await FakeServer.start(t, { answer: (line) => (line === 'ping' ? undefined : '') })
  const seed = Date.now() % 1_000_000
  t.diagnostic(`seed ${seed}`)
  const line = fc.oneof(
    fc.constantFrom(
      'ok last 1',
      'ok last 0',
      'ok last 999999999',
      'ok categories 1',
      'ok watch 1 added 2',
      'ok subscribe 1 added',
      'item categories /a',
      'error bad-id last',
      'error bad-pattern watch',
      'error line-too-long -',
      'error slow-reader -',
      'info slow 1',
      ':/a x',
      ':',
      '',
    ),
    fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\n', '')),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
      const client = await connect({ address: server.address, reconnect: false })
      const session = await server.session()
      const commands = [
        client.last('regexp', '.'),
        client.categories(),
        client.watch('regexp', '.'),
        client.subscribe('is', '/a'),
      ].map((command) => Promise.resolve(command).then(nothing, nothing))
      await session.line(commands.length)
      session.write(`${lines.join('\n')}\n`)
      session.socket.end()
      let messages = 0
      try {
        for await (const message of client) messages += message.raw[0] === 0x3a ? 1 : NaN
      } catch (error) {
        assert.ok(error instanceof BusError, String(error))
      }
      assert.ok(messages <= lines.length)
      await Promise.all(commands)
      await client.close()
    }),
    { seed, numRuns: 300 },
  )
})

function nothing(): void {}

test('errors are of the bus', () => {
  const error = new TmbError('slow-reader', '-', '')
  assert.ok(error instanceof BusError)
  const why = 'slow-reader: the connection is closed, since its messages were not read'
  assert.deepEqual([error.message, error.reason], [why, 'slow_client'])
  assert.equal(new TmbError('some-day', 'ping', '').message, 'ping: some-day')
})
