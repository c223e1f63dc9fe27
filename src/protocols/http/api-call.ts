/** One request to the API, as operations see it. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BusClient } from '../../core/bus-client.ts'
import type { AdapterContext } from '../adapter.ts'
import type { EventStreams } from './event-stream.ts'
import type { HttpConnection } from './http-connections.ts'
import { type BodyBudget, readBody, type RequestBody } from './request-body.ts'

/** What a body may have besides a message: the other attributes of a CloudEvent, its data in base64. */
const bodyOverheadBytes = 65_536
const base64Growth = 4 / 3

export interface ApiCallOptions {
  readonly context: AdapterContext
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly connection: HttpConnection
  readonly budget: BodyBudget
  readonly streams: EventStreams
}

export class ApiCall {
  readonly context: AdapterContext
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly connection: HttpConnection
  readonly streams: EventStreams
  readonly #budget: BodyBudget
  readonly #abort = new AbortController()
  #body: RequestBody | undefined

  constructor(options: ApiCallOptions) {
    const { context, request, response, connection, budget, streams } = options
    this.context = context
    this.request = request
    this.response = response
    this.connection = connection
    this.streams = streams
    this.#budget = budget
    response.once('close', () => this.#abort.abort())
  }

  /** @throws BusError as `Bus.connect` */
  get client(): BusClient {
    return this.connection.client
  }

  /** Aborted when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** The whole body. It may be read once, and is held until the call is over. @throws BusError */
  async body(): Promise<Buffer> {
    const { envelopeBytes } = this.context.bus.limits
    const most = Math.ceil(envelopeBytes * base64Growth) + bodyOverheadBytes
    this.#body = await readBody(this.request, this.response, most, this.#budget)
    const { live } = this.client
    live.receivedFrames += 1
    live.receivedBytes += this.#body.bytes.length
    return this.#body.bytes
  }

  /** The answer is there; nothing is held any more. */
  finish(): void {
    this.#body?.release()
    this.#body = undefined
  }
}
