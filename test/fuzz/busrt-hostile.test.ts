// Single frames that are as large and as bad as they can be: none may hold the others up for longer than moving
// that many bytes takes anyway.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { encode } from '@msgpack/msgpack'
import {
  broadcast,
  introduction,
  message,
  op,
  publish,
  publishFor,
  request,
  rpcRequest,
} from '../conformance/busrt/bytes.ts'
import { assertWellFormed, openScene, Peer, self } from './busrt-scene.ts'
import { longestMs } from './fuzz-runs.ts'

const most = 16_000_000
const lines = (count: number) =>
  Buffer.from(Array.from({ length: count }, (_, index) => index.toString(36)).join('\0'))
const call = (method: string, params: Uint8Array) =>
  message('.broker', rpcRequest(7, method, params))
const filter = (text: string) => call('client.list', encode({ filter: text }))

/** Single frames that are as bad as one can be. */
const hostile: Record<string, () => Buffer> = {
  'a list of 16 million empty filters': () => request(op.subscribe | 0x40, Buffer.alloc(most)),
  'subscribing to 1.5 million topics': () => request(op.subscribe | 0x40, lines(1_500_000)),
  'leaving 1.5 million topics': () => request(op.unsubscribe | 0x40, lines(1_500_000)),
  'excluding 1.5 million topics': () => request(op.exclude | 0x40, lines(1_500_000)),
  'including 1.5 million topics': () => request(op.unexclude | 0x40, lines(1_500_000)),
  'a filter of 16 million levels': () => request(op.subscribe | 0x40, Buffer.alloc(most, '/')),
  'an exclusion of 16 million levels': () => request(op.exclude | 0x40, Buffer.alloc(most, '/')),
  'a topic of 16 million levels': () => publish(Buffer.alloc(most, '/'), 'x'),
  'the same, not acknowledged': () => publish(Buffer.alloc(most, '/'), 'x', { qos: 0 }),
  'the same, for one client': () => publishFor(Buffer.alloc(most, '/'), self, 'x'),
  'a mask of 16 million chunks': () => broadcast(Buffer.alloc(most, '.'), 'x'),
  'a mask of 8 million wildcards': () => broadcast(Buffer.alloc(most, '?.'), 'x'),
  'a target of 16 million bytes': () => message(Buffer.alloc(most, 'ä'), 'x'),
  'a method of 16 million bytes': () => call('m'.repeat(most), Buffer.alloc(0)),
  'an echo of 16 million bytes': () => call('benchmark.test', Buffer.alloc(most)),
  'an expression of repetitions': () => filter('(a{1000}){1000}'),
  'an expression of 1.8 million characters': () => filter('(a|b|c?)'.repeat(225_000)),
  'an expression 100,000 deep': () => filter(`${'('.repeat(100_000)}a${')'.repeat(100_000)}`),
  'an expression that backtracks': () => filter('(x?){500}x{500}$'),
  'msgpack a million deep': () => call('client.list', Buffer.alloc(1_000_000, 0x91)),
  'a list of msgpack that is not there': () =>
    call('client.list', Buffer.from('ddffffffff', 'hex')),
  'a map of msgpack that is not there': () => call('log.fetch', Buffer.from('dfffffffff', 'hex')),
  'a text of msgpack that is not there': () =>
    call('client.list', Buffer.from('dbffffffff', 'hex')),
}

const scene = await openScene()
after(async () => scene.close())

/** Longest time that one read took. */
async function longest(stream: Buffer): Promise<number> {
  const peer = new Peer(scene.bus)
  await peer.run(readsOf(stream))
  assertWellFormed(peer.output)
  return peer.longestMs
}

/** As much as one read brings. */
function readsOf(stream: Buffer): Buffer[] {
  const reads: Buffer[] = []
  for (let at = 0; at < stream.length; at += 65_536) reads.push(stream.subarray(at, at + 65_536))
  return reads
}

for (const [title, make] of Object.entries(hostile)) {
  test(`${title} holds nobody up`, { timeout: 120_000 }, async () => {
    const stream = Buffer.concat([introduction(self), make()])
    const honest = Buffer.concat([introduction(self), message(self, Buffer.alloc(most))])
    const tries: string[] = []
    // A machine that is busy with other things is not slow every time.
    while (tries.length < 4) {
      const allowed = Math.max(longestMs, 3 * (await longest(honest)))
      const took = await longest(stream)
      if (took < allowed) return
      tries.push(`${took.toFixed()} ms, ${allowed.toFixed()} allowed`)
    }
    assert.fail(`the others wait: ${tries.join('; ')}`)
  })
}
