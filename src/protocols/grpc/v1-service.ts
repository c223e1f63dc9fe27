/**
 * `msgbus.v1.MsgbusService`: the contract of the reference, all of it (spec/msgbus-v1 1 to 4).
 * Checks stand here only as far as they concern what the bus never sees, the origin a client names,
 * and the order in which several faults of one request are reported (2.3).
 */

import { compareLogs, compareUtf8 } from '../../core/log-order.ts'
import type { AppendOutcome, DamagedRange } from '../../core/log-store.ts'
import { checkWritableTopic } from '../../core/message-checks.ts'
import type { LogStart, SubscriptionSink } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import { BusError } from '../../model/errors.ts'
import type { StoredMessage } from '../../model/message.ts'
import { checkName } from '../../model/name.ts'
import type { PeerSyncState } from '../../model/peer-sync-state.ts'
import {
  type EnqueueFifoRequest,
  encodeFetchResponse,
  encodeSubscribeResponse,
  type FetchRequest,
  msgbusService,
  type PublishRequest,
  type SubscribeRequest,
} from '../../wire/gen/msgbus-v1.ts'
import type { AdapterContext } from '../adapter.ts'
import type { Caller, Calls } from './calls.ts'
import type { ResponseStream } from './response-stream.ts'
import {
  checkNodeId,
  checkWrite,
  checkWriteOrigin,
  damagedError,
  isAbsent,
  readOrigin,
  singleValue,
  unbounded,
} from './translate.ts'

// One page is read while the one before it is sent.
const pageBytes = 262_144

export function addV1Service(calls: Calls, { bus }: AdapterContext): void {
  const { node, limits } = bus

  calls.unary(msgbusService.publish, (request, caller) => publish(bus, request, caller))
  calls.serverStream(msgbusService.fetch, async (request, responses, caller) => {
    await fetchLog(bus, request, responses, caller)
  })
  calls.serverStream(msgbusService.subscribe, (request, responses, caller) => {
    subscribe(bus, request, responses, caller)
  })
  calls.unary(msgbusService.getHead, ({ topic, origin }, { client }) => {
    checkName('topic', topic, limits.topicBytes)
    const headId = client.log.head({ topic, origin: readOrigin(origin, node, limits) })
    return { headId: headId ?? 0, found: headId !== undefined }
  })
  calls.unary(msgbusService.listHeads, (_request, { client }) => {
    const logs = client.log.list()
    return { heads: logs.map(({ topic, origin, head }) => ({ topic, origin, headId: head })) }
  })
  calls.unary(msgbusService.listPeerSyncStates, async (_request, { client }) => {
    const states = await client.log.syncStates()
    return { states: states.sort(comparePeerSyncStates).map(toWireSyncState) }
  })
  calls.unary(msgbusService.deleteRange, async (request, { client }) => {
    const { topic, origin, fromHeadId, toHeadId } = request
    checkWrite(topic, origin, node, limits)
    const fromHead = unbounded(fromHeadId)
    const range = { topic, fromHead, toHead: unbounded(toHeadId) }
    return { deletedCount: await client.log.deleteRange(range) }
  })
  calls.unary(msgbusService.enqueueFifo, async (request, caller) => {
    return { message: await enqueueFifo(bus, request, caller) }
  })
  calls.unary(msgbusService.peekFifo, async ({ queue }, { client }) => {
    const message = await client.queue.peek(queue)
    if (message === undefined) {
      throw new BusError('not_found', 'queue_empty', 'fifo queue is empty')
    }
    return { message }
  })
  calls.unary(msgbusService.ackFifo, async ({ queue, messageId }, { client }) => {
    return { accepted: await client.queue.ack(queue, messageId) }
  })
  calls.unary(msgbusService.rejectFifo, async ({ queue, messageId }, { client }) => {
    return { accepted: await client.queue.reject(queue, messageId) }
  })
  calls.unary(msgbusService.health, () => ({ status: 'SERVING', node }))
  calls.unary(msgbusService.ready, () => {
    const { ready, error } = bus.status()
    return { ready, status: ready ? 'READY' : 'NOT_READY', error, node }
  })
}

/** One promise more than the bus makes: this is the call that everybody makes most. */
function publish(bus: Bus, request: PublishRequest, caller: Caller) {
  const { topic, origin, payload, headers } = request
  checkWrite(topic, origin, bus.node, bus.limits)
  const publishId = singleValue(caller.metadata, 'msgbus-publish-id')
  return caller.client.publish([{ topic, payload, headers, publishId }]).then(toPublishResponse)
}

function toPublishResponse([outcome]: readonly AppendOutcome[]): { message: StoredMessage } {
  if (outcome === undefined) throw new Error('a publication without outcome')
  if (outcome.kind === 'rejected') throw outcome.error
  return { message: outcome.message }
}

async function enqueueFifo(bus: Bus, request: EnqueueFifoRequest, { client }: Caller) {
  const { queue, topic, source, target, payload, headers } = request
  const { node, limits } = bus
  checkName('queue', queue, limits.queueNameBytes)
  checkWritableTopic(topic, limits)
  checkWriteOrigin(source, node, limits)
  if (target === undefined) {
    throw new BusError('invalid_argument', 'target_missing', 'target is required')
  }
  if (!isAbsent(target)) checkNodeId(target, limits)
  const outgoing = { queue, topic, source: node, target, payload, headers }
  const [message] = await client.queue.enqueue([outgoing])
  return message
}

/** Reads page after page, each only when the one before it was taken. */
async function fetchLog(
  bus: Bus,
  request: FetchRequest,
  responses: ResponseStream,
  { client }: Caller,
): Promise<void> {
  const { topic } = request
  const { node, limits } = bus
  checkName('topic', topic, limits.topicBytes)
  const log = { topic, origin: readOrigin(request.origin, node, limits) }
  let left = pageMessages(request.limit, bus)
  let from = request.fromHeadId
  while (left > 0 && !responses.isEnded) {
    const page = await client.log.fetch(log, from, { messages: left, bytes: pageBytes })
    const messages = beforeDamage(page)
    await responses.room()
    responses.send(messages.map((message) => encodeFetchResponse({ message })))
    const [damage] = page.damaged
    if (damage !== undefined) throw damagedError(damage)
    if (messages.length === 0) break
    left -= messages.length
    from = page.nextHead
  }
  responses.finish()
}

function subscribe(
  bus: Bus,
  request: SubscribeRequest,
  responses: ResponseStream,
  { client, metadata }: Caller,
): void {
  const { topic, fromHeadId } = request
  const { node, limits } = bus
  checkName('topic', topic, limits.topicBytes)
  const log = { topic, origin: readOrigin(request.origin, node, limits) }
  const count = pageMessages(request.replayLimit, bus)
  let start: LogStart = { at: 'head', head: fromHeadId }
  if (isGiven(metadata, 'msgbus-replay-limit', 'strict')) {
    start = { at: 'newest', count, fromHead: fromHeadId }
  }
  if (isGiven(metadata, 'msgbus-from', 'now')) start = { at: 'now' }

  const sink: SubscriptionSink = {
    deliver: (delivery) => {
      const messages = beforeDamage(delivery)
      const hasRoom = responses.send(
        messages.map((message) => encodeSubscribeResponse({ message })),
      )
      const [damage] = delivery.damaged
      if (damage === undefined) return hasRoom
      responses.fail(damagedError(damage))
      subscription.close()
      return false
    },
    end: (error) => responses.fail(error),
  }
  const subscription = client.subscribe({ kind: 'log', log, start, pageMessages: count }, sink)
  responses.onRoom = () => subscription.resume()
  responses.onEnd(() => subscription.close())
}

/** A request's `limit` or `replay_limit`: 0 is the default, and there is a most (2.5, 2.6). */
function pageMessages(limit: number, { limits }: Bus): number {
  return Math.min(limit === 0 ? limits.fetchMessagesDefault : limit, limits.fetchMessages)
}

/** What may be sent: a stream of v1 cannot say that something is missing in its middle. */
function beforeDamage({ messages, damaged }: Messages): readonly StoredMessage[] {
  const [damage] = damaged
  if (damage === undefined) return messages
  return messages.filter(({ headId }) => headId < damage.fromHead)
}

/** A page or a delivery. */
interface Messages {
  readonly messages: readonly StoredMessage[]
  readonly damaged: readonly DamagedRange[]
}

/** Whether a key is there with the one value it may have. @throws BusError for another value */
function isGiven(metadata: Caller['metadata'], key: string, only: string): boolean {
  const value = singleValue(metadata, key)
  if (value === undefined) return false
  if (value === only) return true
  const text = `metadata ${key}: expected ${only}, not ${JSON.stringify(value)}`
  throw new BusError('invalid_argument', 'unsupported', text)
}

/** By peer; of each the row about it as a whole first, then by log. */
function comparePeerSyncStates(a: PeerSyncState, b: PeerSyncState): number {
  const byPeer = compareUtf8(a.peer, b.peer)
  if (byPeer !== 0) return byPeer
  if (a.log === undefined || b.log === undefined) {
    return Number(a.log !== undefined) - Number(b.log !== undefined)
  }
  return compareLogs(a.log, b.log)
}

function toWireSyncState({ log, localHead, ...rest }: PeerSyncState) {
  return { ...rest, topic: log?.topic, origin: log?.origin, localHead }
}
