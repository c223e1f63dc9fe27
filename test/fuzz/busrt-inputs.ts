/**
 * Inputs for the BUS/RT side: anything at all, streams of well-formed frames, and those with something
 * broken in them.
 */

import { encode } from '@msgpack/msgpack'
import {
  joined,
  op,
  ping,
  request,
  rpcError,
  rpcReply,
  rpcRequest,
} from '../conformance/busrt/bytes.ts'
import type { Random } from './random.ts'

/** A stream of frames as a client sends them, whole or damaged; or noise. */
export function clientStream(random: Random, self: string): Buffer {
  if (random.once(8)) return random.bytes(200)
  const frames: Buffer[] = []
  for (let count = 1 + random.below(6); count > 0; count -= 1) frames.push(frame(random, self))
  const stream = Buffer.concat(frames)
  return random.once(3) ? stream : damaged(random, stream)
}

function frame(random: Random, self: string): Buffer {
  if (random.once(10)) return random.once(2) ? ping : noisyPing(random)
  const qos = random.below(4) << 6
  const id = random.below(0xffff_ffff)
  const payload = random.once(3) ? rpcPayload(random) : random.bytes(300)
  switch (random.below(8)) {
    case 0:
      return request(op.publish | qos, joined(topic(random), payload), id)
    case 1:
      return request(op.subscribe | qos, list(random), id)
    case 2:
      return request(op.unsubscribe | qos, list(random), id)
    case 3:
      return request(op.exclude | qos, list(random), id)
    case 4:
      return request(op.unexclude | qos, list(random), id)
    case 5:
      return request(op.publishFor | qos, joined(topic(random), name(random, self), payload), id)
    case 6:
      return request(op.broadcast | qos, joined(mask(random, self), payload), id)
    default:
      return request(op.message | qos, joined(name(random, self), payload), id)
  }
}

function noisyPing(random: Random): Buffer {
  const bytes = Buffer.from(Array.from({ length: 9 }, () => random.below(256)))
  bytes[4] = 0
  return bytes
}

const name = (random: Random, self: string) =>
  random.one([self, self, '.broker', '.broker', 'other', 'nobody', '', `${self}%%0`, '%%', 'ä.ö'])

const mask = (random: Random, self: string) =>
  random.one([self, '*', '?', '?.*', '.*', 'other', '*.*', '', '..', 'o?', '?.?.?', 'ä.*'])

const topic = (random: Random) =>
  random.one(['a', 'a/b', '', '/', 'a//b', '.broker/info', '.broker/warn', '+', '#', '$x', 'ä/ö'])

const filter = (random: Random) =>
  random.one(['a', '#', '+', 'a/#', 'a/+', '+/+', '', '/', '#/a', '.broker/#', 'a/+/#/b', 'ä/+'])

function list(random: Random): Buffer {
  const count = random.once(10) ? 50 : random.below(4)
  return joined(...Array.from({ length: count }, () => filter(random)))
}

const methods = [
  'test',
  'info',
  'stats',
  'client.list',
  'benchmark.test',
  'log.list',
  'log.head',
  'log.fetch',
  'log.subscribe',
  'topic.last',
  'no.such',
  '',
]

function rpcPayload(random: Random): Buffer {
  const id = random.below(4)
  switch (random.below(6)) {
    case 0:
      return Buffer.concat([Buffer.from([0]), random.bytes(20)])
    case 1:
      return rpcReply(id, random.bytes(20))
    case 2:
      return rpcError(id, random.below(0xffff) - 0x8000, random.bytes(20))
    default: {
      const payload = rpcRequest(id, random.one(methods), params(random))
      return random.once(4) ? damaged(random, payload) : payload
    }
  }
}

function params(random: Random): Uint8Array {
  switch (random.below(4)) {
    case 0:
      return Buffer.alloc(0)
    case 1:
      return random.bytes(40)
    case 2:
      return encode({ filter: random.once(2) ? expression(random) : value(random) })
    default:
      return encode({
        topic: random.once(3) ? value(random) : topic(random),
        from: value(random),
        after: value(random),
        all: random.once(2),
        limit: value(random),
        origin: random.once(2) ? undefined : [value(random), 'b', 'c'],
      })
  }
}

const value = (random: Random) =>
  random.one([null, 0, 1, -1, 1.5, 2 ** 53, 2 ** 63, '', 'a', 'x'.repeat(300), true, [], {}, [[1]]])

function expression(random: Random): string {
  const parts = [
    'a',
    '.',
    '*',
    '+',
    '?',
    '(',
    ')',
    '[',
    ']',
    '{3}',
    '{1,900}',
    '|',
    '^',
    '$',
    '\\b',
    'ä',
  ]
  return Array.from({ length: random.below(12) }, () => random.one(parts)).join('')
}

/** Something is changed, missing, there twice, or has the wrong length. */
export function damaged(random: Random, bytes: Buffer): Buffer {
  if (bytes.length === 0) return random.bytes(10)
  let result = Buffer.from(bytes)
  for (let count = 1 + random.below(3); count > 0 && result.length > 0; count -= 1) {
    const at = random.below(result.length)
    const to = at + random.below(result.length - at + 1)
    switch (random.below(7)) {
      case 0:
        result[at] = random.below(256)
        break
      case 1:
        result[at] = (result[at] ?? 0) ^ (1 << random.below(8))
        break
      case 2:
        result = result.subarray(0, at)
        break
      case 3:
        result = Buffer.concat([result.subarray(0, at), result.subarray(to)])
        break
      case 4:
        result = Buffer.concat([result.subarray(0, to), result.subarray(at)])
        break
      case 5:
        result = Buffer.concat([result.subarray(0, at), random.bytes(20), result.subarray(at)])
        break
      default:
        // A length that is off by one, too large, or absurd.
        if (result.length >= 9) {
          const length = result.readUInt32LE(5)
          const wrong = [length + 1, length - 1, 0, 4_096, 4_097, 0x7fff_ffff, 0xffff_ffff]
          result.writeUInt32LE(random.one(wrong) >>> 0, 5)
        }
    }
  }
  return result
}

/** The pieces in which a stream arrives. */
export function pieces(random: Random, bytes: Buffer): Buffer[] {
  if (random.once(4)) return [bytes]
  const most = random.once(4) ? 1 : 1 + random.below(Math.max(1, bytes.length))
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const to = Math.min(bytes.length, at + 1 + random.below(most))
    parts.push(bytes.subarray(at, to))
    at = to
  }
  return parts
}
