// spec/tmb 14, last values and the mapping onto the bus: cases 62 to 71. What a restart keeps is in daemon.test.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseTopicFilter } from '../../../src/model/topic-filter.ts'
import { levelFilter } from '../../../src/model/level-filter.ts'
import { anonymous } from '../../../src/model/identity.ts'
import type { StoredMessage } from '../../../src/model/message.ts'
import type { MsgBus } from '../../../src/core/msg-bus.ts'
import { conformance } from './case.ts'
import { isQuietAfter, LineClient } from './line-client.ts'
import { startTextBus } from './text-bus.ts'

conformance(62, 'the last of each category, oldest first', async ({ client }) => {
  const b = await client()
  await b.send(':/a 1\n:/a 2\n:/b 3\n')
  await b.isQuiet()
  const a = await client()
  await a.send('last r .\n')
  await a.gets('ok last 2\n:/a 2\n:/b 3\n')
  await b.send(':/a 4\n')
  await b.isQuiet()
  await a.send('l r .\n')
  await a.gets('ok last 2\n:/b 3\n:/a 4\n')
  await a.isQuiet()
})

conformance(63, 'no such category', async ({ client }) => {
  const a = await client()
  await a.send('last is /zzz\n')
  await a.gets('ok last 0\n')
})

conformance(
  64,
  'watch: a snapshot, and what follows it',
  async ({ client }) => {
    const b = await client()
    await b.send(':/n 0\n')
    await b.isQuiet()
    const a = await client()
    const count = 10_000
    const sending = (async () => {
      for (let i = 1; i < count; i += 10) {
        const lines = Array.from({ length: 10 }, (_, n) => `:/n ${i + n}\n`)
        await b.send(lines.join(''))
      }
    })()
    await a.send('watch 1 r .\n')
    await a.gets('ok watch 1 added 1\n')
    let next: number | undefined
    while (next === undefined || next <= count) {
      const number = Number((await a.line()).slice(4))
      assert.equal(number, next ?? number)
      next = number + 1
    }
    await sending
    await isQuietAfter(a, b)
    await a.send('w 1 is /n\n')
    await a.gets(`ok watch 1 replaced 1\n:/n ${count}\n`)
  },
  { cuts: 'none' },
)

const nothing = () => undefined

/** A client of another protocol. */
function other(bus: MsgBus) {
  const seen: StoredMessage[] = []
  const client = bus.connect(anonymous, {
    protocol: 'in-process',
    inbox: {
      message: nothing,
      broadcast: nothing,
      publication: (publication) => void seen.push(publication.toMessage()),
      pause: nothing,
      resume: nothing,
      queuedBytes: 0,
      end: nothing,
    },
  })
  client.live.subscribe(levelFilter('mqtt', '#'))
  const publish = async (topic: string, payload: string, headers: [string, string][] = []) => {
    const message = { topic, payload: Buffer.from(payload), headers: new Map(headers) }
    const [outcome] = await client.publish([message])
    assert.equal(outcome?.kind, 'stored')
  }
  return { client, seen, publish }
}

conformance(66, 'what another protocol publishes', async ({ client, textBus }) => {
  const a = await client()
  await a.subscribe()
  const { client: them, publish } = other(textBus.bus)
  await publish('/a', '7')
  await a.gets(':/a 7\n')
  await a.send('last is /a\n')
  await a.gets('ok last 1\n:/a 7\n')
  assert.equal(await them.log.deleteRange({ topic: '/a', fromHead: 1, toHead: 1 }), 1)
  await a.send('last is /a\n')
  await a.gets('ok last 0\n')
  await a.isQuiet()
})

conformance(67, 'what other protocols get', async ({ client, textBus }) => {
  const b = await client()
  const { seen } = other(textBus.bus)
  await b.send(':/a x\n:/a\tx\n:/a\n:/a \n:/a\x0b\x0b\n')
  await b.isQuiet()
  assert.deepEqual(
    seen.map(({ topic, payload, headers }) => [
      topic,
      Buffer.from(payload).toString(),
      [...headers],
    ]),
    [
      ['/a', 'x', []],
      ['/a', 'x', [['tmb-sep', '09']]],
      ['/a', '', [['tmb-sep', '']]],
      ['/a', '', []],
      ['/a', '\x0b', [['tmb-sep', '0b']]],
    ],
  )
})

conformance(67, 'the same bytes come back from the bus', async ({ client }) => {
  const b = await client()
  for (const line of [':/a x\n', ':/a\tx\n', ':/a\n', ':/a \n', ':/a\x0c\x0c\n', ':/a  x \r\r\n']) {
    await b.send(`${line}l is /a\n`)
    await b.gets(`ok last 1\n${line.replace('\r\n', '\n')}`)
  }
})

conformance('10.3', 'headers that make no sense', async ({ client, textBus }) => {
  const a = await client()
  await a.subscribe()
  const { publish } = other(textBus.bus)
  const separators = ['0a', '41', '9', '', 'tab', '0d']
  for (const separator of separators) await publish('/a', 'x', [['tmb-sep', separator]])
  await a.gets(':/a x\n:/a x\n:/a x\n:/a x\n:/a x\n:/a\rx\n')
})

conformance(68, 'a category that is no text', async ({ client, textBus }) => {
  const a = await client()
  await a.subscribe()
  const b = await client()
  const { seen } = other(textBus.bus)
  await b.send(':\xff x\n')
  await a.gets(':\xff x\n')
  assert.deepEqual(
    seen.map(({ topic }) => topic),
    ['tmb-raw:_w'],
  )
  await b.send('last is \xff\nc r .\n')
  await b.gets('ok last 1\n:\xff x\nok categories 1\nitem categories \xff\n')
})

conformance(69, 'the category of the delete markers', async ({ client, textBus }) => {
  const a = await client()
  await a.subscribe()
  const b = await client()
  const { seen, publish } = other(textBus.bus)
  await publish('/a', '1')
  await a.gets(':/a 1\n')
  const marker = JSON.stringify({
    topic: '/a',
    origin: { tenant_id: 'tenant', bl_name: 'default', device_id: 'node-a' },
    from_head_id: 1,
    to_head_id: 1,
    created_at_ms: 1,
  })
  await b.send(`:$msgbus.delete ${marker}\n`)
  await a.gets(`:$msgbus.delete ${marker}\n`)
  assert.equal(seen.at(-1)?.topic, `tmb-raw:${Buffer.from('$msgbus.delete').toString('base64url')}`)
  await b.send('last is /a\n')
  await b.gets('ok last 1\n:/a 1\n')
})

conformance(70, 'payloads that are not one line', async ({ client, textBus }) => {
  const a = await client()
  await a.subscribe()
  const b = await client()
  await b.subscribe()
  await b.send('option binary base64\n')
  await b.gets('ok option binary base64\n')
  const { publish } = other(textBus.bus)
  await publish('/t', 'a\nb')
  await publish('/t', 'c')
  await a.gets(':/t c\n')
  await b.gets(':/t =base64 YQpi\n:/t c\n')
  await publish('/u', '\n')
  await b.gets(':/u =base64 Cg==\n')
  await a.send('l r .\n')
  await a.gets('ok last 1\n:/t c\n')
  await b.send('l r .\n')
  await b.gets('ok last 2\n:/t c\n:/u =base64 Cg==\n')
})

test('case 71: any category comes back as it was', async (t) => {
  const textBus = await startTextBus(t)
  const a = await LineClient.tcp(textBus.tcp)
  t.after(() => a.destroy())
  // The longest category that a topic of 1,024 bytes can stand for, whatever its bytes.
  const byte = fc.integer({ min: 0, max: 255 }).filter((n) => n !== 0x20 && (n < 0x09 || n > 0x0d))
  const bytes = fc
    .array(byte, { minLength: 1, maxLength: 762 })
    .map((codes) => String.fromCharCode(...codes))
  const prefixed = fc
    .tuple(fc.constantFrom('tmb-raw:', 'topic-raw:', '$msgbus.', 'topic-raw:dG1iLXJhdzpf'), bytes)
    .map(([prefix, rest]) => (prefix + rest).slice(0, 700))
  const encoded = fc
    .tuple(fc.constantFrom('tmb-raw:', 'topic-raw:'), bytes)
    .map(([prefix, rest]) => prefix + Buffer.from(rest, 'latin1').toString('base64url'))
    .filter((category) => category.length <= 762)
  await fc.assert(
    fc.asyncProperty(fc.oneof(bytes, prefixed, encoded), fc.nat(), async (category, number) => {
      await a.send(`:${category} ${number}\nl i ${category}\n`)
      await a.gets(`ok last 1\n:${category} ${number}\n`)
    }),
    { numRuns: 10_000 },
  )
})

conformance('11', 'forget, for all and without deleting', async ({ client, textBus }) => {
  const a = await client()
  const b = await client()
  const { client: them, publish } = other(textBus.bus)
  await publish('/stored', '1')
  await b.send(':/a 1\n:/b 2\n:/c/a 3\nforget ends-with a\n')
  await b.gets('ok forget 2\n')
  await a.send('l r .\nf r .\nl r .\nc r .\n')
  await a.gets('ok last 2\n:/stored 1\n:/b 2\nok forget 2\nok last 0\nok categories 0\n')
  const { node: origin } = textBus.bus
  const page = await them.log.fetch({ topic: '/stored', origin }, 1, { messages: 9, bytes: 999 })
  assert.equal(page.messages.length, 1)
})

conformance('3', 'categories by name', async ({ client }) => {
  const b = await client()
  await b.send(':/b 1\n:/a 2\n:other\n:/c\tx\nc b /\n')
  await b.gets('ok categories 3\nitem categories /a\nitem categories /b\nitem categories /c\n')
})

conformance(
  '10.1',
  'what a rule stores is delivered when it is',
  async ({ client, textBus }) => {
    const a = await client()
    await a.subscribe()
    const b = await client()
    await b.send(':/kept\tx\n:/kept \xff\n')
    await a.gets(':/kept\tx\n:/kept \xff\n')
    const { node: origin } = textBus.bus
    const { client: them } = other(textBus.bus)
    const page = await them.log.fetch({ topic: '/kept', origin }, 1, { messages: 9, bytes: 999 })
    assert.deepEqual(
      page.messages.map(({ payload, headers }) => [
        Buffer.from(payload).toString('latin1'),
        headers.size,
      ]),
      // One says that nobody asked for it to be stored, the other how the line was written.
      [
        ['x', 2],
        ['\xff', 1],
      ],
    )
  },
  { topicRules: [{ filter: parseTopicFilter('/kept'), store: 'always' }] },
)
