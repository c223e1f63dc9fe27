// Cases 16 to 37 of spec/busrt 11: frames, acknowledgements, pings and what is malformed.

import { test } from 'node:test'
import { ack, hex, joined, message, messageFrom, ping, request } from './bytes.ts'
import { conformance } from './case.ts'
import { startBroker } from './broker.ts'
import { RawClient } from './raw-client.ts'

conformance(16, 'a message to itself comes back, then the ack', async ({ client }) => {
  const a = await client('a.b')
  await a.send('01000000 52 09000000 612E6200 68656C6C6F')
  await a.gets('12 09000000 00 612E6200 68656C6C6F', 'FE 01000000 01')
})

conformance(17, 'realtime with ack', async ({ client }) => {
  const a = await client('a.b')
  await a.send('01000000 D2 09000000 612E6200 68656C6C6F')
  await a.gets('12 09000000 01 612E6200 68656C6C6F', 'FE 01000000 01')
})

conformance(18, 'without ack', async ({ client }) => {
  const a = await client('a.b')
  await a.send('01000000 12 09000000 612E6200 68656C6C6F')
  await a.gets('12 09000000 00 612E6200 68656C6C6F')
  await a.send('01000000 92 09000000 612E6200 68656C6C6F')
  await a.gets('12 09000000 01 612E6200 68656C6C6F')
  await a.isUsable()
})

conformance(19, 'a message to nobody', async ({ client }) => {
  const a = await client('a.b')
  await a.send(message('nobody', 'x'))
  await a.gets('FE 01000000 71')
  await a.send(message('nobody', 'x', { qos: 3 }))
  await a.gets('FE 01000000 71')
  await a.send(message('nobody', 'x', { qos: 0 }), message('nobody', 'x', { qos: 2 }))
  await a.isUsable()
})

conformance(20, 'op ids come back unchanged', async ({ client }) => {
  const a = await client('a.b')
  for (const id of [0, 0xffff_ffff, 0x0403_0201]) {
    await a.send(message('nobody', 'x', { id }))
    await a.gets(ack(0x71, id))
  }
})

conformance(21, 'an empty payload', async ({ client }) => {
  const a = await client('a.b')
  await a.send('01000000 52 04000000 612E6200')
  await a.gets('12 04000000 00 612E6200', ack())
})

conformance(22, 'a payload with NUL bytes', async ({ client }) => {
  const a = await client('a.b')
  await a.send(message('a.b', hex('00 01 00 00 FF 00')))
  await a.gets(messageFrom('a.b', hex('00 01 00 00 FF 00')), ack())
})

conformance(23, 'a frame in three pieces', async ({ client }) => {
  const a = await client('a.b')
  const frame = message('a.b', 'hello')
  for (const piece of [frame.subarray(0, 3), frame.subarray(3, 12), frame.subarray(12)])
    await a.send(piece)
  await a.gets(messageFrom('a.b', 'hello'), ack())
  await a.isUsable()
})

conformance(24, 'a payload of 3,000,000 bytes', async ({ client }) => {
  const a = await client('a.b')
  const payload = Buffer.alloc(3_000_000, '0123456789')
  await a.send(message('a.b', payload))
  await a.gets(messageFrom('a.b', payload), ack())
})

conformance(25, 'a ping is nine bytes whatever they are', async ({ client }) => {
  const a = await client('a.b')
  await a.send('01020304 00 FFFFFFFF', message('a.b', 'hello'))
  await a.gets(messageFrom('a.b', 'hello'), ack())
  await a.isUsable()
})

conformance(26, 'opcode 0 with quality bits and a NUL in its body', async ({ client }) => {
  const a = await client('a.b')
  for (const flags of [0x40, 0x80, 0xc0]) await a.send(request(flags, joined('x', 'y')))
  await a.isUsable()
})

/** Frames that cost the connection; nothing is sent before the end. */
const fatal = [
  { number: 27, title: 'opcode 0 with quality bits and no NUL', frames: [request(0x40, 'xy')] },
  {
    number: 28,
    title: 'an unknown opcode, with and without its body',
    frames: [
      hex('01000000 07 00000000'),
      hex('01000000 47 05000000'),
      request(0x47, 'x'),
      request(0x11, joined('a.b', 'x')),
      request(0x14, joined('a.b', 'x')),
      request(0x3f, joined('a.b', 'x')),
    ],
  },
  {
    number: 29,
    title: 'no NUL where one must be, or no body',
    frames: [0x52, 0x12, 0x53, 0x41].flatMap((flags) => [
      request(flags, 'a.b'),
      request(flags, ''),
    ]),
  },
  {
    number: 30,
    title: 'PUBLISH_FOR with less than two NUL',
    frames: [request(0x46, joined('t', 'a.b')), request(0x46, 't'), request(0x46, '')],
  },
  {
    number: 31,
    title: 'names and topics that are not UTF-8',
    frames: [
      message(hex('FF'), 'x'),
      request(0x53, joined(hex('FF'), 'x')),
      request(0x41, joined(hex('C328'), 'x')),
      request(0x42, joined('t', hex('FF'))),
      request(0x43, hex('FF')),
      request(0x44, hex('FF')),
      request(0x45, hex('FF')),
      request(0x46, joined(hex('FF'), 'a.b', 'x')),
      request(0x46, joined('t', hex('FF'), 'x')),
    ],
  },
]

for (const { number, title, frames } of fatal) {
  conformance(number, title, async ({ client }) => {
    for (const [index, frame] of frames.entries()) {
      const a = await client(`a.b${index}`)
      await a.send(frame)
      await a.isClosed()
    }
  })
}

const shortTimeout = { timeoutMs: 400 }

conformance(
  32,
  'a body that does not come',
  async ({ broker, client }) => {
    const a = await client('a.b')
    await a.send('01000000 52 0A000000 612E62')
    await broker.pass(broker.timeoutMs)
    await a.isClosed()
  },
  { broker: shortTimeout, cuts: 'few' },
)

conformance(
  33,
  'silence: two pings, then the end',
  async ({ broker, client }) => {
    const a = await client('a.b')
    await broker.pass(broker.timeoutMs / 2)
    await a.ping()
    await broker.pass(broker.timeoutMs / 2)
    await a.ping()
    await broker.pass(broker.timeoutMs)
    await a.isClosed()
  },
  { broker: shortTimeout, cuts: 'few' },
)

conformance(
  34,
  'a ping now and then keeps the connection',
  async ({ broker, client }) => {
    const a = await client('a.b')
    for (let round = 0; round < 6; round += 1) {
      await broker.pass(broker.timeoutMs / 2)
      await a.ping()
      await a.send(ping)
    }
    await a.isUsable()
  },
  { broker: shortTimeout, cuts: 'few' },
)

conformance(
  35,
  'the limit of a body',
  async ({ client }) => {
    const a = await client('a.b')
    const payload = Buffer.alloc(1020, 'x')
    await a.send(message('a.b', payload))
    await a.gets(messageFrom('a.b', payload), ack())
    // From the header alone.
    await a.send('01000000 52 01040000')
    await a.isClosed()
    const b = await client('b')
    await b.send('01000000 52 FFFFFFFF')
    await b.isClosed()
  },
  { broker: { maxFrameBytes: 1024 }, notReference: 'its program has no option for that' },
)

conformance(36, 'two messages in one write', async ({ client }) => {
  const a = await client('a.b')
  const frames = [message('a.b', 'one', { id: 1 }), message('a.b', 'two', { id: 2 })]
  await a.send(...frames)
  await a.gets(messageFrom('a.b', 'one'), ack(1, 1), messageFrom('a.b', 'two'), ack(1, 2))
})

conformance(37, 'a message and an immediate close', async ({ connect, client }) => {
  const receiver = await client('receiver')
  const sender = await (await connect('a.b')).register()
  await sender.send(message('receiver', 'last words', { qos: 0 }))
  sender.socket.destroy()
  await receiver.gets(messageFrom('a.b', 'last words'))
})

test('case 37: all of 1,000 messages and an immediate close', async (t) => {
  const broker = await startBroker(t)
  for (const transport of ['unix', 'tcp'] as const) {
    const receiver = await (await RawClient.connect(broker[transport], 'receiver')).register()
    const sender = await (await RawClient.connect(broker[transport], 'a.b')).register()
    const numbers = Array.from({ length: 1000 }, (_, index) => String(index))
    await sender.send(...numbers.map((number) => message('receiver', number, { qos: 0 })))
    sender.socket.destroy()
    for (const number of numbers) await receiver.gets(messageFrom('a.b', number))
    await receiver.close()
  }
})
