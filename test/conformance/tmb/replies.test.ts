// spec/tmb 14, replies and safety: cases 72 to 75 and 78; and the commands and replies of sections 3 and 6.

import assert from 'node:assert/strict'
import { parseTopicFilter } from '../../../src/model/topic-filter.ts'
import { tmbCommands } from '../../../src/wire/tmb/words.ts'
import { conformance } from './case.ts'
import { isQuietAfter } from './line-client.ts'

conformance(72, 'ping', async ({ client }) => {
  const a = await client()
  await a.send('p hello world\np\n ping \t hello  world \t\n')
  await a.gets('ok ping hello world\nok ping\nok ping hello  world\n')
})

conformance(73, 'own subscriptions, in order of creation', async ({ client }) => {
  const a = await client()
  await a.subscribe('s z r ^/a b$')
  await a.subscribe('s a is \xff')
  await a.send('m\n')
  await a.gets('ok mine 2\nitem mine z regexp ^/a b$\nitem mine a is \xff\n')
})

conformance(74, 'quit', async ({ client }) => {
  const a = await client()
  await a.send('q\n:/a x\n')
  await a.gets('ok quit\n')
  await a.isClosed()
})

conformance(
  75,
  '100 errors in a row',
  async ({ client }) => {
    const a = await client()
    for (let i = 0; i < 99; i++) await a.send('nonsense\n')
    await a.send(':/a x\n')
    for (let i = 0; i < 100; i++) await a.send('nonsense\n')
    for (let i = 0; i < 199; i++) await a.matches(/^error unknown-command - /)
    await a.matches(/^error too-many-errors -/)
    await a.isClosed()
  },
  { cuts: 'few' },
)

for (const request of ['GET / HTTP/1.1', 'POST /x HTTP/1.1', 'post http://a/x http/1.0']) {
  conformance(78, request, async ({ client }) => {
    const a = await client()
    await a.subscribe()
    const b = await client()
    await b.send(`${request}\r\n:/a x\n`)
    await b.matches(/^error http -/)
    await b.isClosed()
    await a.isQuiet()
  })
}

conformance(
  78,
  'a request that is longer than a line',
  async ({ client }) => {
    const a = await client()
    await a.subscribe()
    const b = await client()
    await b.send(`POST /${'x'.repeat(70_000)} HTTP/1.1\r\n:/a x\n`)
    await b.matches(/^error http -/)
    await b.isClosed()
    await a.isQuiet()
  },
  { cuts: 'none' },
)

conformance(78, 'later in a connection it is an unknown command', async ({ client }) => {
  const a = await client()
  await a.subscribe()
  await a.send('GET / HTTP/1.1\r\n:/a x\n')
  await a.matches(/^error unknown-command -/)
  await a.gets(':/a x\n')
})

// Cases 79 and 80, of a daemon with users: test/access/credentials.test.ts

conformance('9', 'nobody can authenticate where there are no users', async ({ client }) => {
  const a = await client()
  await a.send('auth token secret\nauth plain me secret\n')
  for (let i = 0; i < 2; i++) {
    const line = await a.line()
    assert.match(line, /^error auth-failed auth /)
    assert.doesNotMatch(line, /secret/)
  }
  await a.send('p\na token again\n')
  await a.gets('ok ping\n')
  await a.matches(/^error auth-failed auth /)
  await a.isClosed()
})

conformance('3.5', 'options', async ({ client }) => {
  const a = await client()
  await a.send('option replies off\ns 1 r .\n:/a x\np\nu 9\noption replies on\np\n')
  await a.gets('ok option replies off\n:/a x\n')
  await a.matches(/^error no-such-subscription /)
  await a.gets('ok option replies on\nok ping\n')
  await a.send('o colour red\no echo maybe\no echo on off\no __proto__ on\n')
  await a.matches(/^error bad-option option colour is not one of echo replies remote binary$/)
  await a.matches(/^error bad-option option echo is on or off$/)
  await a.matches(/^error extra-argument option /)
  await a.matches(/^error bad-option option __proto__ /)
})

conformance('6', 'version and help', async ({ client }) => {
  const a = await client()
  await a.send('v\nh\nhelp sub\nh x\nv 1\n')
  await a.gets('ok version tmb/1 msgbus/1.2.3 tenant/default/node-a\n')
  const words = Object.keys(tmbCommands)
  await a.gets(`ok help ${words.length}\n`)
  for (const word of words) await a.matches(new RegExp(`^item help ${word}( |$)`))
  await a.gets('ok help 1\nitem help subscribe <id> <kind> <pattern>\n')
  await a.matches(/^error unknown-command help /)
  await a.matches(/^error extra-argument version /)
})

conformance(
  '6',
  'no reply is longer than 4,096 bytes',
  async ({ client }) => {
    const a = await client()
    const most = 'x'.repeat(4_087)
    await a.send(`p ${most}\np ${most}x\n${most.repeat(3)}\nu ${most}\ns 1 ${most} x\n`)
    await a.gets(`ok ping ${most}\n`)
    await a.matches(/^error line-too-long ping /)
    for (const code of ['unknown-command -', 'bad-id unsubscribe', 'unknown-kind subscribe']) {
      const line = await a.line()
      assert.ok(line.startsWith(`error ${code} `), line)
      assert.ok(line.length < 4_096)
    }
  },
  { cuts: 'few' },
)

conformance(
  '5.1',
  'who may not send is told the category',
  async ({ client, textBus }) => {
    const a = await client()
    await a.subscribe()
    const b = await client()
    // Longer than a rule allows, which is what refuses a message as long as there are no users.
    await b.send(':/small 123456\n:/small 12345\n')
    await b.matches(/^error store-failed message \/small$/)
    await a.gets(':/small 12345\n')
    await isQuietAfter(a, b)
    assert.equal(textBus.bus.counters.messagesRefused, 1)
  },
  { topicRules: [{ filter: parseTopicFilter('/small'), maxPayloadBytes: 5 }] },
)
