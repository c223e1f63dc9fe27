// Sessions of WAMP that send what is nearly a message, and what is none: whoever watches goes on, and nothing stays.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Json, pack, type SerializerName } from '../conformance/wamp/raw-client.ts'
import { Router } from '../conformance/wamp/router.ts'
import { fuzz } from './fuzz-runs.ts'
import type { Random } from './random.ts'

const serializers: readonly SerializerName[] = ['json', 'msgpack', 'cbor']

test('WAMP: noise on open sessions harms nobody (case 119)', async (t) => {
  const router = await Router.start(t)
  const messages: readonly Json[][] = [
    [16, 1, { acknowledge: true }, 'a.b', [1, 'x'], { k: [null] }],
    [32, 2, { match: 'prefix' }, 'a'],
    [48, 3, { receive_progress: true }, 'a.p', [1]],
    [64, 4, { invoke: 'roundrobin', concurrency: 1 }, 'a.p'],
    [70, 1, { progress: true }, [1]],
    [8, 68, 1, {}, 'a.error', ['x']],
    [49, 3, { mode: 'kill' }],
    [6, {}, 'wamp.close.normal'],
  ]
  const watcher = await router.client()
  const id = await watcher.subscribe('watched')
  await fuzz<readonly [SerializerName, readonly Buffer[]]>(t, {
    runs: 150,
    make: (random) => {
      const serializer = random.one(serializers)
      const frames = Array.from({ length: 5 }, () => {
        const bytes = Buffer.from(pack(serializer, random.one(messages)))
        return random.once(4) ? random.bytes(200) : changed(random, bytes)
      })
      return [serializer, frames]
    },
    check: async ([serializer, frames]) => {
      const client = await router.client({ serializer })
      client.socket.resume()
      for (const frame of frames) client.sendBytes(frame)
      await client.end()
      watcher.publish('watched', [], {}, { exclude_me: false })
      await watcher.event(id)
    },
    show: ([serializer, frames]) =>
      `${serializer} ${frames.map((one) => one.toString('hex')).join(' ')}`,
  })
  assert.equal(router.bus.clients().length, 1)
  assert.equal(router.bus.live.procedures.callsInFlight, 0)
})

/** Some octets of it are others, or it is cut. */
function changed(random: Random, bytes: Buffer): Buffer {
  if (bytes.length === 0 || random.once(3)) return bytes
  for (let i = random.below(3); i >= 0; i--) bytes[random.below(bytes.length)] = random.below(256)
  return random.once(4) ? bytes.subarray(0, random.below(bytes.length)) : bytes
}
