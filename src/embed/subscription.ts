/**
 * A subscription to stored messages, and with them to what is published without being stored. What the
 * program has not taken yet is bounded; beyond the bound the subscription holds a position and reads on
 * from the store later, so nothing that is stored is missed, however slow the program is. What is not
 * stored is left out meanwhile (`Client.subscribeLive` makes publishers wait instead).
 */

import type {
  Delivery,
  SubscribeOptions as LinkSubscribeOptions,
  Subscription as LinkSubscription,
} from '../core/bus-client.ts'
import type { DamagedRange } from '../core/log-store.ts'
import { BusError } from '../model/errors.ts'
import type { NodeId } from '../model/node-id.ts'
import { isExactFilter, parseTopicFilter, type TopicFilter } from '../model/topic-filter.ts'
import type { ClientLink } from './client-link.ts'
import { type Handler, Lane } from './lane.ts'
import { pooledCopy } from './payload.ts'
import type { Position } from './position.ts'
import { costOf, Message } from './received-message.ts'
import type { Turn } from './turn.ts'

/**
 * `earliest`: everything stored, then what comes. `now`: what comes. `last`: the newest message of each
 * matching topic and origin, then what comes. A number: that head id of one topic's log and what follows.
 * A position: what follows it.
 */
export type SubscribeFrom = 'earliest' | 'now' | 'last' | number | Position

export interface SubscribeOptions {
  /** Default `earliest`. */
  readonly from?: SubscribeFrom | undefined
  /** Only messages of this node; default: of every node, but for head ids of this one. */
  readonly origin?: NodeId | undefined
  /** Leave out what is not stored. It has head id 0. */
  readonly storedOnly?: boolean | undefined
  /** Bytes held ready for the program at most, beyond the page that goes over it; default 1 MiB. */
  readonly bufferBytes?: number | undefined
  /** Stored messages that cannot be read, because they do not match their checksum. */
  readonly onDamaged?: ((damaged: readonly DamagedRange[]) => void) | undefined
}

export interface SubscriptionContext {
  readonly link: ClientLink
  readonly turn: Turn
  readonly onError: (error: unknown) => void
  /** Called once, whatever ended it. */
  readonly onClosed: (lane: Lane<Message>, error: BusError | undefined) => void
}

/** Fills a lane from the bus. @throws BusError for a bad filter or start */
export function openSubscription(
  { link, turn, onError, onClosed }: SubscriptionContext,
  filter: string,
  handler: Handler<Message> | undefined,
  options: SubscribeOptions,
): { readonly lane: Lane<Message>; readonly ready: Promise<void> } {
  const linkOptions = toLinkOptions(link, parseTopicFilter(filter), options)
  const { bufferBytes = 1_048_576, onDamaged } = options
  const { epoch } = link
  let isWaiting = false
  let inner: LinkSubscription | undefined
  let whenReady: { resolve(): void; reject(error: BusError): void } | undefined
  const ready = new Promise<void>((resolve, reject) => {
    whenReady = { resolve, reject }
  })

  const lane: Lane<Message> = new Lane<Message>({
    turn,
    costOf,
    handler,
    onTaken: () => {
      if (!isWaiting || lane.bytes > bufferBytes / 2) return
      isWaiting = false
      inner?.resume()
    },
    onError,
    onClosed: (error) => {
      inner?.close()
      onClosed(lane, error)
    },
  })

  const deliver = ({ messages, position, damaged }: Delivery): boolean => {
    whenReady?.resolve()
    if (damaged.length > 0 && onDamaged !== undefined) {
      const ranges = [...damaged]
      turn.add({ run: () => onDamaged(ranges) })
    }
    for (const message of messages) {
      const { sequence } = message
      const here = position === undefined || sequence === 0 ? undefined : { epoch, sequence }
      lane.push(new Message(message, pooledCopy(message.payload), here))
    }
    isWaiting = lane.bytes >= bufferBytes
    return !isWaiting
  }
  const end = (error: BusError): void => {
    whenReady?.reject(error)
    lane.end(error)
  }
  inner = link.subscribe(linkOptions, { deliver, end })
  return { lane, ready }
}

function toLinkOptions(
  link: ClientLink,
  filter: TopicFilter,
  { from = 'earliest', origin, storedOnly = false }: SubscribeOptions,
): LinkSubscribeOptions {
  if (typeof from === 'number') {
    if (!isExactFilter(filter)) {
      const text = `a head id counts in one log: it cannot start the filter ${JSON.stringify(filter)}`
      throw new BusError('invalid_argument', 'bad_argument', text)
    }
    if (!Number.isSafeInteger(from) || from < 0) {
      const text = `a head id is a whole number from 1 on, not ${from}`
      throw new BusError('invalid_argument', 'bad_argument', text)
    }
    const log = { topic: filter, origin: origin ?? link.node }
    return { kind: 'log', log, start: { at: 'head', head: from } }
  }
  const common = { kind: 'filter', filter, origin, live: !storedOnly } as const
  if (typeof from === 'string') return { ...common, start: { at: from } }
  if (from.epoch !== link.epoch) {
    const text = 'the position belongs to another store than the one that is open'
    throw new BusError('failed_precondition', 'bad_position', text)
  }
  return { ...common, start: { at: 'after', sequence: from.sequence } }
}
