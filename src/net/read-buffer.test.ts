/** Which way of reading is taken; byte-server.test.ts shows that all of them read the same. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'

import { type ReadMode, readFrom } from './read-buffer.ts'

/** What two connections read, and the memory it stood in. */
async function readTwice(mode: ReadMode): Promise<{ texts: string[]; blocks: ArrayBufferLike[] }> {
  const texts: string[] = []
  const blocks: ArrayBufferLike[] = []
  let replaced = 0
  const server = createServer({ pauseOnConnect: true }, (accepted) => {
    const socket = readFrom(accepted, mode, (bytes, length) => {
      texts.push(Buffer.from(bytes.subarray(0, length)).toString())
      blocks.push(bytes.buffer)
      socket.end(`read ${texts.at(-1)}`)
    })
    if (socket !== accepted) replaced += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (const text of ['one', 'two']) {
    const client = connect({ port, host: '127.0.0.1' })
    client.end(text)
    const [answer] = (await once(client, 'data')) as [Buffer]
    assert.equal(answer.toString(), `read ${text}`)
    await once(client, 'close')
  }
  server.close()
  await once(server, 'close')
  assert.equal(replaced, mode === 'shared' ? 2 : 0)
  return { texts, blocks }
}

test('shared: all connections read into one buffer', async () => {
  const { texts, blocks } = await readTwice('shared')
  assert.deepEqual(texts, ['one', 'two'])
  assert.equal(blocks[0], blocks[1])
})

test('events: each read has memory of its own', async () => {
  const { texts } = await readTwice('events')
  assert.deepEqual(texts, ['one', 'two'])
})

test('a socket without a handle that can share is read by events', () => {
  const socket = new Socket()
  const seen: string[] = []
  const used = readFrom(socket, 'shared', (bytes, length) => {
    seen.push(Buffer.from(bytes.subarray(0, length)).toString())
  })
  assert.equal(used, socket)
  socket.emit('data', Buffer.from('x'))
  assert.deepEqual(seen, ['x'])
  socket.destroy()
})
