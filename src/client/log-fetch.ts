/**
 * Reading what is stored in one log by v1 Fetch, page after page, so that no limit of a daemon cuts
 * the result (defect L19) and neither side holds more than a page.
 */

import { BusError } from '../model/errors.ts'
import type { NodeId } from '../model/node-id.ts'
import type { MessageEnvelope } from '../wire/gen/msgbus-v1.ts'
import { msgbusServiceCalls } from '../wire/gen/msgbus-v1.ts'
import type { Transport } from './transport.ts'

export interface LogFetchOptions {
  readonly topic: string
  /** Undefined: the daemon's own. */
  readonly origin: NodeId | undefined
  /** From 1 on. */
  readonly fromHead: number
  /** How many messages at most; Infinity: all there are. */
  readonly limit: number
  readonly signal?: AbortSignal | undefined
}

/** Few enough to answer quickly, many enough to make the calls cheap; daemons give 10,000 at most. */
const pageMessages = 1_000
/** Handed over together; one at a time would cost a turn of the event loop each. */
const batchMessages = 100

/** Batches of ascending messages, never empty; ends at the head. */
export async function* fetchLog(
  transport: Transport,
  options: LogFetchOptions,
): AsyncGenerator<MessageEnvelope[], void, undefined> {
  const { topic, origin, signal } = options
  let fromHeadId = options.fromHead
  let left = options.limit
  while (left > 0) {
    const limit = Math.min(left, pageMessages)
    const request = { topic, origin, fromHeadId, limit }
    const stream = transport.stream(msgbusServiceCalls.fetch, request, { signal })
    let count = 0
    try {
      let batch: MessageEnvelope[] = []
      for (;;) {
        const response = await stream.read()
        if (response === undefined) break
        const message = requireMessage(response.message)
        batch.push(message)
        count += 1
        fromHeadId = message.headId + 1
        if (batch.length < batchMessages) continue
        yield batch
        batch = []
      }
      if (batch.length > 0) yield batch
    } finally {
      stream.cancel()
    }
    if (count < limit) return
    left -= count
  }
}

/** @throws BusError `internal/undecodable` */
export function requireMessage<M>(message: M | undefined): M {
  if (message !== undefined) return message
  throw new BusError('internal', 'undecodable', 'the daemon sent an answer without its message')
}
