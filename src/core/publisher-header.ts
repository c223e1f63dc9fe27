/**
 * Who published a message, as a header of it: stored messages outlive their publishers, and other daemons get
 * them, too. The bus writes it; what comes from outside is only believed where it can be a name.
 */

import type { Headers } from '../model/message.ts'
import { utf8Length } from '../model/name.ts'

/** Header of a message that names the client that published it. */
export const publisherHeader = 'msgbus-publisher'

/** Header of a message that a rule stores though its publisher asked for no acknowledgement. */
export const unacknowledgedHeader = 'msgbus-unacknowledged'

/** The headers with that mark. */
export function asUnacknowledged(headers: Headers): Headers {
  return new Map(headers).set(unacknowledgedHeader, '1')
}

/** The headers with the publisher's name, unless they have one or there is none. */
export function withPublisher(headers: Headers, name: string): Headers {
  if (name === '' || headers.has(publisherHeader)) return headers
  return headers.size === 0
    ? new Map([[publisherHeader, name]])
    : new Map(headers).set(publisherHeader, name)
}

/** What the header adds to the envelope of a message, at most. */
export function publisherBytes(name: string): number {
  return name === '' ? 0 : publisherHeader.length + utf8Length(name) + 16
}

/** Whether a client could have this name. Those of the daemon itself publish nothing that is stored. */
export function isClientName(name: string): boolean {
  return name !== '' && !name.startsWith('.') && !name.includes('\0')
}
