/**
 * Lines of JSON that hold each other: every line carries its number, the hash of the line before it, and its own, so
 * that a line that was changed, taken out, put in or moved is found. What is cut off at the end is found by whoever
 * knows the last number and hash.
 */

import { createHash } from 'node:crypto'

export interface ChainHead {
  /** Number of the last line; 0: there is none. */
  readonly number: number
  /** Its hash, 64 hex digits. */
  readonly hash: string
}

export const chainStart: ChainHead = { number: 0, hash: '0'.repeat(64) }

/** The next line, without its line end, and the head that it makes. `n`, `prev` and `hash` are the chain's. */
export function chainLine(
  { number, hash: prev }: ChainHead,
  fields: Readonly<Record<string, unknown>>,
): { readonly line: string; readonly head: ChainHead } {
  const body = JSON.stringify({ n: number + 1, ...fields, prev })
  const hash = createHash('sha256').update(body).digest('hex')
  return {
    line: `${body.slice(0, -1)},"hash":"${hash}"}`,
    head: { number: number + 1, hash },
  }
}

/** Checks one line after another. */
export class ChainCheck {
  #head: ChainHead | undefined

  /** @param start what is known of the line before the first; absent: the first one is believed in that */
  constructor(start?: ChainHead) {
    this.#head = start
  }

  /** The last line that was right. */
  get head(): ChainHead {
    return this.#head ?? chainStart
  }

  /** What is wrong with a line; undefined: nothing. */
  add(line: string): string | undefined {
    const cut = line.lastIndexOf(',"hash":"')
    const hash = /^,"hash":"([0-9a-f]{64})"\}$/.exec(line.slice(Math.max(0, cut)))?.[1]
    if (cut === -1 || hash === undefined) return 'is cut off, or no line of this chain'
    const body = `${line.slice(0, cut)}}`
    if (createHash('sha256').update(body).digest('hex') !== hash) return 'was changed'
    const { n, prev } = JSON.parse(body) as { readonly n?: unknown; readonly prev?: unknown }
    if (typeof n !== 'number' || typeof prev !== 'string') return 'is no line of this chain'
    const before = this.#head
    if (before !== undefined && n !== before.number + 1) {
      const missing = n - before.number - 1
      return missing > 0 ? `follows ${missing} missing lines` : 'is out of order'
    }
    if (before !== undefined && prev !== before.hash) return 'does not follow the line before it'
    this.#head = { number: n, hash }
    return undefined
  }
}
