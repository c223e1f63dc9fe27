/** Publishing: payloads as they are, and CloudEvents in their three modes. */

import type { AppendOutcome } from '../../../core/log-store.ts'
import { checkWritableTopic } from '../../../core/message-checks.ts'
import { BusError } from '../../../model/errors.ts'
import type { OutgoingMessage } from '../../../model/message.ts'
import type { ReceiptJson } from '../../../wire/http-api.ts'
import type { ApiCall } from '../api-call.ts'
import {
  batchSchema,
  batchType,
  binaryEvent,
  type CloudEvent,
  eventSchema,
  isBinaryEvent,
  mediaTypeOf,
  parseBatch,
  parseEvent,
  structuredType,
} from '../cloud-events.ts'
import { messageHeadersOf } from '../message-headers.ts'
import { toReceiptJson } from '../message-json.ts'
import { json, operation } from '../operation.ts'
import { param } from '../query.ts'
import { publishedSchema } from '../schemas.ts'
import { toErrorJson } from '../translate.ts'
import { z } from 'zod'

const encoder = new TextEncoder()

export const publish = operation({
  id: 'publish',
  method: 'POST',
  path: '/v1/publish',
  tag: 'messages',
  summary: 'Publishes a message, or a CloudEvent, or a batch of them.',
  description:
    'The body is the payload, whatever its type; the answer comes when it is stored. A content type is kept as the header `content-type`, unless it is `application/octet-stream` or that of forms. CloudEvents 1.0 are taken in binary mode (headers `ce-…`), structured and batched; their attributes become headers `ce-…`, and without `topic` each goes to the topic named by its type.',
  query: z.strictObject({
    topic: param.text('Topic; may be absent for CloudEvents only.').optional(),
    stored: param
      .flag('`false`: deliver to who is there, and store nothing unless a rule says so.')
      .optional(),
    publishId: param
      .text(
        'Idempotency key within the topic: a repeat stores nothing and gets the first receipt. For several events of a batch, their place from 0 is appended: `key-0`.',
      )
      .optional(),
  }),
  headers: {
    'msgbus-header-*':
      'Header of the message; the name is what follows. What HTTP headers cannot hold is percent-encoded UTF-8.',
    'ce-*': 'Attribute of a CloudEvent in binary mode, which `ce-specversion` makes it.',
  },
  body: {
    description: 'The payload, or CloudEvents.',
    content: {
      '*/*': undefined,
      [structuredType]: eventSchema,
      [batchType]: batchSchema,
    },
  },
  answer: {
    description: 'It is stored, or delivered. For a batch: what became of each event.',
    schema: publishedSchema,
  },
  failures: {
    413: 'The message is larger than the limit.',
    429: 'Receivers have no room, for `stored=false`.',
    507: 'The disk is full.',
  },
  async run(call, { topic, stored = true, publishId }) {
    const { headers } = call.request
    const type = mediaTypeOf(headers)
    if (type === batchType) {
      const events = parseBatch(await call.body())
      const messages = events.map((event, i) => {
        const id = publishId === undefined ? undefined : `${publishId}-${i}`
        return messageOf(call, event, topic, id)
      })
      return json({ results: await publishBatch(call, messages, stored) })
    }
    const body = await call.body()
    const event = type === structuredType ? parseEvent(body) : undefined
    if (event !== undefined) {
      return json(await publishOne(call, messageOf(call, event, topic, publishId), stored))
    }
    if (isBinaryEvent(headers)) {
      const message = messageOf(call, binaryEvent(headers, body), topic, publishId)
      return json(await publishOne(call, message, stored))
    }
    if (topic === undefined) {
      const text = 'the parameter topic is missing'
      throw new BusError('invalid_argument', 'bad_argument', text)
    }
    const plain = { topic, payload: body, headers: messageHeadersOf(headers), publishId }
    return json(await publishOne(call, plain, stored))
  },
})

/** Headers of the request come first, those that the event makes win. */
function messageOf(
  call: ApiCall,
  { type, headers, payload }: CloudEvent,
  topic: string | undefined,
  publishId: string | undefined,
): OutgoingMessage {
  const all = messageHeadersOf(call.request.headers)
  // Of a structured event it is the type of the envelope.
  all.delete('content-type')
  for (const [name, value] of headers) all.set(name, value)
  return { topic: topic ?? type, payload, headers: all, publishId }
}

async function publishOne(
  call: ApiCall,
  message: OutgoingMessage,
  stored: boolean,
): Promise<ReceiptJson> {
  if (!stored) return publishLive(call, message)
  const [outcome] = await call.client.publish([message])
  return receiptOf(outcome)
}

async function publishBatch(call: ApiCall, messages: readonly OutgoingMessage[], stored: boolean) {
  if (messages.length === 0) return []
  if (stored) {
    const outcomes = await call.client.publish(messages)
    return outcomes.map((outcome) => {
      return outcome.kind === 'rejected' ? toErrorJson(outcome.error) : receiptOf(outcome)
    })
  }
  const results = []
  for (const message of messages) {
    try {
      results.push(await publishLive(call, message))
    } catch (error) {
      if (!(error instanceof BusError)) throw error
      results.push(toErrorJson(error))
    }
  }
  return results
}

/** To whoever is there. @throws BusError */
async function publishLive(call: ApiCall, message: OutgoingMessage): Promise<ReceiptJson> {
  const { topic, payload, headers } = message
  checkWritableTopic(topic, call.context.bus.limits)
  await call.connection.maySend(call.signal)
  const name = encoder.encode(topic)
  const bytes = Buffer.concat([name, payload])
  const { live } = call.client
  const outcome = live.publish(
    bytes,
    0,
    name.length,
    name.length,
    bytes.length,
    false,
    undefined,
    headers,
  )
  const shown = JSON.stringify(topic)
  if (outcome === 'denied') {
    throw new BusError('permission_denied', 'access_denied', `a rule forbids to publish ${shown}`)
  }
  if (outcome === 'refused') {
    const text = `${shown} is reserved for the daemon, or the payload is larger than a rule allows`
    throw new BusError('invalid_argument', 'bad_argument', text)
  }
  const createdAtMs = Date.now()
  return { topic, id: '', headId: 0, sequence: 0, createdAtMs, duplicate: false }
}

/** @throws BusError of a message that was refused */
function receiptOf(outcome: AppendOutcome | undefined): ReceiptJson {
  if (outcome === undefined) throw new Error('the bus answered for fewer messages than it got')
  if (outcome.kind === 'rejected') throw outcome.error
  return toReceiptJson(outcome.message, outcome.kind === 'duplicate')
}
