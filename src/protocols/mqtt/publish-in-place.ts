/**
 * A PUBLISH where it stands in what was read, described by one object that is used again (spec/mqtt 15): from a client,
 * or, for a bridge, from another broker.
 */

import { copyOf } from '../../base/copy-of.ts'
import { PacketReader } from './packet-reader.ts'
import {
  malformed,
  MqttError,
  protocolError,
  type Qos,
  reasonCodes,
  type Version,
} from './packets.ts'
import { passedOn, type PublishProperties, scanPublishProperties } from './properties.ts'
import { hasWildcard, isName } from './text.ts'

/** A PUBLISH where it stands: valid during the call only. */
export interface IncomingPublish {
  readonly bytes: Uint8Array
  readonly qos: Qos
  readonly duplicate: boolean
  readonly retain: boolean
  /** The topic name is `bytes[topicStart..topicEnd)`, checked; empty: `topicAlias` stands for it. */
  readonly topicStart: number
  readonly topicEnd: number
  /** 0 for QoS 0. */
  readonly id: number
  /** 0: none. */
  readonly topicAlias: number
  /** Seconds; -1: none. */
  readonly messageExpiry: number
  /** The payload is said to be UTF-8; it has not been checked. */
  readonly isText: boolean
  /** There are properties to be passed on with the message. */
  readonly hasProperties: boolean
  /** These properties, encoded, without their length; copied. */
  properties(): Uint8Array
  /** The payload is `bytes[start..end)`. */
  readonly start: number
  readonly end: number
}

export class PublishInPlace implements IncomingPublish {
  reader = new PacketReader()
  bytes: Uint8Array = new Uint8Array(0)
  qos: Qos = 0
  duplicate = false
  retain = false
  topicStart = 0
  topicEnd = 0
  id = 0
  start = 0
  end = 0
  readonly scanned: PublishProperties = {
    messageExpiry: -1,
    topicAlias: 0,
    isText: false,
    start: 0,
    end: 0,
    isPassedWhole: true,
  }

  get topicAlias(): number {
    return this.scanned.topicAlias
  }

  get messageExpiry(): number {
    return this.scanned.messageExpiry
  }

  get isText(): boolean {
    return this.scanned.isText
  }

  get hasProperties(): boolean {
    return this.scanned.end > this.scanned.start
  }

  properties(): Uint8Array {
    const { isPassedWhole, start, end } = this.scanned
    return isPassedWhole ? copyOf(this.bytes, start, end) : passedOn(this.reader, this.scanned)
  }

  /** Describes the packet that the reader stands in, behind its fixed header. @throws MqttError */
  read(reader: PacketReader, version: Version, first: number): void {
    this.reader = reader
    this.bytes = reader.bytes
    this.qos = ((first >>> 1) & 3) as Qos
    this.duplicate = (first & 8) !== 0
    this.retain = (first & 1) !== 0
    const start = reader.skipBinary()
    this.topicStart = start
    this.topicEnd = reader.at
    if (!isName(reader.bytes, start, reader.at)) throw malformed('a topic name is not well formed')
    if (hasWildcard(reader.bytes, start, reader.at)) {
      throw new MqttError(reasonCodes.topicNameInvalid, 'a topic name has a wildcard')
    }
    this.id = this.qos === 0 ? 0 : readPacketId(reader)
    const { scanned } = this
    if (version === 5) {
      scanPublishProperties(reader, scanned)
      if (start === this.topicEnd && scanned.topicAlias === 0) {
        throw protocolError('PUBLISH with neither a topic name nor an alias')
      }
      reader.at = scanned.end
    } else {
      scanned.end = scanned.start
      scanned.topicAlias = 0
      scanned.isText = false
      scanned.messageExpiry = -1
      if (start === this.topicEnd) throw malformed('PUBLISH without a topic name')
    }
    this.start = reader.at
    this.end = reader.end
  }
}

/** @throws MqttError when it is 0 */
export function readPacketId(reader: PacketReader): number {
  const id = reader.short()
  if (id === 0) throw protocolError('the packet identifier is 0')
  return id
}
