// Cases 38 to 45 of spec/busrt 11: masks, secondaries, and a name that is taken over.

import assert from 'node:assert/strict'
import {
  ack,
  broadcast,
  broadcastFrom,
  introduction,
  message,
  messageFrom,
  publish,
  subscribe,
} from './bytes.ts'
import { conformance } from './case.ts'
import { nextEvent } from './events.ts'
import { getsNothingFrom, type RawClient } from './raw-client.ts'

conformance(38, 'a mask with ? and *', async ({ client }) => {
  const a = await client('a.b')
  const c1 = await client('g1.test.c1')
  const c2 = await client('g1.test.sub.c2')
  await a.send(broadcast('?.test.*', 'hello'))
  await a.gets(ack())
  for (const receiver of [c1, c2]) await receiver.gets('13 09000000 00 612E6200 68656C6C6F')
  await a.send(broadcast('?.test.*', 'hello', { qos: 2 }))
  for (const receiver of [c1, c2]) await receiver.gets(broadcastFrom('a.b', 'hello', 1))
  await getsNothingFrom(a, a, c1, c2)
})

conformance(39, 'a broadcast to all', async ({ client }) => {
  const a = await client('a.b')
  const others = [await client('a.b%%0'), await client('c')]
  await a.send(broadcast('*', 'hello'))
  await a.gets(broadcastFrom('a.b', 'hello'), ack())
  for (const other of others) await other.gets(broadcastFrom('a.b', 'hello'))
})

conformance(40, 'a mask that is too short, and one that matches nobody', async ({ client }) => {
  const a = await client('a.b')
  const c1 = await client('g1.test.c1')
  const c2 = await client('g1.test.sub.c2')
  await a.send(broadcast('g1.test', 'hello'))
  await a.gets(ack())
  await a.send(broadcast('nope.*', 'hello'))
  await a.gets(ack())
  await getsNothingFrom(a, c1, c2)
})

conformance(41, 'a mask without wildcards is a name', async ({ client }) => {
  const sender = await client('sender')
  const a = await client('a.b')
  const secondary = await client('a.b%%0')
  await sender.send(broadcast('a.b', 'one'))
  await sender.gets(ack())
  await a.gets(broadcastFrom('sender', 'one'))
  await getsNothingFrom(sender, secondary)
  await sender.send(broadcast('a.*', 'two'))
  await sender.gets(ack())
  await a.gets(broadcastFrom('sender', 'two'))
  await secondary.gets(broadcastFrom('sender', 'two'))
})

const masks: readonly { mask: string; yes: readonly string[]; no: readonly string[] }[] = [
  { mask: 'a?', yes: [], no: ['ab', 'a'] },
  { mask: 'a*', yes: [], no: ['ab', 'a'] },
  { mask: 'g.*', yes: ['g.', 'g.a', 'g.a.b'], no: ['g', 'h'] },
  { mask: '?', yes: ['g', 'h', 'ab', 'a'], no: ['g.', 'g.a'] },
  // From the table of 4.4.
  { mask: '?.a.?', yes: ['g.a.b'], no: ['g.a', 'g'] },
  { mask: '*.nothing', yes: ['g', 'h', 'g.', 'g.a', 'g.a.b', 'ab', 'a'], no: [] },
  { mask: 'g.*.x', yes: ['g.', 'g.a', 'g.a.b'], no: ['g'] },
  { mask: '', yes: [], no: ['g', 'g.'] },
]

conformance(42, 'wildcards are whole chunks', async ({ client }) => {
  const sender = await client('the.sender')
  const names = [...new Set(masks.flatMap(({ yes, no }) => [...yes, ...no]))]
  const receivers = new Map<string, RawClient>()
  for (const name of names) receivers.set(name, await client(name))
  for (const { mask, yes } of masks) {
    await sender.send(broadcast(mask, mask))
    if (mask.startsWith('*')) await sender.gets(broadcastFrom('the.sender', mask))
    await sender.gets(ack())
    for (const [name, receiver] of receivers) {
      if (yes.includes(name)) await receiver.gets(broadcastFrom('the.sender', mask))
      await getsNothingFrom(sender, receiver)
    }
  }
})

conformance(43, 'a secondary is a target and a sender of its own', async ({ client }) => {
  const a = await client('a.b')
  const secondary = await client('a.b%%0')
  await a.send(message('a.b%%0', 'down'))
  await a.gets(ack())
  await secondary.gets(messageFrom('a.b', 'down'))
  await secondary.send(message('a.b', 'up'))
  await secondary.gets(ack())
  await a.gets(messageFrom('a.b%%0', 'up'))
  await a.isUsable()
})

conformance(44, 'secondaries end with their primary', async ({ client }) => {
  const primary = await client('x')
  const secondary = await client('x%%1')
  const other = await client('xx')
  primary.socket.end()
  await secondary.isClosed()
  await other.isUsable()
})

conformance(
  45,
  'a name taken over',
  async ({ connect, client }) => {
    const watcher = await client('watcher')
    const old = await client('dupe')
    await old.send(subscribe('t'))
    await old.gets(ack())
    const oldSecondary = await client('dupe%%0')
    await watcher.send(subscribe('.broker/info'))
    await watcher.gets(ack())

    const next = await connect('dupe')
    await next.send(introduction('dupe'))
    assert.equal((await next.take(5)).toString('hex'), 'eb01000101')
    await old.isClosed()
    await oldSecondary.isClosed()
    await next.isUsable()

    // The subscription of the old one is gone, and a secondary is never taken over.
    const secondary = await client('dupe%%0')
    const clash = await connect()
    await clash.send(introduction('dupe%%0'))
    assert.equal((await clash.take(5)).toString('hex'), 'eb01000176')
    await clash.isClosed()
    await watcher.send(publish('t', 'x'))
    const { subject, name } = await nextEvent(watcher)
    assert.deepEqual([subject, name], ['reg', 'dupe'])
    await watcher.gets(ack())
    await getsNothingFrom(watcher, next, secondary, watcher)
  },
  { broker: { forceRegister: true } },
)
