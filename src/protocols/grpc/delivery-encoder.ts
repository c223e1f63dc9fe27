/**
 * Deliveries of the bus as SubscribeResponses of v2. Many messages share one response, topic and
 * origin are written only where they change, and nothing is allocated per message: the fields are
 * copied into one message object that is used again.
 */

import { ProtoWriter } from '../../base/proto-writer.ts'
import type { Delivery } from '../../core/bus-client.ts'
import { noHeaders, type StoredMessage } from '../../model/message.ts'
import { type NodeId, nodeIdEquals } from '../../model/node-id.ts'
import { writeNestedMessage, writeSubscribeResponse } from '../../wire/gen/msgbus-v2.ts'
import { toWireDamage } from './translate.ts'

export interface DeliveryEncoderOptions {
  readonly epoch: string
  /** Most messages in one response. */
  readonly maxMessages: number
  readonly headsOnly: boolean
}

/** A response is closed once it has this many bytes, so only a single message can make it larger. */
const responseBytes = 262_144
/** What clients accept by default; position and counters of a larger message go separately. */
const clientLimitBytes = 4_194_304
/** Field 1 of SubscribeResponse. */
const messagesTag = 0x0a

const noPayload = new Uint8Array(0)

// Encoding is synchronous, so all subscriptions can share these.
const writer = new ProtoWriter()
type Entry = Omit<StoredMessage, 'origin'> & { readonly origin: NodeId | undefined }
const entry: { -readonly [K in keyof Entry]: Entry[K] } = {
  id: '',
  topic: '',
  origin: undefined,
  headId: 0,
  sequence: 0,
  payload: noPayload,
  headers: noHeaders,
  createdAtMs: 0,
  deleted: false,
}

export class DeliveryEncoder {
  readonly #options: DeliveryEncoderOptions

  constructor(options: DeliveryEncoderOptions) {
    this.#options = options
  }

  /** At least one response; the last one carries the position, damage and whether it caught up. */
  encode(delivery: Delivery): Uint8Array[] {
    const responses: Uint8Array[] = []
    const { maxMessages } = this.#options
    writer.reset()
    let topic = ''
    let origin: NodeId | undefined
    let count = 0
    for (const message of delivery.messages) {
      if (count === maxMessages || writer.length >= responseBytes) {
        responses.push(writer.finish())
        writer.reset()
        topic = ''
        origin = undefined
        count = 0
      }
      entry.topic = message.topic === topic ? '' : message.topic
      const isSameOrigin = origin !== undefined && nodeIdEquals(message.origin, origin)
      entry.origin = isSameOrigin ? undefined : message.origin
      topic = message.topic
      origin = message.origin
      count += 1
      this.#write(message)
    }
    if (writer.length > clientLimitBytes - 1_024) {
      responses.push(writer.finish())
      writer.reset()
    }
    const { position, caughtUp, damaged } = delivery
    const { epoch } = this.#options
    writeSubscribeResponse(writer, {
      position: position === undefined ? undefined : { epoch, sequence: position },
      caughtUp,
      damaged: damaged.map(toWireDamage),
    })
    responses.push(writer.finish())
    // Messages are borrowed, so none may stay here.
    writer.reset()
    entry.payload = noPayload
    entry.headers = noHeaders
    return responses
  }

  #write(message: StoredMessage): void {
    const { headsOnly } = this.#options
    entry.id = message.id
    entry.headId = message.headId
    entry.sequence = message.sequence
    entry.payload = headsOnly ? noPayload : message.payload
    entry.headers = headsOnly ? noHeaders : message.headers
    entry.createdAtMs = message.createdAtMs
    entry.deleted = message.deleted
    writeNestedMessage(writer, messagesTag, entry)
  }
}
