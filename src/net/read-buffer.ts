/**
 * Lets all accepted connections read into one buffer. Reading and the handing on of what was read are one
 * synchronous step, so one buffer is enough for all; Node's own way is a new 64 KiB buffer per read, which costs
 * a quarter of a ping-pong's time (performance 2.4).
 *
 * Node offers this for outgoing connections (`onread`) and not for accepted ones, so we take the handle of an
 * accepted, paused socket and make a new socket around it. Where that does not work (another engine, TLS), the
 * documented `data` event does the same for more.
 */

import { Socket, type SocketConstructorOpts } from 'node:net'

// Larger ones let one busy connection keep the others waiting (performance 2.5).
const readBufferBytes = 65_536
// No Buffer: views of plain bytes cost a fifth less, and every longer payload is copied through one.
const sharedBuffer = new Uint8Array(readBufferBytes)

interface AdoptableHandle {
  useUserBuffer?(buffer: Uint8Array): void
}

interface AcceptedSocket extends Socket {
  _handle?: AdoptableHandle | null
}

type AdoptingOptions = SocketConstructorOpts & {
  readonly handle: AdoptableHandle
  readonly onread: { buffer: Uint8Array; callback(length: number, buffer: Uint8Array): boolean }
}

export type ReadMode = 'shared' | 'events'

/**
 * Begins to read from a socket that was accepted with `pauseOnConnect`; `receive` gets what was read. Returns
 * the socket to go on with, which may be another than the one given.
 */
export function readFrom(
  accepted: Socket,
  mode: ReadMode,
  receive: (bytes: Uint8Array, length: number) => void,
): Socket {
  const handle = (accepted as AcceptedSocket)._handle
  if (mode === 'shared' && typeof handle?.useUserBuffer === 'function') {
    return adopt(accepted, handle, receive)
  }
  accepted.on('data', (chunk: Buffer) => receive(chunk, chunk.length))
  accepted.resume()
  return accepted
}

function adopt(
  accepted: AcceptedSocket,
  handle: AdoptableHandle,
  receive: (bytes: Uint8Array, length: number) => void,
): Socket {
  const options: AdoptingOptions = {
    handle,
    allowHalfOpen: true,
    readable: true,
    writable: true,
    onread: {
      buffer: sharedBuffer,
      callback(length, buffer) {
        receive(buffer, length)
        return true
      },
    },
  }
  // The old socket lets go of the handle and of its place among the server's connections.
  accepted._handle = null
  accepted.destroy()
  const socket = new Socket(options)
  socket.resume()
  return socket
}
