/** Retained messages as events (spec/wamp 9.8, 13.6). The slot of a topic is one for MQTT and WAMP. */

import type { RetainedMessage } from '../../core/retained-messages.ts'
import { levelFilter } from '../../model/level-filter.ts'
import { messageTypes } from '../../wire/wamp/message-types.ts'
import { payloadOf } from '../../wire/wamp/natural-form.ts'
import { topicToUri, uriToTopic } from '../../wire/wamp/topic.ts'
import { detailsOfHeaders } from './event-details.ts'
import { patternMatches } from './filters.ts'
import { publicationIdOf } from './publication-id.ts'
import type { WampSession } from './session.ts'
import type { Subscription } from './subscription-table.ts'

/** For one subscription; the rest is not sent. */
const retainedMost = 10_000

export function sendRetained(session: WampSession, subscription: Subscription): void {
  for (const message of retainedOf(session, subscription)) send(session, subscription, message)
}

function retainedOf(session: WampSession, { uri, match }: Subscription): RetainedMessage[] {
  const { retained } = session.client
  if (match === 'exact') {
    const message = retained.get(uriToTopic(uri))
    return message === undefined ? [] : [message]
  }
  const found: RetainedMessage[] = []
  for (const message of retained.match(levelFilter('busrt', '#'))) {
    if (found.length >= retainedMost) {
      const { logger } = session.realm.options
      logger.warn('wamp_retained_cut', { subscription: uri, sent: retainedMost })
      break
    }
    if (patternMatches(uri, match, topicToUri(message.topic))) found.push(message)
  }
  return found.sort((one, other) => (one.topic < other.topic ? -1 : 1))
}

function send(session: WampSession, subscription: Subscription, message: RetainedMessage): void {
  const { topic, payload: bytes, headers, createdAtMs } = message
  const isPattern = subscription.match !== 'exact'
  const details = {
    ...(isPattern ? { topic: topicToUri(topic) } : {}),
    ...detailsOfHeaders(headers),
    retained: true,
  }
  const natural = { bytes, start: 0, end: bytes.length, headers }
  const isSent = session.send({
    type: messageTypes.event,
    subscription: subscription.id,
    publication: publicationIdOf(`${topic}\0${createdAtMs}`),
    details,
    payload: payloadOf(natural, session.serializer),
  })
  if (!isSent) session.droppedEvents += 1
}
