/** Ids of global scope (spec/wamp 2.1): random, from 1 to 2^53 - 1. */

import { randomFillSync } from 'node:crypto'

const pool = new Uint32Array(2_048)
let next = pool.length

/** Random numbers are drawn many at a time. */
export function newId(): number {
  if (next >= pool.length) {
    randomFillSync(pool)
    next = 0
  }
  const high = (pool[next] as number) & 0x1f_ffff
  const low = pool[next + 1] as number
  next += 2
  const id = high * 2 ** 32 + low
  return id === 0 ? newId() : id
}
