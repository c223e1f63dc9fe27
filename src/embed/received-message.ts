/**
 * What programs receive, in the three forms there are: from a log, live, and by name. The payload is the
 * program's own, unless it asked for borrowed ones (`ListenOptions.borrowed`).
 */

import { publisherHeader } from '../core/publisher-header.ts'
import { BusError } from '../model/errors.ts'
import type { Headers, StoredMessage } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import { utf8Length } from '../model/name.ts'
import type { Position } from './position.ts'

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// What an object costs beside its payload, roughly: small messages are bounded by it.
const overheadBytes = 128

/** Bytes with the two readings that programs want most. */
export class Received {
  readonly payload: Uint8Array

  constructor(payload: Uint8Array) {
    this.payload = payload
  }

  /** The payload as UTF-8; what is not shows as U+FFFD. */
  text(): string {
    return decoder.decode(this.payload)
  }

  /** The payload as JSON, of the type the program says it is. @throws BusError `invalid_argument/undecodable` */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller says what it is
  json<T = unknown>(): T {
    try {
      return JSON.parse(strictDecoder.decode(this.payload)) as T
    } catch (cause) {
      const text = `a payload of ${this.payload.length} bytes is not JSON`
      throw new BusError('invalid_argument', 'undecodable', text, { cause })
    }
  }
}

/** A message to this client alone, or a broadcast to it and others. */
export class DirectMessage extends Received {
  /** Name of the sender; empty when it has none. */
  readonly from: string
  /** The sender asked for delivery without delay. */
  readonly realtime: boolean

  constructor(from: string, payload: Uint8Array, realtime: boolean) {
    super(payload)
    this.from = from
    this.realtime = realtime
  }
}

/** A publication as it passed through the bus. */
export class LiveMessage extends Received {
  readonly topic: string
  /** Name of the publisher, where it is known. */
  readonly from: string
  readonly headers: Headers
  readonly realtime: boolean
  /** Place in the commit order of the bus; 0 when it is not stored. */
  readonly sequence: number

  constructor(fields: Omit<LiveMessage, 'text' | 'json'>) {
    super(fields.payload)
    this.topic = fields.topic
    this.from = fields.from
    this.headers = fields.headers
    this.realtime = fields.realtime
    this.sequence = fields.sequence
  }
}

/** A message of a log; one that is not stored has head id 0. */
export class Message extends Received {
  readonly topic: string
  /** The node that first stored it. */
  readonly origin: NodeId
  /** Place in the log of this topic and origin: 1, 2, 3 … */
  readonly headId: number
  readonly id: string
  readonly headers: Headers
  /** Wall clock of the origin, milliseconds since 1970. */
  readonly createdAtMs: number
  /** Then the payload is empty. */
  readonly deleted: boolean
  /**
   * A subscription that starts here gets what follows this message. Undefined for what did not come by
   * a subscription, for what is not stored, and for the last values of a subscription from `last`.
   */
  readonly position: Position | undefined

  /** Name of the publisher, where it had one. */
  get from(): string {
    return this.headers.get(publisherHeader) ?? ''
  }

  constructor(message: StoredMessage, payload: Uint8Array, position?: Position) {
    super(payload)
    this.topic = message.topic
    this.origin = message.origin
    this.headId = message.headId
    this.id = message.id
    this.headers = message.headers
    this.createdAtMs = message.createdAtMs
    this.deleted = message.deleted
    this.position = position
  }
}

/** What a message that waits counts for, bytes. */
export function costOf(message: Received & { readonly headers?: Headers }): number {
  let bytes = message.payload.length + overheadBytes
  if (message.headers === undefined || message.headers.size === 0) return bytes
  for (const [key, value] of message.headers) bytes += utf8Length(key) + utf8Length(value)
  return bytes
}
