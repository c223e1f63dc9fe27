/** Subscriptions as server-sent events. */

import { z } from 'zod'
import type { FeedStart } from '../../../core/bus-client.ts'
import type { Bus } from '../../../core/bus.ts'
import { BusError } from '../../../model/errors.ts'
import type { ApiCall } from '../api-call.ts'
import { EventStream } from '../event-stream.ts'
import { operation } from '../operation.ts'
import { filterOf, filterParam, param, parseNode } from '../query.ts'

export const subscribe = operation({
  id: 'subscribe',
  method: 'GET',
  path: '/v1/subscribe',
  tag: 'messages',
  summary: 'Messages as they come, as server-sent events.',
  description:
    'Each event `message` has one line of data, a Message in JSON, and as `id` the place to go on from: a client that comes back with it in the header `Last-Event-ID`, as browsers do by themselves, misses nothing and gets nothing twice, also after the daemon was restarted. Messages that are not stored have no `id`. With `start=last` the newest messages that come first have none either, so whoever loses the connection in their midst gets them again. `damaged` names records that cannot be read; `end` says why the daemon ends the stream. A comment comes every 15 seconds.',
  query: z.strictObject({
    filter: filterParam,
    origin: param
      .text('Only what this node published, as `tenant/bl/device`. Default: every node.')
      .optional(),
    start: param
      .choice(
        ['now', 'earliest', 'last'],
        'Where to begin: with what comes from now on (default), with the oldest that is stored, or with the newest message of each log.',
      )
      .optional(),
    after: param.text('Go on after this `id` of an event; instead of `start`.').optional(),
    live: param.flag('`false`: leave out what is not stored. Default `true`.').optional(),
    encoding: param
      .choice(
        ['auto', 'base64'],
        'Payloads: as text where they are UTF-8 (default), or all in base64.',
      )
      .optional(),
  }),
  headers: { 'Last-Event-ID': 'As `after`, and before it.' },
  answer: { description: 'The events.', contentType: 'text/event-stream' },
  failures: { 412: 'The place is of another store, or beyond the end of this one.' },
  isStream: true,
  async run(call, query) {
    await untilOpen(call)
    const { client, context, response, connection, streams, request } = call
    const { live = true, encoding = 'auto' } = query
    const filter = filterOf(query.filter)
    const origin = query.origin === undefined ? undefined : parseNode(query.origin)
    const lastEventId = request.headers['last-event-id']
    const after = typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : query.after
    const start = startOf(context.bus, after, query.start)
    const epoch = context.bus.store?.epoch ?? ''
    let stream: EventStream | undefined
    // Refused before the answer begins; the first delivery comes later than this turn.
    const subscription = client.subscribe(
      { kind: 'filter', filter, origin, start, live },
      {
        deliver: (delivery) => stream?.deliver(delivery) ?? false,
        end: (error) => stream?.end(error),
      },
    )
    const isSnapshot = start.at === 'last'
    stream = new EventStream({ response, epoch, encoding, isSnapshot, live: client.live })
    stream.attach(subscription)
    streams.add(stream)
    connection.streams += 1
    stream.onClose(() => (connection.streams -= 1))
    return { kind: 'stream' }
  },
})

/**
 * Resolves at once, but for who asks for events by name while the store is being opened: a browser does not come back
 * when it is answered with anything else, as after a kill of the daemon it would be. @throws BusError `cancelled`
 */
async function untilOpen({ context: { bus }, request, signal }: ApiCall): Promise<void> {
  const asksForEvents = request.headers.accept?.includes('text/event-stream') === true
  if (bus.store !== undefined || !asksForEvents) return
  await new Promise<void>((resolve) => {
    const stopListening = [bus.onOpen(resolve), bus.onShutdown(resolve)]
    signal.addEventListener('abort', () => {
      for (const stop of stopListening) stop()
      resolve()
    })
  })
  if (signal.aborted) throw new BusError('cancelled', 'cancelled', 'nobody waits any more')
}

/** @throws BusError `invalid_argument`, `failed_precondition` with reason `bad_position` */
function startOf(
  bus: Bus,
  after: string | undefined,
  start: 'now' | 'earliest' | 'last' = 'now',
): FeedStart {
  if (after === undefined) return { at: start }
  const [, epoch, digits] = /^(.+):(\d{1,16})$/.exec(after) ?? []
  if (epoch === undefined || digits === undefined) {
    const text = `${JSON.stringify(after)} is not the id of an event`
    throw new BusError('invalid_argument', 'bad_position', text)
  }
  const sequence = Number(digits)
  const { store } = bus
  // Before the store is open there is no epoch, and subscribing says so better.
  if (store !== undefined && (epoch !== store.epoch || sequence > store.lastSequence)) {
    const text = 'the place is of another store, or of one that has lost its end; begin anew'
    throw new BusError('failed_precondition', 'bad_position', text)
  }
  return { at: 'after', sequence }
}
