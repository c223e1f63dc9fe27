// A gRPC server behind a relay of its own: cutting the relay's sockets breaks every connection at once,
// in the middle of whatever is on its way, which no gRPC server does on request.

import { connect, createServer } from 'node:net'

import { Server, ServerCredentials } from '@grpc/grpc-js'

export class BreakableServer {
  #server = new Server()
  #relay
  #sockets = new Set()
  address = ''

  add(service, handlers) {
    this.#server.addService(service, handlers)
  }

  async start() {
    const inner = await new Promise((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      )
    })
    this.#relay = createServer((socket) => this.#pass(socket, inner))
    await new Promise((resolve) => this.#relay.listen(0, '127.0.0.1', resolve))
    this.address = `127.0.0.1:${this.#relay.address().port}`
  }

  /** Breaks every connection there is; new ones are taken. */
  cut() {
    for (const socket of this.#sockets) socket.destroy()
  }

  close() {
    this.#relay.close()
    this.cut()
    this.#server.forceShutdown()
  }

  #pass(socket, port) {
    const behind = connect(port, '127.0.0.1')
    for (const [one, other] of [
      [socket, behind],
      [behind, socket],
    ]) {
      this.#sockets.add(one)
      one.setNoDelay(true)
      one.on('error', () => undefined)
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  }
}
