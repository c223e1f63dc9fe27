/**
 * A map whose keys are bytes, looked up where they stand in a larger buffer: names and topics of
 * frames find their entry without a string being built (architecture 6). Open addressing over FNV-1a;
 * a look-up of twenty bytes costs about what decoding them alone would cost five times over.
 *
 * Keys are the values' own `bytes` and must not change. Removing leaves no marks behind: what
 * follows is moved up.
 */

export interface ByteKeyed {
  readonly bytes: Uint8Array
}

const leastSlots = 16

export class ByteTable<Value extends ByteKeyed> {
  #slots = emptySlots<Value>(leastSlots)
  #mask = leastSlots - 1
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The value whose key is `bytes[start..end)`. */
  get(bytes: Uint8Array, start: number, end: number): Value | undefined {
    const slots = this.#slots
    const mask = this.#mask
    const length = end - start
    for (let slot = hash(bytes, start, end) & mask; ; slot = (slot + 1) & mask) {
      const value = slots[slot]
      if (value === undefined) return undefined
      const key = value.bytes
      if (key.length === length && isSame(key, bytes, start)) return value
    }
  }

  /** Adds a value, or puts it in the place of the one with the same key. */
  set(value: Value): void {
    if (this.#size * 2 >= this.#slots.length) this.#grow()
    const { bytes } = value
    const slots = this.#slots
    for (let slot = hash(bytes, 0, bytes.length) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const there = slots[slot]
      if (there === undefined) {
        slots[slot] = value
        this.#size += 1
        return
      }
      if (there.bytes.length === bytes.length && isSame(there.bytes, bytes, 0)) {
        slots[slot] = value
        return
      }
    }
  }

  /** Removes this very value; false when it is not there. */
  delete(value: Value): boolean {
    const { bytes } = value
    const slots = this.#slots
    const mask = this.#mask
    let slot = hash(bytes, 0, bytes.length) & mask
    while (slots[slot] !== value) {
      if (slots[slot] === undefined) return false
      slot = (slot + 1) & mask
    }
    this.#size -= 1
    // Whoever stands behind and could not be reached over the hole moves into it.
    for (let next = (slot + 1) & mask; ; next = (next + 1) & mask) {
      const follower = slots[next]
      if (follower === undefined) break
      const home = hash(follower.bytes, 0, follower.bytes.length) & mask
      if (((next - home) & mask) >= ((next - slot) & mask)) {
        slots[slot] = follower
        slot = next
      }
    }
    slots[slot] = undefined
    return true
  }

  clear(): void {
    this.#slots = emptySlots<Value>(leastSlots)
    this.#mask = leastSlots - 1
    this.#size = 0
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = emptySlots<Value>(old.length * 2)
    this.#mask = this.#slots.length - 1
    this.#size = 0
    for (const value of old) if (value !== undefined) this.set(value)
  }
}

function emptySlots<Value>(count: number): (Value | undefined)[] {
  return Array.from<Value | undefined>({ length: count })
}

/** FNV-1a, 32 bits; the high half is folded in, since slots are chosen by the low bits. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5
  for (let i = start; i < end; i++) value = Math.imul(value ^ (bytes[i] as number), 0x01000193)
  return value ^ (value >>> 15)
}

function isSame(key: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < key.length; i++) if (key[i] !== bytes[start + i]) return false
  return true
}
