/** The one object that stands for a publication while it is handed to its receivers. */

import { copyOf } from '../base/copy-of.ts'
import { type Headers, noHeaders, type StoredMessage } from '../model/message.ts'
import { type NodeId, nodeIdEquals } from '../model/node-id.ts'
import type { Clock } from './clock.ts'
import type { Publication, Sender, TopicText } from './live.ts'
import { unacknowledgedHeader, withPublisher } from './publisher-header.ts'

const nothing = new Uint8Array(0)

/** Sender of what came from a client without a name. */
export const unnamedSender: Sender = { name: '', nameBytes: nothing }

let lastSerial = 0

/** Small integers only, begun anew when they are used up. */
function nextSerial(): number {
  lastSerial = (lastSerial + 1) & 0x3fff_ffff
  return lastSerial
}

export class LivePublication implements Publication {
  topic: TopicText = { name: '', bytes: nothing }
  sender: Sender = unnamedSender
  bytes: Uint8Array = nothing
  start = 0
  end = 0
  headers: Headers = noHeaders
  realtime = false
  isLocal = true
  sequence = 0
  isAcknowledged = false
  fanOut = 1
  serial = 0
  readonly #node: NodeId
  readonly #clock: Clock
  #message: StoredMessage | undefined
  /** Where it was published, when that was not here. */
  #origin: NodeId | undefined

  constructor(node: NodeId, clock: Clock) {
    this.#node = node
    this.#clock = clock
  }

  /** Stands for a publication that is not stored, from now on. */
  setLive(
    topic: TopicText,
    sender: Sender,
    bytes: Uint8Array,
    start: number,
    end: number,
    headers: Headers,
    realtime: boolean,
    isAcknowledged = false,
  ): void {
    this.topic = topic
    this.sender = sender
    this.bytes = bytes
    this.start = start
    this.end = end
    this.headers = headers
    this.realtime = realtime
    this.isLocal = true
    this.sequence = 0
    this.isAcknowledged = isAcknowledged
    this.fanOut = 1
    this.serial = nextSerial()
    this.#message = undefined
    this.#origin = undefined
  }

  /** What was set last came by a link from another node. */
  setRemote(origin: NodeId): void {
    this.isLocal = false
    this.#origin = origin
  }

  /** Stands for a stored message from now on. */
  setStored(topic: TopicText, sender: Sender, message: StoredMessage): void {
    this.topic = topic
    this.sender = sender
    this.bytes = message.payload
    this.start = 0
    this.end = message.payload.length
    this.headers = message.headers
    this.realtime = message.realtime === true
    this.isLocal = nodeIdEquals(message.origin, this.#node)
    this.sequence = message.sequence
    const { headers } = message
    this.isAcknowledged = headers.size === 0 || !headers.has(unacknowledgedHeader)
    this.fanOut = 1
    this.serial = nextSerial()
    this.#message = message
  }

  toMessage(): StoredMessage {
    return (this.#message ??= {
      topic: this.topic.name,
      origin: this.#origin ?? this.#node,
      id: crypto.randomUUID(),
      headId: 0,
      sequence: 0,
      payload: copyOf(this.bytes, this.start, this.end),
      headers: withPublisher(this.headers, this.sender.name),
      createdAtMs: this.#clock.now(),
      deleted: false,
    })
  }
}
