/** Clients by name and procedures: what is not stored. */

import { z } from 'zod'
import { BusError } from '../../../model/errors.ts'
import { nameMatches } from '../../../model/name-mask.ts'
import type { ClientInfo, Peer } from '../../../core/live.ts'
import { mayKnowOf } from '../../visible-clients.ts'
import { messageHeadersOf, toHttpHeaders } from '../message-headers.ts'
import { toClientJson } from '../message-json.ts'
import { json, operation } from '../operation.ts'
import { param } from '../query.ts'
import { broadcastSchema, clientsSchema, sentSchema } from '../schemas.ts'

const encoder = new TextEncoder()
const clientsDefault = 1_000
const clientsMost = 10_000

export const listClients = operation({
  id: 'clients',
  method: 'GET',
  path: '/v1/clients',
  tag: 'clients',
  summary: 'Who is connected, over all protocols, in the order in which they came.',
  query: z.strictObject({
    mask: param
      .text(
        'Only names that match: chunks separated by `.`; `?` is one chunk, a last `*` the rest.',
      )
      .optional(),
    after: param.integer('Only clients with a greater id.').optional(),
    limit: param.integer('Most clients; default 1,000.', 1, clientsMost).optional(),
  }),
  answer: { description: 'The clients.', schema: clientsSchema },
  run({ client, context: { bus } }, { mask, after = -1, limit = clientsDefault }) {
    const matches = ({ id, name }: ClientInfo) =>
      id > after && (mask === undefined || (name !== '' && nameMatches(mask, name)))
    const clients = bus.clients().filter(mayKnowOf(client)).filter(matches)
    return json({
      clients: clients.slice(0, limit).map(toClientJson),
      more: clients.length > limit,
    })
  },
})

const payloadBody = { description: 'The payload.', content: { '*/*': undefined } }

export const send = operation({
  id: 'send',
  method: 'POST',
  path: '/v1/send',
  tag: 'clients',
  summary: 'Sends the body to one client.',
  description:
    'Nothing is stored. `sent` means that it was handed to the connection of the client.',
  query: z.strictObject({ client: param.text('Full name of the client.') }),
  body: payloadBody,
  answer: { description: 'It was handed on.', schema: sentSchema },
  failures: { 404: 'Nobody has that name.', 429: 'The client does not read what was sent to it.' },
  async run(call, { client: target }) {
    const payload = await call.body()
    const name = encoder.encode(target)
    const bytes = Buffer.concat([name, payload])
    const end = name.length
    const { live } = call.client
    await call.connection.maySend(call.signal)
    // The bus would let one more message through and stop the connection after it; but a connection may be there for
    // this one request, and many of those would never be stopped.
    for (let peer = live.find(name, 0, end); hasNoRoom(peer); peer = live.find(name, 0, end)) {
      live.waitFor(peer)
      await call.connection.maySend(call.signal)
    }
    const outcome = live.send(bytes, 0, end, end, bytes.length, false)
    const shown = JSON.stringify(target)
    switch (outcome) {
      case 'sent':
        return json({ sent: true })
      case 'unknown':
        throw live.whyUnknown(target)
      case 'denied':
        throw new BusError(
          'permission_denied',
          'access_denied',
          `a rule forbids to send to ${shown}`,
        )
      case 'full': {
        const text = `${shown} does not read what was sent to it`
        throw new BusError('resource_exhausted', 'slow_client', text)
      }
    }
  },
})

function hasNoRoom(peer: Peer | undefined): peer is Peer {
  return peer !== undefined && peer.isCongested && !peer.isClosed
}

export const broadcast = operation({
  id: 'broadcast',
  method: 'POST',
  path: '/v1/broadcast',
  tag: 'clients',
  summary: 'Sends the body to all clients whose names match.',
  description: 'Nothing is stored.',
  query: z.strictObject({
    mask: param.text('Chunks separated by `.`; `?` is one chunk, a last `*` the rest.'),
  }),
  body: payloadBody,
  answer: { description: 'How many it was handed to.', schema: broadcastSchema },
  async run(call, { mask }) {
    const payload = await call.body()
    if (mask === '') throw new BusError('invalid_argument', 'name_empty', 'the mask is empty')
    await call.connection.maySend(call.signal)
    return json({ receivers: call.client.live.broadcast(mask, payload, 0, payload.length, false) })
  },
})

export const callProcedure = operation({
  id: 'call',
  method: 'POST',
  path: '/v1/call',
  tag: 'clients',
  summary: 'Calls a procedure that a client of any protocol offers.',
  description:
    'Bodies of question and answer are the payloads; content type and headers `msgbus-header-…` pass both ways. The call ends when the connection does.',
  query: z.strictObject({
    procedure: param.text('Name of the procedure.'),
    timeoutMs: param.integer('How long the answer may take.', 1).optional(),
  }),
  headers: { 'msgbus-header-*': 'Header of the call, as for `publish`.' },
  body: payloadBody,
  answer: { description: 'What the callee answered.', contentType: '*/*' },
  failures: {
    404: 'Nobody offers the procedure.',
    422: 'The callee answered with an error of its own: `error.name` and `error.details`.',
    502: 'The callee went before it answered.',
    504: 'No answer in time.',
  },
  async run(call, { procedure, timeoutMs }) {
    const payload = await call.body()
    const { client, signal } = call
    const headers = messageHeadersOf(call.request.headers)
    const result = await client.calls.call({ procedure, payload, headers, timeoutMs, signal })
    return { kind: 'bytes', bytes: result.payload, headers: toHttpHeaders(result.headers) }
  },
})
