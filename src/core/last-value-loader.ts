/**
 * Puts last values back at the start of the daemon: what was saved, and for logs that grew after the last save, or for all
 * when nothing was saved, their newest message. What was deleted or trimmed meanwhile does not come back, nor does an
 * older message in its place.
 */

import { TimeSlice } from '../base/time-slice.ts'
import type { StoredMessage } from '../model/message.ts'
import type { LogInfo, LogStore } from './log-store.ts'
import { isStorableTopic } from './message-checks.ts'
import type { MsgBus } from './msg-bus.ts'
import type { LoadedValues, SavedLast, SavedMessage, SavedReference } from './saved-values.ts'
import type { Topic } from './topics.ts'

/** Messages read from the store at the same time; each may be some MiB. */
const readsTogether = 16
/** As topics.ts tells what is the daemon's own. */
const reservedPrefix = '$msgbus.'

export interface RestoredValues {
  readonly count: number
  /** Of what was saved or is stored, the greatest; what was put back has an order in this run of at most 0. */
  readonly orderBefore: number
  /** What was saved is just what was put back. */
  readonly isAsSaved: boolean
}

interface Found {
  readonly last: SavedLast
  readonly content: SavedMessage | StoredMessage
}

export class LastValueLoader {
  readonly #bus: MsgBus
  readonly #store: LogStore
  readonly #slice = new TimeSlice()

  constructor(bus: MsgBus, store: LogStore) {
    this.#bus = bus
    this.#store = store
  }

  /**
   * What was published since the daemon started stays, and is newer than all that is put back. Rejects as reads of the
   * store do.
   */
  async restore(loaded: LoadedValues): Promise<RestoredValues> {
    const { topics, lastValues } = this.#bus.live
    const early = lastValues.size
    const lasts = this.#ofThisStore(loaded)
    // A store that lost commits, by a loss of power, may have given their numbers to others since.
    const isBehind = loaded.accountedTo > this.#store.lastSequence
    const isOfStore = await this.#addNewer(lasts, isBehind ? 0 : loaded.accountedTo)
    const newestFirst = [...lasts.values()].sort((a, b) => b.order - a.order)
    const orderBefore = newestFirst[0]?.order ?? 0
    const room = Math.max(0, this.#bus.limits.rememberedTopics - topics.size)
    const found = await this.#read(newestFirst.slice(0, room))
    let count = 0
    // Oldest first: when there is too much, the oldest goes.
    for (const { last, content } of found.toReversed()) {
      const turn = this.#slice.pause()
      if (turn !== undefined) await turn
      const topic = topics.byName(last.topic)
      if (topic.last !== undefined) continue
      lastValues.restore(topic, content)
      // This run counts from 1 and may have begun to.
      setOrder(topic, last.order - orderBefore)
      count += 1
    }
    const isAsSaved = !isBehind && !isOfStore && early === 0 && count === loaded.values.length
    return { count, orderBefore, isAsSaved }
  }

  /** Without what the store has lost. */
  #ofThisStore({ values }: LoadedValues): Map<string, SavedLast> {
    const { lastSequence } = this.#store
    const lasts = new Map<string, SavedLast>()
    for (const last of values) {
      if (last.kind === 'stored' && last.sequence > lastSequence) continue
      lasts.set(last.topic, { ...last, asOf: Math.min(last.asOf, lastSequence) })
    }
    return lasts
  }

  /** What was stored after `accountedTo` and is newer than what was saved. Answers whether there was any. */
  async #addNewer(lasts: Map<string, SavedLast>, accountedTo: number): Promise<boolean> {
    let orderBefore = 0
    for (const { order } of lasts.values()) orderBefore = Math.max(orderBefore, order)
    let isAny = false
    for (const [topic, info] of await this.#newestLogs(accountedTo)) {
      const { origin, head, lastSequence } = info
      if ((lasts.get(topic)?.asOf ?? 0) >= lastSequence) continue
      isAny = true
      const place = { topic, order: orderBefore + lastSequence - accountedTo, asOf: lastSequence }
      lasts.set(topic, { kind: 'stored', ...place, origin, headId: head, sequence: lastSequence })
    }
    return isAny
  }

  /** For each topic that was stored to after a commit, the log that has its newest message. */
  async #newestLogs(after: number): Promise<Map<string, LogInfo>> {
    const newest = new Map<string, LogInfo>()
    if (after >= this.#store.lastSequence) return newest
    for (const info of this.#store.logs()) {
      const turn = this.#slice.pause()
      if (turn !== undefined) await turn
      const { topic, lastSequence } = info
      if (lastSequence <= after || topic.startsWith(reservedPrefix)) continue
      const known = newest.get(topic)
      if (known !== undefined && known.lastSequence >= lastSequence) continue
      newest.set(topic, info)
      // There can be many more logs than topics that are remembered.
      if (newest.size > 2 * this.#bus.limits.rememberedTopics) this.#keepNewest(newest)
    }
    return newest
  }

  #keepNewest(logs: Map<string, LogInfo>): void {
    const newestFirst = [...logs.values()].sort((a, b) => b.lastSequence - a.lastSequence)
    for (const { topic } of newestFirst.slice(this.#bus.limits.rememberedTopics)) logs.delete(topic)
  }

  /** In the same order, without what is gone and without what is beyond the bytes that may be remembered. */
  async #read(newestFirst: readonly SavedLast[]): Promise<Found[]> {
    const { lastValueBytes } = this.#bus.limits
    const found: Found[] = []
    let bytes = 0
    for (let i = 0; i < newestFirst.length && bytes < lastValueBytes; i += readsTogether) {
      const lasts = newestFirst.slice(i, i + readsTogether)
      const contents = await Promise.all(
        lasts.map(async (last) => (last.kind === 'stored' ? this.#messageOf(last) : last)),
      )
      for (const [k, last] of lasts.entries()) {
        const content = contents[k]
        if (content === undefined || !this.#isWanted(last, content.payload.length)) continue
        found.push({ last, content })
        bytes += content.payload.length
      }
      const turn = this.#slice.pause()
      if (turn !== undefined) await turn
    }
    return found
  }

  /** Undefined when it was deleted or trimmed, or is damaged. */
  async #messageOf(last: SavedReference): Promise<StoredMessage | undefined> {
    const { messages } = await this.#store.read(last, last.headId, { messages: 1 })
    return messages.find(
      ({ headId, sequence, deleted }) =>
        headId === last.headId && sequence === last.sequence && !deleted,
    )
  }

  /** Whether the rule that holds for its topic now would have made such a last value. */
  #isWanted({ kind, topic }: SavedLast, payloadBytes: number): boolean {
    const { store, maxPayloadBytes = Infinity } = this.#bus.topicRules.of(topic)
    if (payloadBytes > maxPayloadBytes) return false
    if (kind === 'stored') return store !== 'never'
    return store !== 'always' || !isStorableTopic(topic, this.#bus.limits)
  }
}

function setOrder({ last }: Topic, order: number): void {
  if (last !== undefined) last.order = order
}
