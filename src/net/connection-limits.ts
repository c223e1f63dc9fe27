/**
 * How many connections a listener has at a time, in all and from one address, so that one machine cannot take all the
 * places. Whoever comes beyond it is closed at once, before anything is spent on it.
 */

import type { Server, Socket } from 'node:net'
import type { ListenerSettings } from './address.ts'

/** Some 10 KB each while they are idle; as many as there may be clients. */
export const maxConnectionsDefault = 100_000

export class ConnectionLimits {
  readonly #perListener: number
  readonly #perAddress: number
  readonly #byAddress = new Map<string, number>()
  readonly #seen = new WeakSet<Socket>()
  #count = 0
  /** Connections that were closed because of a limit. */
  refused = 0

  constructor({ maxConnections, maxConnectionsPerAddress }: ListenerSettings = {}) {
    this.#perListener = maxConnections ?? maxConnectionsDefault
    this.#perAddress = maxConnectionsPerAddress ?? Infinity
  }

  /** Counts the connections of a server that can be told to close them by itself. To be called before it accepts any. */
  watch(server: Server): void {
    server.prependListener('connection', (socket: Socket) => this.admit(socket))
  }

  /** False: it was closed. Unix sockets have no address and are counted together only. */
  admit(socket: Socket): boolean {
    // One that was put back to be read again.
    if (this.#seen.has(socket)) return true
    const address = socket.remoteAddress
    const here = address === undefined ? 0 : (this.#byAddress.get(address) ?? 0)
    if (this.#count >= this.#perListener || here >= this.#perAddress) {
      this.refused += 1
      socket.on('error', () => undefined)
      socket.destroy()
      return false
    }
    this.#seen.add(socket)
    this.#count += 1
    if (address !== undefined && this.#perAddress !== Infinity)
      this.#byAddress.set(address, here + 1)
    socket.once('close', () => this.#left(address))
    return true
  }

  #left(address: string | undefined): void {
    this.#count -= 1
    if (address === undefined) return
    const left = (this.#byAddress.get(address) ?? 0) - 1
    if (left > 0) this.#byAddress.set(address, left)
    else this.#byAddress.delete(address)
  }
}
