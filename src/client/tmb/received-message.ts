/** A peer message as it came, byte for byte (spec/tmb 2). */

import { endOfCategory } from '../../wire/tmb/category.ts'
import { payloadText } from '../payload-codec.ts'

export class TmbMessage {
  /** The whole line: colon, category, white space, rest; without the LF. Belongs to the receiver. */
  readonly raw: Uint8Array
  /** An answer to `watch`: the last message of its category when that was asked for. */
  readonly isSnapshot: boolean
  readonly #categoryEnd: number

  /** @param raw begins with a colon; belongs to the message from now on */
  constructor(raw: Uint8Array, isSnapshot = false) {
    this.raw = raw
    this.isSnapshot = isSnapshot
    this.#categoryEnd = endOfCategory(raw, 1, raw.length)
  }

  get category(): Uint8Array {
    return this.raw.subarray(1, this.#categoryEnd)
  }

  /** The one white space byte behind the category; empty when the line ends with the category. */
  get separator(): Uint8Array {
    return this.raw.subarray(this.#categoryEnd, this.#categoryEnd + 1)
  }

  /** What follows the separator, with all further white space. */
  get rest(): Uint8Array {
    return this.raw.subarray(this.#categoryEnd + 1)
  }

  /** The category as UTF-8; other bytes show as U+FFFD. */
  get categoryText(): string {
    return payloadText(this.category)
  }

  /** The rest as UTF-8; other bytes show as U+FFFD. */
  text(): string {
    return payloadText(this.rest)
  }
}

/** The name of a category that the server knows. */
export class TmbCategory {
  /** Belongs to the receiver. */
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** As UTF-8; other bytes show as U+FFFD. */
  get text(): string {
    return payloadText(this.bytes)
  }

  toString(): string {
    return this.text
  }
}
