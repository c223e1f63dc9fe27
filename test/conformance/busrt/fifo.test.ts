// Cases 91 to 93 of spec/busrt 11: commands by a named pipe.

import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { test, type TestContext } from 'node:test'
import { decode } from '@msgpack/msgpack'
import { ack, broadcastFrom, hex, messageFrom, publicationFrom, subscribe } from './bytes.ts'
import { startBrokerProcess } from './broker.ts'
import { RawClient } from './raw-client.ts'

/** A client `tgt`, and a way to write a line to the pipe. */
async function open(t: TestContext) {
  const broker = await startBrokerProcess(t, { fifo: true })
  const target = await (await RawClient.connect(broker.unix, 'tgt')).register()
  t.after(() => target.socket.destroy())
  return { target, write: (line: string) => appendFile(broker.fifo, `${line}\n`) }
}

test('case 91: messages and publications by FIFO', async (t) => {
  const { target, write } = await open(t)
  await write('tgt hello world')
  await target.gets(messageFrom('.broker', 'hello'))
  await target.send(subscribe('tp'))
  await target.gets(ack())
  await write('=tp msg two')
  await target.gets(publicationFrom('.broker', 'tp', 'msg'))
  await write('?  ')
  await target.gets(broadcastFrom('.broker', ''))
  await write('nobody x')
  await write('tg? x')
  await write('* all')
  await target.gets(broadcastFrom('.broker', 'all'))
})

test('case 92: notifications and calls by FIFO', async (t) => {
  const { target, write } = await open(t)
  await write('tgt .note')
  await target.gets(messageFrom('.broker', hex('00 6E6F7465')))
  await write('tgt :m0')
  await target.gets(messageFrom('.broker', hex('01 00000000 6D30 00 80')))
})

test('case 93: parameters of a call by FIFO', async (t) => {
  const { target, write } = await open(t)
  await write('tgt :meth a=1 b=true c=x d=1.5 e=-7')
  const head = messageFrom('.broker', hex('01 00000000 6D657468 00'))
  const frame = await target.frame()
  assert.equal(frame.subarray(6, head.length).toString(), head.subarray(6).toString())
  const params = frame.subarray(head.length)
  assert.deepEqual(decode(params), { a: 1, b: true, c: 'x', d: 1.5, e: -7 })
  // A float of 64 bits.
  assert.ok(params.includes(hex('A164 CB 3FF8000000000000')))
  await write('tgt :m v=2.0')
  await target.gets(messageFrom('.broker', hex('01 00000000 6D 00 81 A176 CB 4000000000000000')))
})
