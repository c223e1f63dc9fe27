/** What an EVENT tells beside its arguments (spec/wamp 9.3, 9.14, 13.5), and the headers in which that is kept. */

import type { Publication } from '../../core/live.ts'
import type { Headers, StoredMessage } from '../../model/message.ts'
import { topicToUri } from '../../wire/wamp/topic.ts'
import type { WampInput } from '../../wire/wamp/value.ts'
import type { PublishOptions } from './options.ts'
import type { WampSession } from './session.ts'
import type { Subscription } from './subscription-table.ts'

/** The session, by its token, that does not get what it published itself. Of a stored message. */
export const exceptHeader = 'wamp-except'
const publisherHeaders = {
  publisher: 'wamp-publisher',
  publisher_authid: 'wamp-publisher-authid',
  publisher_authrole: 'wamp-publisher-authrole',
} as const
const passthruHeaders = {
  ppt_scheme: 'ppt-scheme',
  ppt_serializer: 'ppt-serializer',
  ppt_cipher: 'ppt-cipher',
  ppt_keyid: 'ppt-keyid',
} as const
/** What is told in another form, or nobody's business. */
const ownHeaders = new Set<string>([
  exceptHeader,
  'wamp',
  ...Object.values(publisherHeaders),
  ...Object.values(passthruHeaders),
])

/**
 * The headers of a publication.
 * @param natural those that the form of the payload needs; shared, so they are not changed
 */
export function headersOfPublish(
  session: WampSession,
  options: PublishOptions,
  natural: Headers,
  isStored: boolean,
): Headers {
  const isExcept = isStored && options.excludeMe
  const { discloseMe, passthru, headers: own } = options
  if (!isExcept && !discloseMe && passthru === undefined && own === undefined) return natural
  const headers = new Map<string, string>()
  for (const [key, value] of own ?? []) {
    if (typeof value === 'string' && !ownHeaders.has(key)) headers.set(key, value)
  }
  for (const [key, value] of natural) headers.set(key, value)
  if (isExcept) headers.set(exceptHeader, session.token)
  if (discloseMe) {
    headers.set(publisherHeaders.publisher, String(session.id))
    headers.set(publisherHeaders.publisher_authid, session.principal.authid)
    headers.set(publisherHeaders.publisher_authrole, session.principal.authrole)
  }
  for (const [key, header] of Object.entries(passthruHeaders)) {
    const value = passthru?.[key]
    if (value !== undefined) headers.set(header, value)
  }
  return headers
}

/** Undefined: there is nothing to tell. */
export function detailsOfHeaders(headers: Headers): Record<string, WampInput> | undefined {
  if (headers.size === 0) return undefined
  let details: Record<string, WampInput> | undefined
  const publisher = headers.get(publisherHeaders.publisher)
  if (publisher !== undefined && /^\d{1,16}$/.test(publisher)) {
    details = { publisher: Number(publisher) }
    for (const key of ['publisher_authid', 'publisher_authrole'] as const) {
      details[key] = headers.get(publisherHeaders[key])
    }
  }
  if (headers.get('wamp') !== 'p') return details
  for (const [key, header] of Object.entries(passthruHeaders)) {
    const value = headers.get(header)
    if (value !== undefined) (details ??= {})[key] = value
  }
  return details
}

/** Of an EVENT; undefined: none, as with most. @param uri of the topic; asked for where it is told */
export function detailsOfEvent(
  publication: Publication,
  subscription: Subscription,
  uri: () => string,
): Record<string, WampInput> | undefined {
  const details = detailsOfHeaders(publication.headers)
  const isPattern = subscription.match !== 'exact'
  if (!isPattern && !subscription.hasMeta) return details
  const told: Record<string, WampInput> = isPattern ? { topic: uri(), ...details } : { ...details }
  return subscription.hasMeta ? { ...told, ...metaOf(publication.toMessage()) } : told
}

/** Of an event of the past; undefined: none. */
export function detailsOfStored(
  message: StoredMessage,
  subscription: Subscription,
): Record<string, WampInput> | undefined {
  const details = detailsOfHeaders(message.headers)
  if (subscription.match === 'exact' && !subscription.hasMeta) return details
  const topic = subscription.match === 'exact' ? {} : { topic: topicToUri(message.topic) }
  return { ...topic, ...details, ...(subscription.hasMeta ? metaOf(message) : {}) }
}

/** About a message of the bus, for those who asked for it (`_meta`). */
function metaOf(message: StoredMessage): Record<string, WampInput> {
  const { id, headId, origin, createdAtMs, headers } = message
  const shown = [...headers].filter(([key]) => !ownHeaders.has(key))
  return {
    _message_id: id,
    _head_id: headId,
    _origin: `${origin.tenantId}/${origin.blName}/${origin.deviceId}`,
    _time: new Date(createdAtMs).toISOString(),
    _headers: Object.fromEntries(shown),
  }
}
