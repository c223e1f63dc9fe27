/**
 * One PublishStream call: batches go to the bus as they come, many at a time, and are answered in
 * the order in which they came. When too much waits for the disk or for the client to read answers,
 * no more is read from the stream, and flow control holds the client.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { AppendOutcome } from '../../core/log-store.ts'
import { checkWritableTopic } from '../../core/message-checks.ts'
import { BusError, toBusError } from '../../model/errors.ts'
import type { Limits } from '../../model/limits.ts'
import type { OutgoingMessage } from '../../model/message.ts'
import {
  encodePublishStreamResponse,
  type PublishResult,
  type PublishStreamRequest,
} from '../../wire/gen/msgbus-v2.ts'
import type { RequestStream } from './calls.ts'
import type { Connection, SendingClient } from './connection.ts'
import { namedBytes } from './named-bytes.ts'
import type { ResponseStream } from './response-stream.ts'
import type { SendGate } from './send-gate.ts'
import { stoppingError, toRefusal } from './translate.ts'

/** What may be at the bus and not answered yet. */
const inFlightBatches = 256
const inFlightBytes = 4_194_304
/** Empty messages take two bytes each; without a bound one request could become millions of them. */
const batchMessages = 10_000

interface Batch {
  readonly bytes: number
  /** The encoded answer, once there is one. */
  answer: Uint8Array | undefined
}

export class PublishStream {
  readonly #connection: Connection
  readonly #requests: RequestStream<PublishStreamRequest>
  readonly #responses: ResponseStream
  /** Batches not yet answered, in the order in which they came. */
  readonly #inFlight: Batch[] = []
  #inFlightBytes = 0
  #isPaused = false
  /** Of those who published live on this stream. */
  readonly #gates = new Set<SendGate>()
  /** No more batches come: the client is done, or the daemon stops. */
  #ending: 'no' | 'done' | 'stopped' = 'no'
  /** Why it stopped, if that is not that the daemon stops. */
  #failure: BusError | undefined

  constructor(
    connection: Connection,
    requests: RequestStream<PublishStreamRequest>,
    responses: ResponseStream,
  ) {
    this.#connection = connection
    this.#requests = requests
    this.#responses = responses
  }

  start(): void {
    this.#responses.onRoom = () => this.#readOn()
    this.#responses.onStop = () => this.#endAfterAnswers('stopped')
    this.#requests.on('data', (request) => this.#accept(request))
    this.#requests.on('end', () => this.#endAfterAnswers('done'))
  }

  #accept(request: PublishStreamRequest): void {
    // What comes after the daemon began to stop is neither stored nor answered.
    if (this.#ending === 'stopped') return
    const { length } = request.messages
    if (length > batchMessages) {
      const text = `a batch of ${length} messages, limit ${batchMessages}`
      this.#responses.fail(new BusError('resource_exhausted', 'quota_exceeded', text))
      return
    }
    const sender = this.#connection.sender(request.from)
    if (request.live) {
      this.#watch(sender.gate)
      publishLive(sender.client, request, this.#connection.limits)
    } else this.#publish(sender, request)
    if (this.#hasEnough()) {
      this.#isPaused = true
      this.#requests.pause()
    }
  }

  #publish({ client }: SendingClient, request: PublishStreamRequest): void {
    const { messages, bytes } = toOutgoing(request)
    const batch: Batch = { bytes, answer: undefined }
    this.#inFlight.push(batch)
    this.#inFlightBytes += bytes
    client.publish(messages).then(
      (outcomes) => this.#answer(batch, request, outcomes.map(toResult)),
      (error: unknown) => this.#refuse(batch, request, error),
    )
  }

  /** Live messages make their sender wait for receivers that have no room. */
  #watch(gate: SendGate): void {
    if (this.#gates.has(gate)) return
    this.#gates.add(gate)
    this.#responses.onEnd(gate.onResume(() => this.#readOn()))
  }

  #refuse(batch: Batch, request: PublishStreamRequest, error: unknown): void {
    const failure = toBusError(error)
    if (failure.code !== 'unavailable') {
      const refusal = toRefusal(failure)
      this.#answer(
        batch,
        request,
        request.messages.map(() => ({ refusal })),
      )
      return
    }
    // The client will send it again. Were the batches behind it taken, should the store open at this
    // very moment, they would stand before it.
    this.#inFlight.splice(this.#inFlight.indexOf(batch), 1)
    this.#failure ??= failure
    this.#endAfterAnswers('stopped')
  }

  #answer(
    batch: Batch,
    { batchId }: PublishStreamRequest,
    results: readonly Partial<PublishResult>[],
  ): void {
    batch.answer = encodePublishStreamResponse({ batchId, results })
    const answers: Uint8Array[] = []
    for (;;) {
      const answer = this.#inFlight[0]?.answer
      if (answer === undefined) break
      this.#inFlightBytes -= this.#inFlight.shift()?.bytes ?? 0
      answers.push(answer)
    }
    if (answers.length > 0) this.#responses.send(answers)
    if (this.#ending !== 'no') this.#endWhenAnswered()
    else this.#readOn()
  }

  #hasEnough(): boolean {
    if (this.#inFlight.length >= inFlightBatches || this.#inFlightBytes >= inFlightBytes)
      return true
    if (!this.#responses.hasRoom) return true
    for (const gate of this.#gates) if (gate.isPaused) return true
    return false
  }

  #readOn(): void {
    if (!this.#isPaused || this.#hasEnough()) return
    this.#isPaused = false
    this.#requests.resume()
  }

  #endAfterAnswers(how: 'done' | 'stopped'): void {
    if (this.#ending !== 'stopped') this.#ending = how
    this.#endWhenAnswered()
  }

  #endWhenAnswered(): void {
    if (this.#inFlight.length > 0) return
    if (this.#ending === 'stopped') this.#responses.fail(this.#failure ?? stoppingError())
    else this.#responses.finish()
  }
}

/** The messages with their topics spelled out, and about how much memory they hold. */
function toOutgoing(request: PublishStreamRequest): { messages: OutgoingMessage[]; bytes: number } {
  const messages: OutgoingMessage[] = []
  let bytes = 0
  let topic = ''
  for (const message of request.messages) {
    if (message.topic !== '') topic = message.topic
    const { payload, headers, publishId } = message
    bytes += payload.length + 100
    messages.push({ topic, payload, headers, publishId: publishId === '' ? undefined : publishId })
  }
  return { messages, bytes }
}

/**
 * What the bus refuses it counts, and nobody is told.
 * @throws BusError for what is no topic: nobody else would notice
 */
function publishLive(
  { live }: BusClient,
  { messages, realtime }: PublishStreamRequest,
  limits: Limits,
): void {
  let topic: string | undefined
  for (const message of messages) {
    if (topic === undefined || message.topic !== '') {
      topic = message.topic
      checkWritableTopic(topic, limits)
    }
    const end = namedBytes.put(topic, message.payload)
    const { bytes, nameEnd } = namedBytes
    const { headers } = message
    live.publish(bytes, 0, nameEnd, nameEnd, end, realtime, undefined, headers)
  }
}

function toResult(outcome: AppendOutcome): Partial<PublishResult> {
  if (outcome.kind === 'rejected') return { refusal: toRefusal(outcome.error) }
  const { headId, id, createdAtMs, sequence } = outcome.message
  return { headId, id, createdAtMs, sequence, duplicate: outcome.kind === 'duplicate' }
}
