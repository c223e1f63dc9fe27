// spec/tmb 14, subscriptions: cases 28 to 57.

import assert from 'node:assert/strict'
import { conformance } from './case.ts'
import { heldBytes } from './held-bytes.ts'
import { isQuietAfter } from './line-client.ts'

/** A subscribes; of the categories that B sends to, A gets these. */
function matches(
  number: number | string,
  command: string,
  categories: readonly string[],
  matching: readonly string[],
): void {
  conformance(number, command, async ({ client }) => {
    const a = await client()
    await a.subscribe(command)
    const b = await client()
    await b.send(categories.map((category) => `:${category} x\n`).join(''))
    await a.gets(matching.map((category) => `:${category} x\n`).join(''))
    await isQuietAfter(a, b)
  })
}

matches(
  28,
  'subscribe 2 begins-with /upper',
  ['/upper/shape', '/lower/shape', '/uppe', '/upper'],
  ['/upper/shape', '/upper'],
)
matches(29, 's 3 e shape', ['/upper/shape', 'shape', '/shape/x', 'hape'], ['/upper/shape', 'shape'])
matches(
  30,
  's 4 c colour',
  ['/upper/colour', 'colourful', '/upper/shape'],
  ['/upper/colour', 'colourful'],
)
matches(
  31,
  's 5 i /upper/shape',
  ['/upper/shape', '/upper/shapes', '/Upper/shape', '/upper/shap'],
  ['/upper/shape'],
)
matches(32, 's 1 r ^/upper', ['/upper/x', '/a/upper'], ['/upper/x'])
matches(
  '32 without an anchor',
  's 1 r upper',
  ['/upper/x', '/a/upper', '/a'],
  ['/upper/x', '/a/upper'],
)

conformance(33, 'an expression that is none', async ({ client }) => {
  const a = await client()
  await a.send('s 1 r (\n')
  await a.matches(/^error bad-pattern subscribe /)
  await a.send('m\n')
  await a.gets('ok mine 0\n')
})

conformance(34, 'a failing command leaves the old subscription', async ({ client }) => {
  const a = await client()
  await a.send('s 1 r .\ns 1 r (\n')
  await a.gets('ok subscribe 1 added\n')
  await a.matches(/^error bad-pattern subscribe /)
  await a.send(':/a x\n')
  await a.gets(':/a x\n')
  await a.isQuiet()
})

conformance(35, 'an id that is used again', async ({ client }) => {
  const a = await client()
  await a.send('s 1 i /a\ns 1 i /b\n')
  await a.gets('ok subscribe 1 added\nok subscribe 1 replaced\n')
  const b = await client()
  await b.send(':/a x\n:/b x\n')
  await a.gets(':/b x\n')
  await isQuietAfter(a, b)
})

const demonstration = [
  's 1 regexp .',
  's 2 begins-with /upper',
  's 3 ends-with shape',
  's 4 contains colour',
  's 5 is /upper/shape',
]

conformance(
  36,
  'once, however many subscriptions match',
  async ({ client }) => {
    const a = await client()
    for (const command of demonstration) await a.subscribe(command)
    const b = await client()
    await b.send(':/upper/shape square\n')
    await a.gets(':/upper/shape square\n')
    await isQuietAfter(a, b)
  },
  { cuts: 'few' },
)

conformance(37, 'the same message again', async ({ client }) => {
  const a = await client()
  await a.subscribe()
  const b = await client()
  await b.send(':/a x\n:/a x\n')
  await a.gets(':/a x\n:/a x\n')
  await isQuietAfter(a, b)
})

conformance(38, 'the sender gets it, too, unless it turned that off', async ({ client }) => {
  const a = await client()
  const b = await client()
  await b.subscribe()
  await a.subscribe()
  await a.send(':/a x\n')
  await a.gets(':/a x\n')
  await a.send('option echo off\n:/a y\n')
  await a.gets('ok option echo off\n')
  await b.gets(':/a x\n:/a y\n')
  await a.isQuiet()
  await a.send('o ECHO On\n:/a z\n')
  await a.gets('ok option echo on\n:/a z\n')
})

conformance(39, 'a subscription counts from the next line on', async ({ client }) => {
  const a = await client()
  await a.send('s 1 r .\n:/a x\n')
  await a.gets('ok subscribe 1 added\n:/a x\n')
})

conformance(40, 'the end of a subscription, too', async ({ client }) => {
  const a = await client()
  await a.subscribe()
  await a.send('u 1\n:/a x\n')
  await a.gets('ok unsubscribe 1\n')
  await a.isQuiet()
})

conformance(41, 'an unknown id', async ({ client }) => {
  const a = await client()
  await a.send('u 9\n')
  await a.matches(/^error no-such-subscription unsubscribe /)
})

conformance(42, 'all at once', async ({ client }) => {
  const a = await client()
  for (const command of demonstration.slice(0, 3)) await a.subscribe(command)
  await a.send('u *\n:/upper/shape x\nu *\n')
  await a.gets('ok unsubscribe * 3\nok unsubscribe * 0\n')
  await a.isQuiet()
})

conformance(43, 'who has not subscribed gets nothing', async ({ client }) => {
  const a = await client()
  const b = await client()
  await b.send(':/a x\n')
  await isQuietAfter(a, b)
})

conformance(44, 'ids belong to their connection', async ({ client }) => {
  const a = await client()
  await a.subscribe('s 1 is /a')
  const b = await client()
  await b.subscribe('s 1 is /b')
  const c = await client()
  await c.send(':/a x\n:/b x\n')
  await a.gets(':/a x\n')
  await b.gets(':/b x\n')
  await a.send('u 1\n')
  await a.gets('ok unsubscribe 1\n')
  await c.send(':/a y\n:/b y\n')
  await b.gets(':/b y\n')
  await isQuietAfter(a, c)
})

conformance(45, 'subscriptions end with their connection', async ({ client, textBus }) => {
  const a = await client()
  await a.subscribe()
  await a.send('q\n')
  await a.gets('ok quit\n')
  await a.isClosed()
  const again = await client()
  await again.send(':/a x\nm\n')
  await again.gets('ok mine 0\n')
  await again.isQuiet()
  assert.equal(textBus.bus.clients().length, 1)
})

conformance(46, 'letters in any case, words in any length', async ({ client }) => {
  const a = await client()
  const commands = [
    'S 1 R .',
    'SUBSCRIBE 1 Regexp .',
    'sub 1 reg .',
    'subscribe 1 r .',
    ' s\t1 \tr  . ',
  ]
  for (const command of commands) await a.subscribe(command)
  await a.send(':/a x\n')
  await a.gets(':/a x\n')
  await a.isQuiet()
})

conformance(47, 'words that no command begins with', async ({ client }) => {
  const a = await client()
  await a.send('subscribes 1 r .\nx\n\xff\xfb\x01\n')
  await a.matches(/^error unknown-command -/)
  await a.matches(/^error unknown-command -/)
  await a.matches(/^error unknown-command -/)
})

conformance(48, 'too few words', async ({ client }) => {
  const a = await client()
  for (const command of ['s', 's 1', 's 1 r', 's 1 r  ']) {
    await a.send(`${command}\n`)
    await a.matches(/^error missing-argument subscribe /)
  }
  await a.send('u\nl\nl r\no\no echo\na\n')
  for (const word of ['unsubscribe', 'last', 'last', 'option', 'option', 'auth']) {
    await a.matches(new RegExp(`^error missing-argument ${word} `))
  }
})

conformance(49, 'a kind that is none', async ({ client }) => {
  const a = await client()
  await a.send('s 1 z foo\n')
  await a.matches(
    /^error unknown-kind subscribe z is not one of begins-with contains ends-with is regexp/,
  )
})

conformance(50, 'white space in a pattern', async ({ client }) => {
  const a = await client()
  await a.send('s 1 is a b\n')
  await a.matches(/^error bad-pattern subscribe /)
  await a.subscribe('s 1 r a b')
})

conformance(51, 'white space behind a pattern', async ({ client }) => {
  const a = await client()
  await a.subscribe('s 1 is /a   ')
  await a.send(':/a x\n')
  await a.gets(':/a x\n')
})

matches(52, 's 1 is \xff\xc3', ['\xff\xc3', '\xff', '\xc3\xbf\xc3\x83'], ['\xff\xc3'])
matches(
  53,
  's 1 r ^.$',
  ['\xff', '\xc3\xa5', 'ab', '\xe2\x82\xac', '\xe2\x82', '\xff\xff'],
  ['\xff', '\xc3\xa5', '\xe2\x82\xac'],
)

conformance(
  54,
  'an expression that other engines take for ever for',
  async ({ client }) => {
    const a = await client()
    await a.subscribe('s 1 r (a+)+$')
    const b = await client()
    const startedAt = performance.now()
    await b.send(`:${'a'.repeat(1_000)}! x\n`)
    await isQuietAfter(a, b)
    // By far: the other engines take longer than the universe has existed.
    assert.ok(performance.now() - startedAt < 1_000)
  },
  { cuts: 'none' },
)

conformance(55, 'expressions that are refused', async ({ client }) => {
  const a = await client()
  await a.send('s 1 r (a?){1000}a{1000}\ns 1 r (a)\\1\ns 1 r (?=a)\ns 1 r \xff\n')
  await a.matches(/^error pattern-too-complex subscribe /)
  await a.matches(/^error bad-pattern subscribe /)
  await a.matches(/^error bad-pattern subscribe /)
  await a.matches(/^error bad-pattern subscribe /)
})

conformance(
  56,
  '20,000 different expressions leave nothing behind',
  async ({ client }) => {
    const a = await client()
    const churn = async (from: number, to: number) => {
      for (let i = from; i < to; i += 500) {
        let commands = ''
        for (let n = i; n < i + 500; n++) commands += `s 1 r ^/${n}[a-f]+x?$\n:/${n}b x\n`
        await a.send(commands)
        await a.handled()
      }
    }
    await churn(0, 5_000)
    const before = await heldBytes()
    await churn(5_000, 20_000)
    await a.send('u *\n')
    await a.handled()
    const grown = (await heldBytes()) - before
    // Topics are remembered, with their last values, some 700 bytes each; a compiled expression has several thousand.
    assert.ok(grown < 24_000_000, `${grown} bytes more`)
  },
  { cuts: 'none', transports: ['tcp'] },
)

conformance(
  57,
  'one subscription too many',
  async ({ client }) => {
    const a = await client()
    const commands = Array.from({ length: 1_000 }, (_, i) => `s id${i} is /${i}\n`)
    await a.send(commands.join(''))
    for (let i = 0; i < 1_000; i++) await a.gets(`ok subscribe id${i} added\n`)
    await a.send('s more is /x\ns id7 is /y\n')
    await a.matches(/^error too-many-subscriptions subscribe /)
    await a.gets('ok subscribe id7 replaced\n')
  },
  { cuts: 'none' },
)

conformance('3.3', 'ids', async ({ client }) => {
  const a = await client()
  const longest = 'i'.repeat(64)
  await a.subscribe(`s ${longest} is /a`)
  await a.send(`s ${longest}i is /a\ns * is /a\nu ${longest}i\n`)
  await a.matches(/^error bad-id subscribe /)
  await a.matches(/^error bad-id subscribe /)
  await a.matches(/^error bad-id unsubscribe /)
  await a.send(`u ${longest} x\n`)
  await a.matches(/^error extra-argument unsubscribe /)
})

conformance(
  '3.4',
  'the longest patterns',
  async ({ client }) => {
    const a = await client()
    const longest = '\xe5'.repeat(1_024)
    for (const kind of ['is', 'begins-with', 'ends-with', 'contains']) {
      await a.subscribe(`s ${kind} ${kind} ${longest}`)
      await a.send(`s 1 ${kind} ${longest}x\n`)
      await a.matches(/^error pattern-too-long subscribe /)
    }
    await a.subscribe(`s r r ${'x'.repeat(256)}`)
    await a.send(`s 1 r ${'x'.repeat(257)}\n`)
    await a.matches(/^error pattern-too-long subscribe /)
  },
  { cuts: 'few' },
)

conformance(
  '4',
  'a pattern that is the category matches by all plain kinds',
  async ({ client }) => {
    const b = await client()
    for (const kind of ['is', 'begins-with', 'ends-with', 'contains']) {
      const a = await client()
      await a.subscribe(`s 1 ${kind} /a/b`)
      await b.send(':/a/b x\n')
      await a.gets(':/a/b x\n')
    }
  },
)

conformance('4', 'two ids with one pattern', async ({ client }) => {
  const a = await client()
  await a.subscribe('s 1 r ^/a')
  await a.subscribe('s 2 r ^/a')
  await a.send('u 1\n:/a x\nu 2\n:/a y\n')
  await a.gets('ok unsubscribe 1\n:/a x\nok unsubscribe 2\n')
  await a.isQuiet()
})
