import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../../model/errors.ts'
import { DeliveryDecoder } from './delivery-decoder.ts'

const bytesOf = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

interface Seen {
  readonly seen: unknown[]
  readonly push: (bytes: Buffer, start?: number, end?: number) => void
}

function decoder(maxBodyBytes = 1_000): Seen {
  const seen: unknown[] = []
  const sink = {
    onAck: (opId: number, result: number) => void seen.push({ opId, result }),
    onDelivery: ({ kind, realtime, bytes, ...at }: Parameters<Sink>[0]) => {
      const text = (start: number, end: number) => bytes.toString('latin1', start, end)
      const sender = text(at.senderStart, at.senderEnd)
      const topic = text(at.topicStart, at.topicEnd)
      seen.push({ kind, realtime, sender, topic, payload: text(at.start, at.end) })
    },
  }
  const decoding = new DeliveryDecoder(sink, maxBodyBytes)
  return {
    seen,
    push: (bytes, start = 0, end = bytes.length) => decoding.push(bytes, start, end),
  }
}

type Sink = ConstructorParameters<typeof DeliveryDecoder>[0]['onDelivery']

test('the bytes of the specification (11.16, 11.17, 11.47, 11.62)', () => {
  const { seen, push } = decoder()
  push(bytesOf('12 09000000 00 612E6200 68656C6C6F'))
  push(bytesOf('FE 01000000 01'))
  push(bytesOf('12 09000000 01 612E6200 68656C6C6F'))
  push(bytesOf('000000000000'))
  push(bytesOf('01 0B000000 00 612E6200 6F776E2F7A00 78'))
  push(bytesOf('13 04000000 00 612E6200'))
  push(bytesOf('FE FFFFFFFF 71'))
  const message = { kind: 'message', sender: 'a.b', topic: '', payload: 'hello' }
  assert.deepEqual(seen, [
    { ...message, realtime: false },
    { opId: 1, result: 0x01 },
    { ...message, realtime: true },
    { kind: 'publication', realtime: false, sender: 'a.b', topic: 'own/z', payload: 'x' },
    { kind: 'broadcast', realtime: false, sender: 'a.b', topic: '', payload: '' },
    { opId: 0xffff_ffff, result: 0x71 },
  ])
})

test('any cut of the bytes gives the same frames', () => {
  const stream = bytesOf(
    '12 09000000 00 612E6200 68656C6C6F FE 01000000 01 000000000000' +
      '01 0B000000 01 612E6200 6F776E2F7A00 78 13 04000000 00 612E6200 FE 02000000 79',
  )
  const whole = decoder()
  whole.push(stream)
  assert.equal(whole.seen.length, 5)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 60 }), (steps) => {
      const { seen, push } = decoder()
      let at = 0
      for (const step of steps) {
        const end = Math.min(stream.length, at + step)
        // Another buffer each time, overwritten afterwards: nothing may be kept by reference.
        const chunk = Buffer.concat([Buffer.from([0xaa]), stream.subarray(at, end)])
        push(chunk, 1, chunk.length)
        chunk.fill(0xbb)
        at = end
      }
      assert.deepEqual(seen, whole.seen)
    }),
  )
})

test('a large frame in many pieces', () => {
  const payload = Buffer.alloc(300_000, 'x')
  const head = bytesOf('12 E4930400 00 612E6200')
  const { seen, push } = decoder(1_000_000)
  const stream = Buffer.concat([head, payload, bytesOf('FE 01000000 01')])
  assert.equal(stream.readUInt32LE(1), payload.length + 4)
  for (let at = 0; at < stream.length; at += 65_536)
    push(stream, at, Math.min(stream.length, at + 65_536))
  assert.deepEqual(seen, [
    { kind: 'message', realtime: false, sender: 'a.b', topic: '', payload: payload.toString() },
    { opId: 1, result: 1 },
  ])
})

test('what no broker sends is an error', () => {
  const cases: [string, RegExp][] = [
    ['02 00000000 00', /kind 0x2/],
    ['FF 00000000 00', /kind 0xff/],
    ['12 00000000 00', /zero after a name/],
    ['12 03000000 00 612E62', /zero after a name/],
    ['01 04000000 00 612E6200', /zero after a name/],
    // Its length alone is enough.
    ['12 E9030000 00', /1001 bytes came, the limit is 1000/],
    ['12 FFFFFFFF 00', /4294967295 bytes/],
  ]
  for (const [hex, message] of cases) {
    assert.throws(
      () => decoder().push(bytesOf(hex)),
      (error: unknown) => error instanceof ProtocolError && message.test(error.message),
      hex,
    )
  }
})

test('any bytes give frames or a protocol error', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 30 })), (chunks) => {
      const { push } = decoder()
      try {
        for (const chunk of chunks) push(Buffer.from(chunk))
      } catch (error) {
        assert.ok(error instanceof ProtocolError)
      }
    }),
  )
})
