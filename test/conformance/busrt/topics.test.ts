// Cases 46 to 61 of spec/busrt 11: topics, filters, exclusions and publications for one client.

import {
  ack,
  broadcast,
  broadcastFrom,
  exclude,
  hex,
  message,
  messageFrom,
  publicationFrom,
  publish,
  publishFor,
  subscribe,
  unexclude,
  unsubscribe,
} from './bytes.ts'
import { conformance } from './case.ts'
import { getsNothingFrom, type RawClient } from './raw-client.ts'

/** Publishes to itself: whether it comes back is told by what comes before the ack. */
async function publishes(client: RawClient, topic: string, isDelivered: boolean): Promise<void> {
  const payload = `to ${topic}`
  await client.send(publish(topic, payload))
  if (isDelivered) await client.gets(publicationFrom(client.name, topic, payload))
  await client.gets(ack())
}

async function confirmed(client: RawClient, ...operations: readonly Uint8Array[]): Promise<void> {
  for (const operation of operations) {
    await client.send(operation)
    await client.gets(ack())
  }
}

conformance(46, 'nobody is subscribed', async ({ client }) => {
  const a = await client('a.b')
  await publishes(a, 'own/z', false)
  await a.send(publish('own/z', 'x', { qos: 0 }))
  await a.isUsable()
})

conformance(47, 'its own publication, then the ack', async ({ client }) => {
  const a = await client('a.b')
  await confirmed(a, subscribe('own/+'))
  await a.send('01000000 41 08000000 6F776E2F7A00 6869')
  await a.gets('01 0C000000 00 612E6200 6F776E2F7A00 6869', ack())
  await a.send('01000000 C1 08000000 6F776E2F7A00 6869')
  await a.gets('01 0C000000 01 612E6200 6F776E2F7A00 6869', ack())
})

conformance(47, 'topics that no log can have', async ({ client }) => {
  const a = await client('a.b')
  await confirmed(a, subscribe('#'))
  for (const topic of [' ', '\t', '$SYS']) await publishes(a, topic, true)
})

conformance(
  47,
  'what no log can take is refused and reaches nobody',
  async ({ client }) => {
    const a = await client('a.b')
    await confirmed(a, subscribe('#'))
    await a.send(publish('t'.repeat(2_000), 'x'))
    await a.gets(ack(0x72))
    await a.send(publish('$msgbus.clients', 'x'))
    await a.gets(ack(0x79))
    await a.send(publish('t', Buffer.alloc(5_000_000, 'x')))
    await a.gets(ack(0x77))
    await a.isUsable()
  },
  { cuts: 'few', notReference: 'it stores nothing, so it takes everything' },
)

conformance(48, 'several filters that match, one copy', async ({ client }) => {
  const a = await client('a.b')
  const other = await client('c')
  await confirmed(a, subscribe('own/+'), subscribe('own/#'), subscribe('own/z'))
  await publishes(a, 'own/z', true)
  await other.send(publish('own/z', 'x'))
  await other.gets(ack())
  await a.gets(publicationFrom('c', 'own/z', 'x'))
  await a.isUsable()
})

/** The filters of one client, the topics that reach it, and those that do not. */
const matching = [
  {
    number: 49,
    filter: 't/#',
    yes: ['t/x', 't/x/y', 't/', 't//'],
    no: ['t', 'T/x', 'tt/x', 'tt', '/t/x', ''],
  },
  {
    number: 50,
    filter: '#',
    yes: ['', '/', 'x', '.broker/info', '.x/y', '+', '#', '$SYS/x', 'a//b/'],
    no: [],
  },
  { number: 51, filter: 'p/+', yes: ['p/', 'p/q', 'p/+'], no: ['p', 'p/q/r', 'P/q', '/p/q'] },
  { number: 52, filter: 'x+/y', yes: ['x+/y'], no: ['xa/y', 'x/y'] },
  // From the table of 4.5.
  { number: 52, filter: '+', yes: ['', 'x', '#'], no: ['/', 'x/y'] },
  { number: 52, filter: '+/topic/#', yes: ['x/topic/e', '/topic/s/e'], no: ['x/topic', 'topic/e'] },
  { number: 52, filter: '~x', yes: ['~x'], no: ['x'] },
  { number: 52, filter: '!ge(2)', yes: ['!ge(2)'], no: ['2', '3'] },
]

for (const { number, filter, yes, no } of matching) {
  conformance(number, `the filter ${filter}`, async ({ client }) => {
    const a = await client('a.b')
    await confirmed(a, subscribe(filter))
    for (const topic of yes) await publishes(a, topic, true)
    for (const topic of no) await publishes(a, topic, false)
    await confirmed(a, unsubscribe(filter))
    for (const topic of yes) await publishes(a, topic, false)
  })
}

conformance(53, 'what follows # is ignored, but belongs to the text', async ({ client }) => {
  const a = await client('a.b')
  await confirmed(a, subscribe('m/#/z'))
  await publishes(a, 'm/1/2', true)
  await publishes(a, 'm/1', true)
  await confirmed(a, unsubscribe('m/#'))
  await publishes(a, 'm/1/2', true)
  await confirmed(a, unsubscribe('m/#/z'))
  await publishes(a, 'm/1/2', false)
})

conformance(
  53,
  'm/# and m/#/z are two filters',
  async ({ client }) => {
    const a = await client('a.b')
    await confirmed(a, subscribe('m/#/z'), subscribe('m/#'), unsubscribe('m/#'))
    await publishes(a, 'm/1', true)
    await confirmed(a, subscribe('m/#'), unsubscribe('m/#/z'))
    await publishes(a, 'm/1', true)
  },
  { notReference: 'removing either stops both (spec/busrt 4.5)' },
)

conformance(54, 'a list of filters has one ack', async ({ client }) => {
  const a = await client('a.b')
  await a.send('01000000 42 0B000000 712F3100 712F3200 712F2B')
  await a.gets(ack())
  await publishes(a, 'q/1', true)
  await publishes(a, 'q/3', true)
  await confirmed(a, unsubscribe('q/+', 'q/1'))
  await publishes(a, 'q/1', false)
  await publishes(a, 'q/2', true)
  // An empty one between two others counts.
  await confirmed(a, subscribe('a', '', 'b'))
  for (const topic of ['a', '', 'b']) await publishes(a, topic, true)
})

conformance(55, 'an unknown filter is taken away', async ({ client }) => {
  const a = await client('a.b')
  await confirmed(a, unsubscribe('q/1'), unexclude('q/1'))
  await a.send('02000000 03 03000000 712F31', '03000000 05 03000000 712F31')
  await a.isUsable()
})

conformance(56, 'lists with an empty body', async ({ client }) => {
  const a = await client('a.b')
  const b = await client('b')
  await a.send('01000000 42 00000000')
  await a.gets(ack())
  await publishes(a, '', true)
  await b.send('01000000 44 00000000')
  await b.gets(ack())
  await b.send('02000000 42 00000000')
  await b.gets(ack(1, 2))
  await publishes(a, '', true)
  await getsNothingFrom(a, b)
  await a.send('01000000 43 00000000')
  await a.gets(ack())
  await publishes(a, '', false)
  await b.send('01000000 45 00000000')
  await b.gets(ack())
  await publishes(a, '', false)
  await b.gets(publicationFrom('a.b', '', 'to '))
})

conformance(57, 'an exclusion before or after the subscription', async ({ client }) => {
  for (const operations of [
    [exclude('q/2'), subscribe('q/+')],
    [subscribe('q/+'), exclude('q/2')],
  ]) {
    const a = await client(`a.${operations.length}`)
    await confirmed(a, ...operations)
    await publishes(a, 'q/2', false)
    await publishes(a, 'q/1', true)
    await confirmed(a, unexclude('q/2'))
    await publishes(a, 'q/2', true)
    // A wildcard excludes, too, and an exclusion is no subscription.
    await confirmed(a, exclude('+/2', 'q/3/#'))
    await publishes(a, 'q/2', false)
    await publishes(a, 'q/1', true)
    await confirmed(a, unexclude('q/2'))
    await publishes(a, 'q/2', false)
    await confirmed(a, unexclude('+/2'), unsubscribe('q/+'))
    await publishes(a, 'q/2', false)
    await a.close()
  }
})

conformance(58, 'exclusions do not stop messages and broadcasts', async ({ client }) => {
  const a = await client('a.b')
  await confirmed(a, subscribe('#'), exclude('#'))
  await publishes(a, 'x', false)
  await a.send(message('a.b', 'one'))
  await a.gets(messageFrom('a.b', 'one'), ack())
  await a.send(broadcast('a.*', 'two'))
  await a.gets(broadcastFrom('a.b', 'two'), ack())
  await a.send(publishFor('x', 'a.b', 'three'))
  await a.gets(ack())
})

conformance(59, 'a publication for one client and its secondaries', async ({ client }) => {
  const a = await client('a.b')
  const secondary = await client('a.b%%0')
  const c = await client('c')
  for (const one of [a, secondary, c]) await confirmed(one, subscribe('pf/x'))
  await c.send(publishFor('pf/x', 'a.b', 'hello'))
  await c.gets(ack())
  for (const one of [a, secondary]) await one.gets(publicationFrom('c', 'pf/x', 'hello'))
  // Only the first two NUL divide.
  await a.send(publishFor('pf/x', 'a.b', hex('00 61 00'), { qos: 3 }))
  await a.gets(publicationFrom('a.b', 'pf/x', hex('00 61 00'), 1), ack())
  await secondary.gets(publicationFrom('a.b', 'pf/x', hex('00 61 00'), 1))
  await confirmed(secondary, exclude('pf/+'))
  await c.send(publishFor('pf/x', 'a.b', 'again'))
  await c.gets(ack())
  await a.gets(publicationFrom('c', 'pf/x', 'again'))
  await c.send(publishFor('pf/y', 'a.b', 'unsubscribed'))
  await c.gets(ack())
  await getsNothingFrom(c, a, secondary, c)
})

conformance(60, 'a publication for a secondary, or for nobody', async ({ client }) => {
  const a = await client('a.b')
  const secondary = await client('a.b%%0')
  for (const one of [a, secondary]) await confirmed(one, subscribe('pf/x'))
  for (const receiver of ['a.b%%0', 'nobody', '', 'a.*', '*', 'a']) {
    await a.send(publishFor('pf/x', receiver, 'hello'))
    await a.gets(ack())
  }
  await getsNothingFrom(a, a, secondary)
})

conformance(61, 'every client begins with .broker/warn', async ({ client }) => {
  const a = await client('a.b')
  const secondary = await client('a.b%%0')
  const c = await client('c')
  await confirmed(secondary, unsubscribe('.broker/warn'))
  await c.send(publish('.broker/warn', 'hello'))
  await c.gets(publicationFrom('c', '.broker/warn', 'hello'), ack())
  await a.gets(publicationFrom('c', '.broker/warn', 'hello'))
  await getsNothingFrom(c, secondary)
  await confirmed(c, unsubscribe('.broker/warn'))
  await c.send(publish('.broker/warn', 'hello'))
  await c.gets(ack())
  await a.gets(publicationFrom('c', '.broker/warn', 'hello'))
})
