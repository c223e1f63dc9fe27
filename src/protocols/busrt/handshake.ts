/**
 * The registration that begins every connection (spec/busrt 1.3): greeting, answer, length of the name, name.
 * Takes bytes however they are cut and tells what to do next; knows no socket.
 */

import { isUtf8 } from 'node:buffer'
import { greeting } from '../../wire/busrt/frames.ts'

export type HandshakeStep =
  /** More bytes are needed. */
  | { readonly kind: 'more' }
  /** The greeting was right: answer it. */
  | { readonly kind: 'greeted' }
  /** Magic or version are not ours. */
  | { readonly kind: 'unsupported' }
  /** The name is no UTF-8: close without a byte. */
  | { readonly kind: 'broken' }
  | { readonly kind: 'named'; readonly name: string }

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const more: HandshakeStep = { kind: 'more' }

export class Handshake {
  #state: 'greeting' | 'length' | 'name' = 'greeting'
  #bytes = new Uint8Array(greeting.length)
  #filled = 0

  /** Where in the last given bytes the handshake stopped taking. */
  taken = 0
  /** Steps done; each has a time limit of its own. */
  steps = 0

  /** Takes from `bytes[start..end)` what it needs for one step. `taken` tells how far it came. */
  take(bytes: Uint8Array, start: number, end: number): HandshakeStep {
    let at = start
    while (this.#filled < this.#bytes.length && at < end) {
      this.#bytes[this.#filled++] = bytes[at++] as number
    }
    this.taken = at
    return this.#filled < this.#bytes.length ? more : this.#next()
  }

  #next(): HandshakeStep {
    this.steps += 1
    const bytes = this.#bytes
    switch (this.#state) {
      case 'greeting': {
        if (!greeting.every((byte, i) => bytes[i] === byte)) return { kind: 'unsupported' }
        this.#await('length', 2)
        return { kind: 'greeted' }
      }
      case 'length': {
        this.#await('name', (bytes[0] as number) | ((bytes[1] as number) << 8))
        return this.#bytes.length === 0 ? { kind: 'named', name: '' } : more
      }
      case 'name':
        return isUtf8(bytes) ? { kind: 'named', name: decoder.decode(bytes) } : { kind: 'broken' }
    }
  }

  #await(state: 'length' | 'name', count: number): void {
    this.#state = state
    this.#bytes = new Uint8Array(count)
    this.#filled = 0
  }
}
