/** What tests of the codec share: a handler that notes what it is handed, in words that can be compared. */

import { FlushSchedule, Outbox } from '../../net/outbox.ts'
import { PacketDecoder, type PacketHandler } from './codec.ts'
import type { IncomingPublish } from './publish-in-place.ts'
import { PacketReader } from './packet-reader.ts'
import { MqttError } from './packets.ts'
import { parsePublishProperties } from './properties.ts'

export interface Seen {
  readonly packet: string
  readonly [field: string]: unknown
}

export class Recorder implements PacketHandler {
  gate = 0
  readonly seen: Seen[] = []
  readonly #admitted: (type: number) => boolean

  constructor(admitted: (type: number) => boolean = () => false) {
    this.#admitted = admitted
  }

  connect(packet: object): void {
    this.seen.push({ packet: 'connect', ...packet })
  }

  publish(publish: IncomingPublish): void {
    const { bytes, qos, duplicate, retain, id, topicAlias, messageExpiry } = publish
    const passedOn = publish.hasProperties ? publish.properties() : new Uint8Array(0)
    this.seen.push({
      packet: 'publish',
      topic: Buffer.from(bytes.subarray(publish.topicStart, publish.topicEnd)).toString(),
      payload: Buffer.from(bytes.subarray(publish.start, publish.end)).toString('hex'),
      properties: parsePublishProperties(new PacketReader(), passedOn),
      qos,
      duplicate,
      retain,
      id,
      topicAlias,
      messageExpiry,
    })
  }

  acknowledge(type: number, id: number, reasonCode: number): void {
    this.seen.push({ packet: 'acknowledge', type, id, reasonCode })
  }

  subscribe(packet: object): void {
    this.seen.push({ packet: 'subscribe', ...packet })
  }

  unsubscribe(packet: object): void {
    this.seen.push({ packet: 'unsubscribe', ...packet })
  }

  ping(): void {
    this.seen.push({ packet: 'ping' })
  }

  disconnect(packet: object): void {
    this.seen.push({ packet: 'disconnect', ...packet })
  }

  authenticate(packet: object): void {
    this.seen.push({ packet: 'auth', ...packet })
  }

  admits(type: number): boolean {
    return this.#admitted(type)
  }
}

export interface Outcome {
  readonly seen: readonly Seen[]
  /** Reason code of the error that ended it; undefined: none did. */
  readonly failure: number | undefined
  readonly keptBytes: number
}

/** What comes out of a stream that arrives in these pieces. Errors other than of the protocol are thrown. */
export function decode(pieces: readonly Uint8Array[], maxPacketBytes = 100_000): Outcome {
  const handler = new Recorder()
  const decoder = new PacketDecoder(handler, { maxPacketBytes })
  let failure: number | undefined
  try {
    for (const piece of pieces) {
      // In the middle of a larger buffer, as a read buffer is.
      const buffer = Buffer.concat([Buffer.alloc(3, 0xee), piece, Buffer.alloc(3, 0xee)])
      decoder.push(buffer, 3, buffer.length - 3)
      buffer.fill(0xdd)
    }
  } catch (error) {
    if (!(error instanceof MqttError)) throw error
    failure = error.reasonCode
  }
  return { seen: handler.seen, failure, keptBytes: failure === undefined ? decoder.keptBytes : 0 }
}

/** The bytes that are written into an outbox. */
export function written(write: (outbox: Outbox) => void): Buffer {
  const blocks: Buffer[] = []
  const outbox = new Outbox({
    writer: {
      write: (block) => {
        blocks.push(Buffer.from(block))
        return true
      },
      pendingBytes: 0,
    },
    schedule: new FlushSchedule(),
    highBytes: 1_000_000,
    onFull: () => undefined,
  })
  write(outbox)
  outbox.flush()
  return Buffer.concat(blocks)
}
