/**
 * `msgbus.v2.BusService`: publications as a stream of batches, subscriptions by filter over all
 * origins, and the listing of logs.
 */

import type { FeedStart, SubscribeOptions, SubscriptionSink } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import { BusError } from '../../model/errors.ts'
import { isExactFilter, parseTopicFilter } from '../../model/topic-filter.ts'
import {
  busService,
  encodeListLogsResponse,
  type SubscribeRequest,
} from '../../wire/gen/msgbus-v2.ts'
import type { AdapterContext } from '../adapter.ts'
import type { Caller, Calls } from './calls.ts'
import { DeliveryEncoder } from './delivery-encoder.ts'
import { PublishStream } from './publish-stream.ts'
import type { ResponseStream } from './response-stream.ts'
import { checkNodeId, isAbsent } from './translate.ts'

const batchDefault = 1_000
const batchMost = 10_000
const logsPerResponse = 500

export function addBusService(calls: Calls, { bus }: AdapterContext): void {
  calls.duplex(busService.publishStream, (requests, responses, { connection }) => {
    new PublishStream(connection, requests, responses).start()
  })
  calls.serverStream(busService.subscribe, (request, responses, caller) => {
    subscribe(bus, request, responses, caller)
  })
  calls.serverStream(busService.listLogs, async ({ filter }, responses, { client }) => {
    const logs = client.log.list(filter === '' ? undefined : parseTopicFilter(filter))
    for (let i = 0; i < logs.length && !responses.isEnded; i += logsPerResponse) {
      const page = logs.slice(i, i + logsPerResponse).map(({ head, bytes, ...log }) => {
        return { ...log, headId: head, storedBytes: bytes }
      })
      responses.send([encodeListLogsResponse({ logs: page })])
      await responses.room()
    }
    responses.finish()
  })
}

function subscribe(
  bus: Bus,
  request: SubscribeRequest,
  responses: ResponseStream,
  { client }: Caller,
): void {
  const options = subscribeOptions(bus, request)
  const encoder = new DeliveryEncoder({
    epoch: bus.store?.epoch ?? '',
    maxMessages: options.pageMessages,
    headsOnly: request.headsOnly,
  })
  const sink: SubscriptionSink = {
    deliver: (delivery) => responses.send(encoder.encode(delivery)),
    end: (error) => responses.fail(error),
  }
  const subscription = client.subscribe(options, sink)
  responses.onRoom = () => subscription.resume()
  responses.onEnd(() => subscription.close())
}

function subscribeOptions(
  bus: Bus,
  request: SubscribeRequest,
): SubscribeOptions & { readonly pageMessages: number } {
  const filter = parseTopicFilter(request.filter)
  const origin = isAbsent(request.origin) ? undefined : request.origin
  if (origin !== undefined) checkNodeId(origin, bus.limits)
  const pageMessages = Math.min(request.maxBatch === 0 ? batchDefault : request.maxBatch, batchMost)
  const at = request.start?.at
  if (at?.case === 'headId') {
    if (!isExactFilter(filter)) {
      const text = 'a start at a head id needs a filter without wildcards'
      throw new BusError('invalid_argument', 'bad_position', text)
    }
    const log = { topic: filter, origin: origin ?? bus.node }
    return { kind: 'log', log, start: { at: 'head', head: at.value }, pageMessages }
  }
  const start = feedStart(bus, at)
  return { kind: 'filter', filter, origin, start, live: !request.storedOnly, pageMessages }
}

type WireStart = NonNullable<SubscribeRequest['start']>['at']

function feedStart(bus: Bus, at: WireStart): FeedStart {
  switch (at?.case) {
    case 'earliest':
    case 'last':
      return { at: at.case }
    case 'after': {
      const { epoch, sequence } = at.value
      const here = bus.store?.epoch ?? ''
      // Before the store is open there is no epoch, and subscribing says so better.
      if (epoch === here || here === '') return { at: 'after', sequence }
      const text = `the position is of store ${JSON.stringify(epoch)}, this is ${JSON.stringify(here)}`
      throw new BusError('failed_precondition', 'bad_position', text)
    }
    case 'headId':
    case 'now':
    case undefined:
      return { at: 'now' }
  }
}
