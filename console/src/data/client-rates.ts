/** Clients with what they send and get per second: what they moved between two lists of them. */

import type { ClientInfo } from '../../../src/client/core.ts'

export type RatedClient = ClientInfo & {
  /** Frames per second; undefined until the client was seen twice. */
  readonly receivedPerSecond: number | undefined
  readonly sentPerSecond: number | undefined
}

export class ClientRates {
  #last: ReadonlyMap<number, ClientInfo> = new Map()
  #lastAtMs = 0

  /** @param nowMs of any clock that does not go back */
  add(clients: readonly ClientInfo[], nowMs: number): RatedClient[] {
    const seconds = (nowMs - this.#lastAtMs) / 1_000
    const rated = clients.map((client) => {
      const before = this.#last.get(client.id)
      const rate = (name: 'receivedFrames' | 'sentFrames') =>
        before === undefined || seconds <= 0
          ? undefined
          : Math.max(0, client[name] - before[name]) / seconds
      return {
        ...client,
        receivedPerSecond: rate('receivedFrames'),
        sentPerSecond: rate('sentFrames'),
      }
    })
    this.#last = new Map(clients.map((client) => [client.id, client]))
    this.#lastAtMs = nowMs
    return rated
  }
}
