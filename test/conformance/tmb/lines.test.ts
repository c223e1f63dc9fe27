// spec/tmb 14, lines and messages: cases 1 to 27.

import assert from 'node:assert/strict'
import { conformance, type Run, type Transport } from './case.ts'
import { isQuietAfter, type LineClient } from './line-client.ts'
import { heldBytes } from './held-bytes.ts'

/** A message of a WebSocket ends its last line, so what is about the ends of lines is for streams. */
const streams: readonly Transport[] = ['tcp', 'unix']

/** One client that has subscribed to everything, and one that sends. */
async function pair({ client }: Run): Promise<readonly [LineClient, LineClient]> {
  const one = await client()
  await one.subscribe()
  return [one, await client()]
}

/** What B sends, and what A, who listens to everything, gets. */
function passes(number: number, title: string, sent: string, got = sent): void {
  conformance(number, title, async (run) => {
    const [a, b] = await pair(run)
    await b.send(sent)
    await a.gets(got)
    await isQuietAfter(a, b)
  })
}

conformance(1, 'a subscription is answered', async ({ client }) => {
  const a = await client()
  await a.send('s 1 r .\n')
  await a.gets('ok subscribe 1 added\n')
  await a.isQuiet()
})

passes(2, 'a message is passed on', ':/a x\n')
passes(3, 'a carriage return before the line feed goes', ':/a x\r\n', ':/a x\n')
passes(4, 'only one of two carriage returns goes', ':/a x\r\r\n', ':/a x\r\n')
passes(5, 'a carriage return inside stays', ':/a \rx\n')

conformance(6, 'a carriage return ends the category', async (run) => {
  const [a, b] = await pair(run)
  const c = await run.client()
  await c.subscribe('s 1 is /a')
  await b.send(':/a\rx\n')
  await a.gets(':/a\rx\n')
  await c.gets(':/a\rx\n')
  await isQuietAfter(a, b)
})

passes(7, 'bytes that are no text', ':a \xff\xfe\x00\x80\n')
passes(8, 'a category that is not UTF-8', ':\xff\xc3( x\n')

conformance(9, 'a tab ends the category and is kept', async (run) => {
  const [a, b] = await pair(run)
  const c = await run.client()
  await c.subscribe('s 1 is /a')
  await b.send(':/a\tx\n')
  await a.gets(':/a\tx\n')
  await c.gets(':/a\tx\n')
  await isQuietAfter(c, b)
})

passes(10, 'all blanks are kept', ':/a  x  \n')
passes(11, 'a category alone', ':/a\n')
passes(12, 'a category and a blank', ':/a \n')

conformance(13, 'a colon alone', async (run) => {
  const [a, b] = await pair(run)
  await b.send(':\n')
  await b.matches(/^error empty-category message/)
  await isQuietAfter(a, b)
})

conformance(14, 'a colon and white space', async (run) => {
  const [a, b] = await pair(run)
  await b.send(': x\n:\tx\n')
  await b.matches(/^error empty-category message/)
  await b.matches(/^error empty-category message/)
  await isQuietAfter(a, b)
})

conformance(15, 'a blank before the colon makes it a command', async (run) => {
  const [a, b] = await pair(run)
  await b.send(' :/a x\n')
  await b.matches(/^error unknown-command -/)
  await isQuietAfter(a, b)
})

conformance(16, 'empty lines are ignored', async (run) => {
  const [a, b] = await pair(run)
  await b.send('\n\r\n \t\n')
  await isQuietAfter(a, b)
  await b.send(':/a x\n')
  await a.gets(':/a x\n')
})

// Every case is run byte by byte; this one says so.
passes(17, 'one byte per segment', ':/a x\n')

conformance(
  18,
  'carriage return and line feed come apart',
  async (run) => {
    const [a, b] = await pair(run)
    await b.send(':/a x\r')
    await a.isQuiet()
    await b.send('\n')
    await a.gets(':/a x\n')
    await isQuietAfter(a, b)
  },
  { transports: streams },
)

conformance(
  19,
  '1,000 messages in one segment',
  async (run) => {
    const [a, b] = await pair(run)
    const lines = Array.from({ length: 1_000 }, (_, i) => `:/n/${i % 7} ${i}\n`).join('')
    await b.send(lines)
    await a.gets(lines)
    await isQuietAfter(a, b)
  },
  { cuts: 'none' },
)

conformance(
  20,
  'an unfinished line is dropped',
  async (run) => {
    const [a, b] = await pair(run)
    await b.send(':/a x')
    b.halfClose()
    await b.isClosed()
    await a.isQuiet()
  },
  { transports: streams },
)

conformance(
  21,
  'an unfinished line behind a whole one',
  async (run) => {
    const [a, b] = await pair(run)
    await b.send(':/a x\n:/b y')
    b.halfClose()
    await b.isClosed()
    await a.gets(':/a x\n')
    await a.isQuiet()
  },
  { transports: streams },
)

conformance(
  22,
  'the longest line',
  async (run) => {
    const [a, b] = await pair(run)
    const longest = `:/a ${'x'.repeat(65_532)}`
    assert.equal(longest.length, 65_536)
    await b.send(`${longest}\n`)
    await a.gets(`${longest}\n`)
    await b.send(`${longest}\r\n`)
    await a.gets(`${longest}\n`)
    await b.send(`${longest}y\n`)
    await b.matches(/^error line-too-long/)
    await b.send(`${longest}\r\r\n:/a z\n`)
    await b.matches(/^error line-too-long/)
    await a.gets(':/a z\n')
    await isQuietAfter(a, b)
  },
  { cuts: 'none' },
)

for (const first of ['x', ':']) {
  conformance(
    23,
    `10 MiB without a line end, from ${first} on`,
    async (run) => {
      const [a, b] = await pair(run)
      const piece = 'x'.repeat(65_536)
      await b.send(first)
      const before = await heldBytes()
      for (let i = 0; i < 160; i++) await b.send(piece)
      await b.matches(/^error line-too-long/)
      const grown = (await heldBytes()) - before
      assert.ok(grown < 1_048_576, `${grown} bytes more`)
      await b.send('\n:/a x\n')
      await a.gets(':/a x\n')
      await isQuietAfter(a, b)
    },
    { transports: streams, cuts: 'none' },
  )
}

conformance(
  24,
  'the longest category',
  async (run) => {
    const [a, b] = await pair(run)
    const longest = `/${'c'.repeat(1_023)}`
    await b.send(`:${longest} x\n`)
    await a.gets(`:${longest} x\n`)
    await b.send(`:${longest}c x\n`)
    await b.matches(/^error category-too-long message/)
    await isQuietAfter(a, b)
  },
  { cuts: 'few' },
)

const everyByte = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))
  .filter((byte) => byte !== '\n')
  .join('')
conformance(
  25,
  'every byte value',
  async (run) => {
    const [a, b] = await pair(run)
    await b.send(`:/a ${everyByte}\n`)
    await a.gets(`:/a ${everyByte}\n`)
    await isQuietAfter(a, b)
  },
  { cuts: 'few' },
)

conformance(26, 'a colon in the text', async (run) => {
  const [a, b] = await pair(run)
  const c = await run.client()
  await c.subscribe('s 1 is /a')
  await b.send(':/a :b\n')
  await a.gets(':/a :b\n')
  await c.gets(':/a :b\n')
})

conformance(27, 'the category that is a colon', async (run) => {
  const [a, b] = await pair(run)
  const c = await run.client()
  await c.subscribe('s 1 is :')
  await b.send('::\n')
  await a.gets('::\n')
  await c.gets('::\n')
  await isQuietAfter(a, b)
})
