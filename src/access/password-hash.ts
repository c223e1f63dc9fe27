/**
 * Argon2id hashes of passwords in PHC form (`$argon2id$v=19$m=19456,t=2,p=1$salt$hash`), as far as they can be judged
 * without computing one. What a hash may cost is bounded, so that a configuration cannot stop a daemon.
 */

export interface HashCost {
  /** Memory, KiB. */
  readonly memoryKib: number
  readonly passes: number
  readonly lanes: number
}

/** What new hashes cost: the smallest of the settings that OWASP recommends, some 50 ms. */
export const defaultHashCost: HashCost = { memoryKib: 19_456, passes: 2, lanes: 1 }

const form =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/

/** Undefined: it is no argon2id hash, or one whose cost is beyond 256 MiB, 10 passes or 4 lanes. */
export function parsePasswordHash(text: string): HashCost | undefined {
  const found = form.exec(text)
  if (found === null) return undefined
  const [memoryKib = 0, passes = 0, lanes = 0] = found.slice(1).map(Number)
  if (memoryKib < 8 * lanes || memoryKib > 262_144) return undefined
  if (passes < 1 || passes > 10 || lanes < 1 || lanes > 4) return undefined
  return { memoryKib, passes, lanes }
}
