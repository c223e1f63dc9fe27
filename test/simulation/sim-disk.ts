/**
 * A store as one life of a node sees it: writes take time, and when the node crashes some that were under
 * way were done and some were not, but nobody is told either way. The store below is what survives.
 */

import type { LogStore } from '../../src/core/log-store.ts'
import type { Random } from '../fuzz/random.ts'
import type { NodeClock } from './sim-clock.ts'

const writes = new Set<PropertyKey>(['append', 'replicate', 'deleteRange', 'recordSync'])

export interface StoreLife {
  readonly store: LogStore
  /** From now on nothing that this life does reaches the disk. */
  kill(): void
}

export function openStoreLife(disk: LogStore, clock: NodeClock, random: Random): StoreLife {
  let isDead = false
  const wait = (mostMs: number) =>
    new Promise<void>((resolve) => void clock.after(random.below(mostMs + 1), resolve))
  const store = new Proxy(disk, {
    get: (target, key) => {
      const own: unknown = Reflect.get(target, key)
      if (typeof own !== 'function') return own
      const method = own.bind(target) as (...args: unknown[]) => unknown
      if (!writes.has(key)) return method
      return async (...args: unknown[]) => {
        await wait(20)
        if (isDead) return new Promise(() => undefined)
        const result = await method(...args)
        // Done, and the answer is still to come.
        await wait(5)
        return result
      }
    },
  })
  return { store, kill: () => (isDead = true) }
}
