/**
 * The past of a subscription before its present (spec/wamp 13.5, `_replay`): what is stored comes from the log, in
 * order, and when it has come to the end, live events go on. In between, stored events of this subscription are not
 * taken from the live stream, since they will be met in the log; so there is neither gap nor repeat.
 */

import type { Publication } from '../../core/live.ts'
import { toBusError } from '../../model/errors.ts'
import type { StoredMessage } from '../../model/message.ts'
import { messageTypes } from '../../wire/wamp/message-types.ts'
import { payloadOf } from '../../wire/wamp/natural-form.ts'
import { detailsOfStored, exceptHeader } from './event-details.ts'
import { boundsOf, Past } from './history.ts'
import { type HistoryQuery, isInTime } from './history-query.ts'
import { publicationIdOf } from './publication-id.ts'
import type { WampSession } from './session.ts'
import type { Subscription } from './subscription-table.ts'
import { errorUris } from './translate-error.ts'

export class Replay {
  readonly #session: WampSession
  readonly #subscription: Subscription
  readonly #query: HistoryQuery
  readonly #past: Past
  /** Everything up to here was sent, or is not wanted. Infinity: it is not known yet where it begins. */
  #place = Infinity
  #isDone = false
  #isStopped = false

  /** @throws WampError */
  constructor(session: WampSession, subscription: Subscription, query: HistoryQuery) {
    this.#session = session
    this.#subscription = subscription
    this.#query = query
    this.#past = new Past(session, subscription, query.topic)
    this.#past.requireRight()
  }

  /** Whether an event of the live stream is to be sent: it is not stored, or comes behind what was replayed. */
  lets({ sequence }: Publication): boolean {
    return sequence === 0 || (this.#isDone && sequence > this.#place)
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Never rejects. */
  async run(): Promise<void> {
    try {
      this.#place = await this.#begin()
      await this.#send()
    } catch (error) {
      const { message, reason } = toBusError(error)
      this.#session.realm.options.logger.warn('wamp_replay_failed', { reason })
      // Going on live would be a gap that nobody sees.
      if (!this.#isStopped) this.#session.peer.abort(errorUris.unavailable, message)
    }
  }

  async #begin(): Promise<number> {
    const { last } = this.#query
    const bounds = await boundsOf(this.#past, this.#query)
    // A publication that is not known any more: everything there is.
    const after = bounds?.after ?? 0
    return last === undefined ? after : Math.max(after, await this.#past.placeOfLast(last))
  }

  async #send(): Promise<void> {
    const { peer } = this.#session
    const { store } = this.#past
    let left = this.#query.limit
    while (!this.#isStopped) {
      if (peer.isFull) await peer.room()
      // In the same turn as the look: what is committed later is routed live.
      if (left === 0) this.#place = store.lastSequence
      if (store.lastSequence <= this.#place) {
        this.#isDone = true
        return
      }
      const page = { messages: 100, bytes: 262_144 }
      const { messages, nextAfter } = await store.readFeed(this.#place, this.#past.wants, page)
      for (const message of messages) {
        if (left > 0 && this.#isWanted(message)) {
          this.#event(message)
          left -= 1
        }
        this.#place = message.sequence
      }
      this.#place = Math.max(this.#place, nextAfter)
    }
  }

  #isWanted({ deleted, createdAtMs, headers }: StoredMessage): boolean {
    if (deleted || this.#isStopped || !isInTime(this.#query, createdAtMs)) return false
    return headers.get(exceptHeader) !== this.#session.token
  }

  #event(message: StoredMessage): void {
    const session = this.#session
    const { payload: bytes, headers, id } = message
    const details = { ...detailsOfStored(message, this.#subscription), _replayed: true }
    const natural = { bytes, start: 0, end: bytes.length, headers }
    const isSent = session.send({
      type: messageTypes.event,
      subscription: this.#subscription.id,
      publication: publicationIdOf(id),
      details,
      payload: payloadOf(natural, session.serializer),
    })
    if (!isSent) session.droppedEvents += 1
  }
}
