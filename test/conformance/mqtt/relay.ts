/** A way between two brokers that tests can cut, and lead somewhere else. */

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'

export interface Relay {
  readonly port: number
  /** Where new connections go; 0: they are cut at once. */
  target: number
  /** Connections that were made. */
  readonly count: number
  /** Cuts all connections in the middle of whatever goes on. */
  cut(): void
}

export async function startRelay(t: Scope, target: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  const hold = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
  }
  let count = 0
  const server = createServer((near) => {
    hold(near)
    if (relay.target === 0) {
      near.destroy()
      return
    }
    count += 1
    const far = connect(relay.target, '127.0.0.1')
    hold(far)
    near.pipe(far)
    far.pipe(near)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const relay: Relay = {
    port: (server.address() as AddressInfo).port,
    target,
    get count() {
      return count
    },
    cut() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
  }
  cleanUp(t, async () => {
    relay.cut()
    server.close()
    await once(server, 'close')
  })
  return relay
}
