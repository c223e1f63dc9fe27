// Cases 61, 68 and 115 of spec/wamp 15: many receivers, calls in order, values through the history.

import assert from 'node:assert/strict'
import { mock } from 'node:test'
import { allSerializers } from '../../../src/wire/wamp/serializers.ts'
import { answer, call, invocation, register } from './callee.ts'
import { conformance } from './router.ts'
import { pack, type RawClient, type SerializerName } from './raw-client.ts'

const serializers: readonly SerializerName[] = ['json', 'msgpack', 'cbor']

conformance('61', 'one payload for many is made twice at most', async (router) => {
  const subscribers: { readonly client: RawClient; readonly id: number }[] = []
  for (let i = 0; i < 200; i++) {
    const client = await router.client({ serializer: serializers[i % 3] ?? 'json' })
    subscribers.push({ client, id: await client.subscribe('a') })
  }
  const publisher = await router.client()
  const mark = 'the payload'
  let made = 0
  for (const serializer of allSerializers) {
    const encode = serializer.encode.bind(serializer)
    mock.method(serializer, 'encode', (...args: Parameters<typeof encode>) => {
      if (Array.isArray(args[1]) && args[1][0] === mark) made += 1
      encode(...args)
    })
  }
  try {
    publisher.publish('a', [mark, 1])
    for (const { client, id } of subscribers) {
      assert.deepEqual((await client.event(id)).args, [mark, 1])
    }
  } finally {
    mock.restoreAll()
  }
  assert.equal(made, 2)
})

conformance('68', 'a caller and a callee: invocations in the order of calls', async (router) => {
  const callees = [await router.client(), await router.client({ serializer: 'cbor' })]
  const callers = [await router.client({ serializer: 'msgpack' }), await router.client()]
  await Promise.all(callees.map((callee, i) => register(callee, `p${i}`)))
  const count = 200
  for (let n = 0; n < count; n++) {
    // Of two procedures by turns, so that they could overtake each other.
    callers.forEach((caller, who) => call(caller, `p${n % 2}`, {}, [who, n]))
  }
  for (const [i, callee] of callees.entries()) {
    const next = [i, i]
    for (let n = 0; n < count; n++) {
      const { id, args } = await invocation(callee)
      const [who = -1, at] = args as number[]
      assert.equal(at, next[who])
      next[who] = (at ?? 0) + 2
      answer(callee, id)
    }
  }
  for (const caller of callers) for (let n = 0; n < count; n++) await caller.next()
})

conformance('115', 'values that only CBOR has come back from the history', async (router) => {
  const client = await router.client({ serializer: 'cbor' })
  // An integral float, NaN, a time, a tag that nobody knows.
  const args =
    '84fb3ff0000000000000fb7ff8000000000000c074323031332d30332d32315432303a30343a30305ad903e705'
  const head = Buffer.from(pack('cbor', [16, 1, { acknowledge: true }, 'x.y', 0])).subarray(0, -1)
  client.sendBytes(Buffer.concat([head, Buffer.from(args, 'hex')]))
  assert.equal((await client.next())[0], 17)
  const id = await client.subscribe('x.y')
  call(client, 'wamp.subscription.get_events', {}, [id])
  const bytes = (await client.nextBytes()).toString('hex')
  assert.ok(bytes.includes(args), bytes)
})
