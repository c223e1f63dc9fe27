/**
 * Makes last values survive restarts (docs/adr/0010-saved-last-values.md): loads them before the bus is open for business,
 * saves what changed every second, and the rest at the end. Publishing pays for it with an entry in a set; the work is
 * done in slices, between the turns of everybody else.
 */

import { TimeSlice } from '../base/time-slice.ts'
import type { Clock, Timer } from './clock.ts'
import { LastValueLoader } from './last-value-loader.ts'
import type { LogStore } from './log-store.ts'
import type { Logger } from './logger.ts'
import type { MsgBus } from './msg-bus.ts'
import type { SavedChange, SavedValues } from './saved-values.ts'
import type { Topic } from './topics.ts'

/** From one look for changes to the next. */
export const saveEveryMs = 1_000
/** After a failure: everything has to be written then, and a full disk rarely empties at once. */
export const saveRetryMs = 10_000

export interface LastValueKeeperOptions {
  readonly bus: MsgBus
  /** Open, and not yet attached to the bus. */
  readonly store: LogStore
  /** Is the keeper's to close. */
  readonly saved: SavedValues
  readonly clock: Clock
  readonly logger: Logger
}

export class LastValueKeeper {
  readonly #options: LastValueKeeperOptions
  /** Changed and not yet saved; at most as many as topics are remembered, then everything is due. */
  #due: ReadonlySet<Topic> = new Set()
  #isEverythingDue = false
  /** Added to the order in this run, makes one that follows all runs before. */
  #orderBefore = 0
  /** Sequence of the newest commit that was routed. */
  #routedTo = 0
  #timer: Timer | undefined
  /** Settles with the save that is under way; never rejects. */
  #saving: Promise<void> | undefined
  #isFailing = false
  #retryAt = 0
  #closing: Promise<void> | undefined

  constructor(options: LastValueKeeperOptions) {
    this.#options = options
  }

  /** Puts back what was saved; never rejects. Once, before the store is attached to the bus. */
  async load(): Promise<void> {
    const { saved, store, bus, clock, logger } = this.#options
    const startedAt = clock.monotonic()
    bus.live.lastValues.watchChanges(2 * bus.limits.rememberedTopics)
    const loaded = await saved.load()
    try {
      const restored = await new LastValueLoader(bus, store).restore(loaded)
      this.#orderBefore = restored.orderBefore
      this.#isEverythingDue = !restored.isAsSaved
      const tookMs = Math.round(clock.monotonic() - startedAt)
      logger.debug('last_values_loaded', { topics: restored.count, tookMs })
    } catch (error) {
      logger.warn('last_values_not_loaded', { err: error })
      this.#isEverythingDue = true
    }
    if (saved.needsEverything && bus.live.lastValues.size > 0) this.#isEverythingDue = true
  }

  /** Saves from now on. In the same turn as the store is attached to the bus. */
  start(): void {
    const { bus, store } = this.#options
    this.#routedTo = store.lastSequence
    const stopListening = store.onCommit(({ messages }) => {
      this.#routedTo = messages[messages.length - 1]?.sequence ?? this.#routedTo
    })
    // What is committed while the bus shuts down is not routed any more, so it is not accounted for either.
    bus.onShutdown(stopListening)
    this.#schedule()
  }

  /** Saves the rest, so that it survives a loss of power, too; never rejects. After the bus was shut down. May be called twice. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    const { saved, logger } = this.#options
    this.#timer?.cancel()
    await this.#saving
    this.#gather()
    if (this.#isAnythingDue) await this.#save()
    try {
      await saved.sync()
      await saved.close()
    } catch (error) {
      logger.warn('last_values_not_saved', { err: error })
    }
  }

  #schedule(): void {
    const { clock } = this.#options
    this.#timer = clock.after(saveEveryMs, () => {
      this.#schedule()
      this.#gather()
      const isTime = this.#saving === undefined && clock.monotonic() >= this.#retryAt
      if (isTime && this.#isAnythingDue) {
        this.#saving = this.#save().finally(() => (this.#saving = undefined))
      }
    })
  }

  get #isAnythingDue(): boolean {
    return this.#isEverythingDue || this.#due.size > 0
  }

  /** Takes what changed from the bus also while a save lasts, so that it stays within bounds. */
  #gather(): void {
    const { bus } = this.#options
    const changed = bus.live.lastValues.takeChanged()
    if (this.#isEverythingDue) return
    if (changed === undefined) {
      this.#everythingIsDue()
      return
    }
    this.#due = this.#due.size === 0 ? changed : new Set([...this.#due, ...changed])
    if (this.#due.size > bus.limits.rememberedTopics) this.#everythingIsDue()
  }

  #everythingIsDue(): void {
    this.#isEverythingDue = true
    this.#due = new Set()
  }

  async #save(): Promise<void> {
    const { saved, bus, clock, logger } = this.#options
    const isOfEverything = this.#isEverythingDue || saved.needsEverything
    const accountedTo = this.#routedTo
    const topics = isOfEverything ? [...bus.live.lastValues.topics()] : this.#due
    this.#due = new Set()
    this.#isEverythingDue = false
    const save = saved.begin(isOfEverything ? 'everything' : 'changes')
    const slice = new TimeSlice()
    try {
      for (const topic of topics) {
        const turn = save.put(this.#changeOf(topic)) ?? slice.pause()
        if (turn !== undefined) await turn
      }
      await save.commit(accountedTo)
      if (this.#isFailing) logger.info('last_values_saved_again')
      this.#isFailing = false
    } catch (error) {
      await save.abandon()
      this.#everythingIsDue()
      this.#retryAt = clock.monotonic() + saveRetryMs
      // Once, however long it lasts.
      if (!this.#isFailing) logger.warn('last_values_not_saved', { err: error })
      this.#isFailing = true
    }
  }

  /** What became of a topic, as of now. */
  #changeOf({ name, isReserved }: Topic): SavedChange {
    const asOf = this.#routedTo
    // The entry that changed may have made room for others, and another one have come since.
    const last = this.#options.bus.live.topics.peek(name)?.last
    if (last === undefined || isReserved) return { kind: 'forgotten', topic: name, asOf }
    const place = { topic: name, order: last.order + this.#orderBefore, asOf }
    const { stored, sender, createdAtMs, headers, buffer, length } = last
    if (stored !== undefined) {
      const { origin, headId, sequence } = stored
      return { kind: 'stored', ...place, origin, headId, sequence }
    }
    // What the daemon itself says is about this run.
    if (sender.startsWith('.')) return { kind: 'forgotten', topic: name, asOf }
    const payload = buffer.subarray(0, length)
    return { kind: 'message', ...place, sender, createdAtMs, headers, payload }
  }
}
