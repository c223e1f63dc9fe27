/**
 * Texts that come again and again, found by the octets of their element: URIs of a message need not be decoded, and
 * what is remembered about them is found by a text whose hash is known. Forgets everything when it is full.
 */

import { ByteTable } from '../../base/byte-table.ts'
import { copyOf } from '../../base/copy-of.ts'
import type { Serializer } from './serializer.ts'

interface KnownText {
  readonly bytes: Uint8Array
  readonly text: string
}

const textsMost = 4_096
/** Longer ones are decoded each time. */
const bytesMost = 256

export class TextCache {
  readonly #serializer: Serializer
  readonly #known = new ByteTable<KnownText>()

  constructor(serializer: Serializer) {
    this.#serializer = serializer
  }

  /** The text of an element; undefined: it is none. @throws ProtocolError when it is not UTF-8 */
  textAt(bytes: Uint8Array, start: number, end: number): string | undefined {
    if (end - start > bytesMost) return this.#serializer.textAt(bytes, start, end)
    const known = this.#known.get(bytes, start, end)
    if (known !== undefined) return known.text
    const text = this.#serializer.textAt(bytes, start, end)
    if (text === undefined) return undefined
    if (this.#known.size >= textsMost) this.#known.clear()
    this.#known.set({ bytes: copyOf(bytes, start, end), text })
    return text
  }
}
