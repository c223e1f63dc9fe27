/**
 * What a publication or an enqueue of a local client must satisfy (spec/msgbus-v1 2.1 to 2.4).
 * Checks that cost come last; a message without headers and with a short topic costs a regular
 * expression and a few comparisons.
 */

import { envelopeSize } from '../model/envelope-size.ts'
import { BusError } from '../model/errors.ts'
import type { Limits } from '../model/limits.ts'
import {
  deleteMarkerTopic,
  type Headers,
  type OutgoingMessage,
  systemTopicPrefix,
} from '../model/message.ts'
import { checkName, isBlankName, utf8Length } from '../model/name.ts'
import type { NodeId } from '../model/node-id.ts'
import type { OutgoingQueueMessage } from '../model/queue-message.ts'
import { publisherBytes } from './publisher-header.ts'
import type { TopicSettings } from '../model/topic-rule.ts'

/** @throws BusError as spec/msgbus-v1 2.3 lists them, in its order */
export function checkWritableTopic(topic: string, limits: Limits): void {
  checkName('topic', topic, limits.topicBytes)
  if (topic === deleteMarkerTopic) {
    const text = `${deleteMarkerTopic} is reserved for delete markers`
    throw new BusError('permission_denied', 'reserved_topic', text)
  }
  if (topic.startsWith(systemTopicPrefix)) {
    const text = `what begins with ${systemTopicPrefix} is the daemon's to say`
    throw new BusError('permission_denied', 'reserved_topic', text)
  }
}

/** Whether a publication on this topic could be stored. */
export function isStorableTopic(topic: string, limits: Limits): boolean {
  if (topic === deleteMarkerTopic) return false
  return !isBlankName(topic) && !topic.includes('\0') && utf8Length(topic) <= limits.topicBytes
}

/**
 * @param publisher name that the bus adds to the headers; empty: none
 * @throws BusError as spec/msgbus-v1 2.3 lists them, in its order
 */
export function checkOutgoing(
  message: OutgoingMessage,
  origin: NodeId,
  limits: Limits,
  settings: TopicSettings,
  publisher = '',
): void {
  checkWritableTopic(message.topic, limits)
  if (message.publishId !== undefined) {
    checkName('publish_id', message.publishId, limits.publishIdBytes)
  }
  if (message.headers.size > 0) checkHeaders(message.headers, limits)
  const payloadLimit = settings.maxPayloadBytes
  if (payloadLimit !== undefined && message.payload.length > payloadLimit) {
    throw tooLarge(`the payload has ${message.payload.length} bytes`, payloadLimit)
  }
  checkEnvelope(message, origin, limits, publisherBytes(publisher))
}

export function checkQueueMessage(message: OutgoingQueueMessage, limits: Limits): void {
  checkName('queue', message.queue, limits.queueNameBytes)
  checkWritableTopic(message.topic, limits)
  if (message.headers.size > 0) checkHeaders(message.headers, limits)
  // A queue message also carries its queue, target and counters; they are far smaller than this.
  const extra = utf8Length(message.queue) + 4 * limits.nodeIdPartBytes
  checkEnvelope(message, message.source, limits, extra)
}

function checkHeaders(headers: Headers, limits: Limits): void {
  if (headers.size > limits.headerCount) {
    throw badHeaders(`there are ${headers.size} headers, limit ${limits.headerCount}`)
  }
  let total = 0
  for (const [key, value] of headers) {
    const keyBytes = utf8Length(key)
    const valueBytes = utf8Length(value)
    if (keyBytes > limits.headerKeyBytes) {
      throw badHeaders(`header key is too long (${keyBytes} bytes, limit ${limits.headerKeyBytes})`)
    }
    if (valueBytes > limits.headerValueBytes) {
      const text = `header value is too long (${valueBytes} bytes, limit ${limits.headerValueBytes})`
      throw badHeaders(text)
    }
    total += keyBytes + valueBytes
  }
  if (total > limits.headersBytes) {
    throw badHeaders(`headers are too long (${total} bytes, limit ${limits.headersBytes})`)
  }
}

function checkEnvelope(
  message: OutgoingMessage | OutgoingQueueMessage,
  origin: NodeId,
  limits: Limits,
  extraBytes = 0,
): void {
  // Far below the limit nothing needs to be counted: the other limits bound the rest.
  const rest = limits.headersBytes + 3 * limits.topicBytes + 4_096
  if (message.payload.length + rest + extraBytes < limits.envelopeBytes) return
  const size = envelopeSize(message, origin) + extraBytes
  if (size > limits.envelopeBytes) {
    throw tooLarge(`the message has ${size} bytes with its envelope`, limits.envelopeBytes)
  }
}

function tooLarge(what: string, limit: number): BusError {
  return new BusError('resource_exhausted', 'payload_too_large', `${what}, limit ${limit}`)
}

function badHeaders(text: string): BusError {
  return new BusError('invalid_argument', 'too_many_headers', text)
}
