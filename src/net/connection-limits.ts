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

  constructor({ maxConnections, maxConnectionsPerAddress }: ListenerSettings = {}) {
    this.#perListener = maxConnections ?? maxConnectionsDefault
    this.#perAddress = maxConnectionsPerAddress ?? Infinity
  }

  /** Counts the connections of a server that can be told to close them by itself. To be called before it accepts any. */
  watch(server: Server): void {
    server.prependListener('connection', (socket: Socket) => this.admit(socket))
  }

  /** Gives it a place until it is closed. False: there is none, and it was closed. */
  admit(socket: Socket): boolean {
    // One that was put back to be read again.
    if (this.#seen.has(socket)) return true
    const leave = this.take(socket)
    if (leave === undefined) return false
    this.#seen.add(socket)
    socket.once('close', leave)
    return true
  }

  /**
   * A place for a connection; undefined: there is none, and it was closed. Unix sockets have no address and are counted
   * together only.
   * @returns what gives the place back, to be called once
   */
  take(socket: Socket): (() => void) | undefined {
    const address = socket.remoteAddress
    const isCounted = address !== undefined && this.#perAddress !== Infinity
    const here = isCounted ? (this.#byAddress.get(address) ?? 0) : 0
    if (this.#count >= this.#perListener || here >= this.#perAddress) {
      socket.on('error', () => undefined)
      socket.destroy()
      return undefined
    }
    this.#count += 1
    if (isCounted) this.#byAddress.set(address, here + 1)
    return () => this.#left(isCounted ? address : undefined)
  }

  #left(address: string | undefined): void {
    this.#count -= 1
    if (address === undefined) return
    const left = (this.#byAddress.get(address) ?? 0) - 1
    if (left > 0) this.#byAddress.set(address, left)
    else this.#byAddress.delete(address)
  }
}
