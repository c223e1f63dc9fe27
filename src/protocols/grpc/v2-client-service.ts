/** `msgbus.v2.ClientService`: clients by name, and calls. Nothing here is stored. */

import { systemClock } from '../../core/clock.ts'
import type { ClientInfo } from '../../core/live.ts'
import { CallError } from '../../model/call-error.ts'
import { nameMatches } from '../../model/name-mask.ts'
import { compareUtf8 } from '../../core/log-order.ts'
import {
  type CallRequest,
  clientService,
  encodeListClientsResponse,
} from '../../wire/gen/msgbus-v2.ts'
import type { AdapterContext } from '../adapter.ts'
import { mayKnowOf } from '../visible-clients.ts'
import type { Caller, Calls } from './calls.ts'
import { broadcastTo, sendTo } from './direct-message.ts'
import { JoinStream } from './join-stream.ts'
import { RegisterStream } from './register-stream.ts'
import { SendStream } from './send-stream.ts'

const clientsPerResponse = 500

export function addClientService(calls: Calls, { bus }: AdapterContext): void {
  calls.unary(clientService.send, async ({ target, payload, realtime, from }, caller) => {
    const { client, gate } = caller.connection.sender(from)
    await gate.pass(payload.length, caller.onCancelled, () => {
      sendTo(client, target, payload, realtime)
    })
    return {}
  })
  calls.unary(clientService.broadcast, async ({ mask, payload, realtime, from }, caller) => {
    const { client, gate } = caller.connection.sender(from)
    const receivers = await gate.pass(payload.length, caller.onCancelled, () => {
      return broadcastTo(client, mask, payload, realtime)
    })
    return { receivers }
  })
  calls.unary(clientService.call, async (request, caller) => call(request, caller))
  calls.duplex(clientService.register, (requests, responses, { client }) => {
    new RegisterStream(client, requests, responses).start()
  })
  calls.serverStream(clientService.join, (request, responses, { connection }) => {
    new JoinStream(connection, request, responses, systemClock).start(bus, request.presence)
  })
  calls.duplex(clientService.sendStream, (requests, responses, { connection }) => {
    new SendStream(connection, requests, responses).start()
  })
  calls.serverStream(clientService.listClients, async ({ mask }, responses, { client }) => {
    const clients = bus
      .clients()
      .filter(mayKnowOf(client))
      .filter(({ name }) => mask === '' || (name !== '' && nameMatches(mask, name)))
      .sort((a, b) => compareUtf8(a.name, b.name) || a.id - b.id)
    for (let i = 0; i < clients.length && !responses.isEnded; i += clientsPerResponse) {
      const page = clients.slice(i, i + clientsPerResponse).map(toWire)
      responses.send([encodeListClientsResponse({ clients: page })])
      await responses.room()
    }
    responses.finish()
  })
}

async function call(request: CallRequest, { connection, onCancelled }: Caller) {
  const { procedure, payload, headers, timeoutMs, from } = request
  const sender = connection.sender(from)
  const abort = new AbortController()
  onCancelled(() => abort.abort())
  try {
    const value = await sender.client.calls.call({
      procedure,
      payload,
      headers,
      timeoutMs: timeoutMs === 0 ? undefined : timeoutMs,
      signal: abort.signal,
    })
    return { outcome: { case: 'result', value } as const }
  } catch (error) {
    // Not the caller gave up: the bus gave up the caller.
    if (sender.ended !== undefined && !abort.signal.aborted) throw sender.ended
    if (!(error instanceof CallError)) throw error
    const { errorName: name, message, payload: details, headers: more } = error
    const value = { name, message, payload: details, headers: more }
    return { outcome: { case: 'failure', value } as const }
  }
}

function toWire({ source = '', listener = '', ...info }: ClientInfo) {
  return { ...info, source, listener }
}
