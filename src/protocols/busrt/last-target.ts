/**
 * Whom a client sent to last. Most send to the same one again, and then its name needs one comparison instead of a
 * search for its end, a hash and a look-up: 10 % of a relayed message of 100 bytes.
 */

import type { LiveOperations, Peer } from '../../core/live.ts'

export class LastTarget {
  /** Undefined: nobody had the name, as of `version`. */
  peer: Peer | undefined = undefined
  version = -1
  length = 0
  #bytes = new Uint8Array(64)

  /** Whether the same name, ended by a zero, stands at `start`. */
  isAt(bytes: Uint8Array, start: number, end: number): boolean {
    const { length } = this
    const known = this.#bytes
    if (start + length >= end || bytes[start + length] !== 0) return false
    for (let i = 0; i < length; i++) if (bytes[start + i] !== known[i]) return false
    return true
  }

  /** Looks the name `bytes[start..end)` up; it is well formed and holds no zero. */
  remember(bytes: Uint8Array, start: number, end: number, live: LiveOperations): void {
    const length = end - start
    if (length > this.#bytes.length) this.#bytes = new Uint8Array(length)
    const known = this.#bytes
    for (let i = 0; i < length; i++) known[i] = bytes[start + i] as number
    this.length = length
    this.peer = live.find(bytes, start, end)
    this.version = live.namesVersion
  }
}
