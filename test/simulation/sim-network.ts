/**
 * A network of sockets that behave like TCP: in order, complete, and either alive or broken. What is lost
 * under way is sent again, so loss shows as delay; a path that is cut holds what is sent until it is
 * healed, and nobody is told; a crashed machine answers with a reset, or not at all. Knows nothing of what
 * is said on the sockets, so any protocol between nodes can be put on it.
 */

import type { Random } from '../fuzz/random.ts'
import type { SimClock } from './sim-clock.ts'

export interface NetworkFaults {
  /** Of each message, one way, milliseconds. */
  readonly delayMs: readonly [least: number, most: number]
  /** One message in so many is lost and sent again; 0: none. */
  readonly lossOneIn: number
  /** One message in so many breaks its connection; 0: none. */
  readonly resetOneIn: number
}

export class SimNetwork {
  readonly clock: SimClock
  readonly random: Random
  faults: NetworkFaults
  readonly #cuts = new Set<string>()
  readonly #servers = new Map<number, (socket: SimSocket) => void>()
  readonly #sockets = new Set<SimSocket>()
  /** What waits for a path to be healed. */
  readonly #held = new Map<string, (() => void)[]>()
  messages = 0

  constructor(clock: SimClock, random: Random, faults: NetworkFaults) {
    this.clock = clock
    this.random = random
    this.faults = faults
  }

  /** From now on connections to this node reach `accept`. */
  listen(node: number, accept: (socket: SimSocket) => void): void {
    this.#servers.set(node, accept)
  }

  /** The node is gone; `isSilent`: nobody tells those who are connected to it. */
  down(node: number, isSilent: boolean): void {
    this.#servers.delete(node)
    for (const socket of this.#sockets) {
      if (socket.local !== node && socket.remote !== node) continue
      if (socket.local === node) socket.die()
      else if (!isSilent) this.transmit(node, socket.local, () => socket.broken())
    }
  }

  /** Nothing gets from one to the other any more. */
  cut(from: number, to: number): void {
    this.#cuts.add(`${from}>${to}`)
  }

  /** What was held arrives now. */
  heal(): void {
    this.#cuts.clear()
    const held = [...this.#held.values()].flat()
    this.#held.clear()
    for (const deliver of held) deliver()
  }

  /** Breaks a connection of this node, if it has one. */
  reset(node: number): void {
    const own = [...this.#sockets].filter(({ local }) => local === node)
    if (own.length > 0) this.random.one(own).close()
  }

  /** A connection, or never one when the path is cut or the node was just lost. */
  connect(from: number, to: number): Promise<SimSocket> {
    return new Promise((resolve, reject) => {
      this.transmit(from, to, () => {
        const accept = this.#servers.get(to)
        this.transmit(to, from, () => {
          if (accept === undefined || this.#servers.get(to) !== accept) {
            reject(new Error('connection refused'))
            return
          }
          const [near, far] = [new SimSocket(this, from, to), new SimSocket(this, to, from)]
          near.other = far
          far.other = near
          this.#sockets.add(near)
          this.#sockets.add(far)
          accept(far)
          resolve(near)
        })
      })
    })
  }

  /** Runs `deliver` when it has got there. */
  transmit(from: number, to: number, deliver: () => void, notBefore = 0): number {
    const { delayMs, lossOneIn } = this.faults
    const [least, most] = delayMs
    let delay = least + this.random.below(most - least + 1)
    // Sent again after a time-out, perhaps more than once.
    const isLost = (): boolean => lossOneIn > 0 && this.random.once(lossOneIn)
    while (isLost()) delay += 200 + this.random.below(800)
    const at = Math.max(this.clock.monotonic() + delay, notBefore)
    this.messages += 1
    this.clock.after(at - this.clock.monotonic(), () => {
      const path = `${from}>${to}`
      if (!this.#cuts.has(path)) {
        deliver()
        return
      }
      const held = this.#held.get(path) ?? []
      held.push(deliver)
      this.#held.set(path, held)
    })
    return at
  }

  forget(socket: SimSocket): void {
    this.#sockets.delete(socket)
  }
}

/** One end of a connection. */
export class SimSocket {
  readonly local: number
  readonly remote: number
  other: SimSocket | undefined
  onMessage: (message: unknown) => void = () => undefined
  /** Called once, also after `close` of either side; not after `die`. */
  onClose: () => void = () => undefined
  readonly #network: SimNetwork
  /** Nothing overtakes what was sent before. */
  #lastArrival = 0
  #isOpen = true

  constructor(network: SimNetwork, local: number, remote: number) {
    this.#network = network
    this.local = local
    this.remote = remote
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  send(message: unknown): void {
    if (!this.#isOpen) return
    const { resetOneIn } = this.#network.faults
    if (resetOneIn > 0 && this.#network.random.once(resetOneIn)) {
      this.close()
      return
    }
    this.#send(() => {
      if (this.other?.isOpen === true) this.other.onMessage(message)
    })
  }

  close(): void {
    if (!this.#isOpen) return
    this.#send(() => this.other?.broken())
    this.broken()
  }

  /** The connection is over, as this end sees it. */
  broken(): void {
    if (!this.#isOpen) return
    this.die()
    this.onClose()
  }

  /** This end does nothing any more, and does not know it. */
  die(): void {
    this.#isOpen = false
    this.#network.forget(this)
  }

  #send(deliver: () => void): void {
    const { local, remote } = this
    this.#lastArrival = this.#network.transmit(local, remote, deliver, this.#lastArrival)
  }
}
