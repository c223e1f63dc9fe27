/**
 * What this node tells others about itself, and what of it changed: the filters of its subscribers, its clients and its
 * procedures. It listens to the bus only while a link is up.
 */

import type { LiveBus } from '../../core/live-bus.ts'
import { linkProtocol } from '../../core/live-client.ts'
import { filterItem, itemLimits } from './mesh-node.ts'

export interface OfferChange {
  readonly added: string[]
  readonly gone: string[]
}

const encoder = new TextEncoder()

export class LocalOffer {
  readonly #bus: LiveBus
  readonly #told = new Set<string>()
  /** Names and procedures, each `c…` or `p…`, that came or went since the last look. */
  readonly #touched = new Map<string, boolean>()
  #filtersChanged = true
  #names = 0
  #procedures = 0
  readonly #stop: () => void

  /** @param onChange called for every change; `take` tells what it was */
  constructor(bus: LiveBus, onChange: () => void) {
    this.#bus = bus
    const touch = (item: string, isThere: boolean) => {
      this.#touched.set(item, isThere)
      onChange()
    }
    const stopPresence = bus.registry.onPresence(({ kind, name, protocol }) => {
      if (isTold(name) && protocol !== linkProtocol) touch(`c${name}`, kind !== 'left')
    })
    const stopProcedures = bus.procedures.onChange(({ kind, registration }) => {
      if (registration.match !== 'exact') return
      if (kind === 'created') touch(`p${registration.procedure}`, true)
      else if (kind === 'deleted') touch(`p${registration.procedure}`, false)
    })
    bus.router.onChange = () => {
      this.#filtersChanged = true
      onChange()
    }
    this.#stop = () => {
      stopPresence()
      stopProcedures()
      bus.router.onChange = undefined
    }
    for (const { name } of bus.registry.clients) {
      if (name !== '' && isTold(name)) this.#touched.set(`c${name}`, true)
    }
    for (const { procedure, match } of bus.procedures.list()) {
      if (match === 'exact') this.#touched.set(`p${procedure}`, true)
    }
  }

  /** What to tell beside what was told, which is told with that. */
  take(): OfferChange {
    const added: string[] = []
    const gone: string[] = []
    let isTruncated = false
    for (const [item, isThere] of this.#touched) {
      if (this.#told.has(item) === isThere) continue
      if (!isThere) {
        gone.push(item)
        this.#count(item, -1)
      } else if (this.#mayTell(item)) {
        added.push(item)
        this.#count(item, 1)
      } else isTruncated = true
    }
    if (isTruncated && !this.#told.has('t')) added.push('t')
    this.#touched.clear()
    if (this.#filtersChanged) this.#compareFilters(added, gone)
    for (const item of added) this.#told.add(item)
    for (const item of gone) this.#told.delete(item)
    return { added, gone }
  }

  close(): void {
    this.#stop()
  }

  #count(item: string, by: number): void {
    if (item.startsWith('c')) this.#names += by
    else if (item.startsWith('p')) this.#procedures += by
  }

  #mayTell(item: string): boolean {
    if (item.length > itemLimits.itemBytes / 3) {
      if (encoder.encode(item).length > itemLimits.itemBytes) return false
    }
    if (item.startsWith('c')) return this.#names < itemLimits.names
    return this.#procedures < itemLimits.procedures
  }

  #compareFilters(added: string[], gone: string[]): void {
    this.#filtersChanged = false
    const filters = this.#bus.router.wanted(itemLimits.filters)
    const items = filters === undefined ? new Set(['e']) : new Set(filters.map(filterItem))
    for (const item of this.#told) {
      if ((item === 'e' || item.startsWith('f')) && !items.has(item)) gone.push(item)
    }
    for (const item of items) if (!this.#told.has(item)) added.push(item)
  }
}

function isTold(name: string): boolean {
  return !name.startsWith('.')
}
