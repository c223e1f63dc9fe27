/**
 * One SendStream call: direct messages and broadcasts in batches, in order. It is read no further while
 * receivers of its messages have no room, or the client does not read its outcomes.
 */

import type { BusClient } from '../../core/bus-client.ts'
import { BusError, toBusError } from '../../model/errors.ts'
import {
  type Dispatch,
  type DispatchResult,
  encodeSendStreamResponse,
  type SendStreamRequest,
} from '../../wire/gen/msgbus-v2.ts'
import type { RequestStream } from './calls.ts'
import type { Connection } from './connection.ts'
import { broadcastTo, sendTo } from './direct-message.ts'
import type { ResponseStream } from './response-stream.ts'
import type { SendGate } from './send-gate.ts'
import { toRefusal } from './translate.ts'

/** Empty messages take few bytes each; without a bound one request could become millions of them. */
const batchMessages = 10_000

export class SendStream {
  readonly #connection: Connection
  readonly #requests: RequestStream<SendStreamRequest>
  readonly #responses: ResponseStream
  /** Of those who sent on this stream. */
  readonly #gates = new Set<SendGate>()
  #isReading = true

  constructor(
    connection: Connection,
    requests: RequestStream<SendStreamRequest>,
    responses: ResponseStream,
  ) {
    this.#connection = connection
    this.#requests = requests
    this.#responses = responses
  }

  start(): void {
    this.#responses.onRoom = () => this.#readOn()
    this.#requests.on('data', (request) => this.#accept(request))
    this.#requests.on('end', () => this.#responses.finish())
  }

  #accept({ batchId, messages, from }: SendStreamRequest): void {
    if (messages.length > batchMessages) {
      const text = `a batch of ${messages.length} messages, limit ${batchMessages}`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    const { client, gate } = this.#connection.sender(from)
    this.#watch(gate)
    const results: Partial<DispatchResult>[] = []
    for (const message of messages) results.push(dispatch(client, message))
    if (batchId !== 0) this.#responses.send([encodeSendStreamResponse({ batchId, results })])
    if (this.#mayRead()) return
    this.#isReading = false
    this.#requests.pause()
  }

  #watch(gate: SendGate): void {
    if (this.#gates.has(gate)) return
    this.#gates.add(gate)
    this.#responses.onEnd(gate.onResume(() => this.#readOn()))
  }

  #mayRead(): boolean {
    if (!this.#responses.hasRoom) return false
    for (const gate of this.#gates) if (gate.isPaused) return false
    return true
  }

  #readOn(): void {
    if (this.#isReading || !this.#mayRead()) return
    this.#isReading = true
    this.#requests.resume()
  }
}

function dispatch(client: BusClient, { to, payload, realtime }: Dispatch): Partial<DispatchResult> {
  try {
    switch (to?.case) {
      case 'target':
        sendTo(client, to.value, payload, realtime)
        return { receivers: 1 }
      case 'mask':
        return { receivers: broadcastTo(client, to.value, payload, realtime) }
      case undefined: {
        const text = 'a message needs a target or a mask'
        throw new BusError('invalid_argument', 'bad_argument', text)
      }
    }
  } catch (error) {
    return { refusal: toRefusal(toBusError(error)) }
  }
}
