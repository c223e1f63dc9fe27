/**
 * A plain relay of bytes, the least that a text bus could do: what anybody sends goes to all who said `receive`, as it was
 * read, without a look at it. Prints its port. It believes what clients say and limits nothing.
 */

import { createServer, type Socket } from 'node:net'
import process from 'node:process'

const greeting = 'receive\n'

const receivers = new Set<Socket>()

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => undefined)
  socket.on('close', () => receivers.delete(socket))
  socket.on('data', (chunk) => {
    if (chunk.length === greeting.length && chunk.toString('latin1') === greeting) {
      receivers.add(socket)
      socket.write(greeting)
      return
    }
    for (const receiver of receivers) {
      if (receiver.write(chunk)) continue
      // Reads on when that one has room; the window of the load keeps the others close.
      socket.pause()
      receiver.once('drain', () => socket.resume())
    }
  })
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`)
})
