/**
 * Binds a server of node:net, node:tls or node:http to an address, the same way for every protocol:
 * the system's error when it cannot be, the real port when the system chose it, and a socket file
 * that a killed daemon left behind is taken over, while one that somebody serves is not.
 */

import { unlink } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { formatHostPort, isAddressInUse, type ListenAddress } from './address.ts'

/**
 * Resolves when connections are accepted.
 *
 * @returns what was bound: `host:port` with the real port, or `unix:/path`
 * @throws the system's error
 */
export async function listen(server: Server, address: ListenAddress): Promise<string> {
  try {
    await bind(server, address)
  } catch (error) {
    if (address.kind !== 'unix' || !isAddressInUse(error) || (await isServed(address.path))) {
      throw error
    }
    await unlink(address.path)
    await bind(server, address)
  }
  return boundAddress(server, address)
}

/**
 * Connections that may wait to be accepted: as many as the system allows. Node accepts one per turn of the loop, and
 * after a restart all clients come at once; whoever finds no place waits a second (TCP) or fails (Unix).
 */
const backlog = 65_535

async function bind(server: Server, address: ListenAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(listenOptions(address), () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function listenOptions(address: ListenAddress) {
  if (address.kind === 'unix') return { path: address.path, backlog }
  // Without a host Node listens on every interface, IPv6 included where there is any.
  return { port: address.port, backlog, ...(address.host === '' ? {} : { host: address.host }) }
}

function boundAddress(server: Server, address: ListenAddress): string {
  const bound = server.address()
  if (address.kind === 'unix') return `unix:${address.path}`
  if (bound === null || typeof bound === 'string') throw new Error('the server is not listening')
  return formatHostPort(address.host === '' ? bound.address : address.host, bound.port)
}

/** Whether anybody answers on this socket file. */
async function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'))
  })
}
