// The decoder of WAMP messages against mutated messages of each type in each serializer: no error but of the protocol,
// nothing that holds up the loop, and what is taken is taken the same way a second time, through every serializer.
// `MSGBUS_FUZZ_RUNS=1000000 npm test -- fuzz` runs a million for each serializer.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolError } from '../../src/model/errors.ts'
import { writeNatural } from '../../src/wire/wamp/natural-form.ts'
import { ByteSink } from '../../src/wire/wamp/byte-sink.ts'
import { MessageDecoder } from '../../src/wire/wamp/decode-message.ts'
import { json } from '../../src/wire/wamp/json.ts'
import type { Serializer } from '../../src/wire/wamp/serializer.ts'
import { allSerializers } from '../../src/wire/wamp/serializers.ts'
import { isUtf8 } from '../../src/wire/wamp/utf8.ts'
import { vectors } from '../conformance/wamp/vectors.ts'
import { bestMs, fuzz, longestMs } from './fuzz-runs.ts'
import type { Random } from './random.ts'

for (const serializer of allSerializers) {
  const decoder = new MessageDecoder(serializer)
  const messages = vectors.messages.map((vector) => bytesOf(serializer, vector[serializer.name]))
  let taken = 0

  test(`WAMP in ${serializer.name}: mutated messages of every type`, async (t) => {
    await fuzz<Buffer>(t, {
      runs: 20_000,
      make: (random) => mutated(random, random.one(messages)),
      check: (input) => {
        let again = false
        const ms = bestMs(() => {
          const startedAt = performance.now()
          again = isTaken(decoder, serializer, input)
          return performance.now() - startedAt
        })
        if (again) taken += 1
        assert.ok(ms < longestMs, `${ms} ms`)
      },
      show: (input) => (serializer === json ? input.toString() : input.toString('hex')),
    })
    t.diagnostic(`${taken} were taken`)
  })
}

/** Whether it is a message; then its payload can be had in every serializer and on the bus. */
function isTaken(decoder: MessageDecoder, serializer: Serializer, input: Buffer): boolean {
  // Of JSON the transport has made sure before.
  if (serializer === json && !isUtf8(input, 0, input.length)) return false
  try {
    const message = decoder.decode(input, 0, input.length)
    if (!('payload' in message)) return true
    const { payload } = message
    writeNatural(new ByteSink(), payload)
    for (const other of allSerializers) {
      const there = payload.in(other)
      assert.equal(there.args.length, payload.args.length)
      assert.equal(there.hasKwargs, payload.hasKwargs)
    }
    return true
  } catch (error) {
    if (error instanceof ProtocolError) return false
    throw error
  }
}

function bytesOf(serializer: Serializer, text: string): Buffer {
  return serializer === json ? Buffer.from(text) : Buffer.from(text, 'hex')
}

function mutated(random: Random, message: Buffer): Buffer {
  let bytes = Buffer.from(message)
  for (let left = random.below(4); left > 0 && bytes.length > 0; left -= 1) {
    const at = random.below(bytes.length)
    switch (random.below(5)) {
      case 0:
        bytes[at] = random.below(256)
        break
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
        break
      case 2:
        bytes = bytes.subarray(0, at)
        break
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), random.bytes(8), bytes.subarray(at)])
        break
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random.below(bytes.length))])
    }
  }
  return bytes
}
