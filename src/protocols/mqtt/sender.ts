/**
 * Sends PUBLISH packets to one connection: topic aliases, what the daemon adds to the properties, the largest packet the
 * client takes (spec/mqtt 10.3, 11). A message of QoS 0 that goes to many clients of one version is encoded once.
 */

import type { Publication } from '../../core/live.ts'
import type { Outbox } from '../../net/outbox.ts'
import {
  encodeProperties,
  type OutgoingPublish,
  publishLength,
  writePublish,
} from './packet-writer.ts'
import type { Qos, Version } from './packets.ts'

export interface SenderOptions {
  readonly outbox: Outbox
  readonly version: Version
  /** Aliases that the client lets the server use; 0: none. */
  readonly topicAliasMaximum: number
  /** Largest packet the client takes. */
  readonly maxPacketBytes: number
}

/** A PUBLISH to be sent. */
export interface Dispatch {
  readonly qos: Qos
  readonly duplicate: boolean
  readonly retain: boolean
  /** In UTF-8. */
  readonly topic: Uint8Array
  readonly id: number
  readonly passedOn: Uint8Array
  /** Subscription identifiers as encoded properties. */
  readonly ids: Uint8Array
  /** -1: it does not expire. */
  readonly secondsLeft: number
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const nothing = new Uint8Array(0)
const sharedBytesMost = 65_536
/** What an alias adds to a packet at most, lengths that grow included. */
const aliasBytes = 6
const topicAliasProperty = 0x23

/** The packet of a publication of QoS 0 that goes to several clients: the same bytes for all of one version. */
class SharedPacket {
  serial = -1
  retain = false
  readonly #bytes = new Uint8Array(sharedBytesMost)
  packet = nothing

  make(version: Version, packet: OutgoingPublish, serial: number): void {
    const length = publishLength(version, packet)
    // An outbox of our own that ends where the shared bytes do.
    const outbox = { bytes: this.#bytes, reserve: () => 0 }
    writePublish(outbox, version, packet)
    this.packet = this.#bytes.subarray(0, length)
    this.serial = serial
    this.retain = packet.retain
  }
}

let sharedOld: SharedPacket | undefined
let sharedFive: SharedPacket | undefined

export class Sender {
  readonly #options: SenderOptions
  readonly #aliases = new Map<string, number>()
  readonly #packet: Mutable<OutgoingPublish> = {
    qos: 0,
    duplicate: false,
    retain: false,
    topic: nothing,
    id: 0,
    passedOn: nothing,
    added: nothing,
    bytes: nothing,
    start: 0,
    end: 0,
  }

  constructor(options: SenderOptions) {
    this.#options = options
  }

  /** False: larger than the client takes; it counts as delivered. */
  send(dispatch: Dispatch, publication?: Publication): boolean {
    const { outbox, version, topicAliasMaximum, maxPacketBytes } = this.#options
    const packet = this.#packet
    packet.qos = dispatch.qos
    packet.duplicate = dispatch.duplicate
    packet.retain = dispatch.retain
    packet.topic = dispatch.topic
    packet.id = dispatch.id
    packet.bytes = dispatch.bytes
    packet.start = dispatch.start
    packet.end = dispatch.end
    packet.passedOn = version === 5 ? dispatch.passedOn : nothing
    packet.added = version === 5 ? this.#added(dispatch) : nothing
    const length = publishLength(version, packet)
    if (length > maxPacketBytes) return false
    // An alias may be longer than the name it stands for.
    if (version === 5 && topicAliasMaximum > 0 && length + aliasBytes <= maxPacketBytes) {
      this.#useAlias(packet)
    }
    const isAlone = publication === undefined || publication.fanOut === 1 || packet.qos > 0
    if (isAlone || packet.added.length > 0 || !this.#sendShared(packet, publication)) {
      writePublish(outbox, version, packet)
    }
    return true
  }

  #sendShared(packet: OutgoingPublish, { serial }: Publication): boolean {
    const { outbox, version } = this.#options
    const length = packet.end - packet.start + packet.topic.length + packet.passedOn.length
    if (length + 16 > sharedBytesMost) return false
    const shared =
      version === 5 ? (sharedFive ??= new SharedPacket()) : (sharedOld ??= new SharedPacket())
    if (shared.serial !== serial || shared.retain !== packet.retain) {
      shared.make(version, packet, serial)
    }
    outbox.push(shared.packet, false)
    return true
  }

  #added({ secondsLeft, ids }: Dispatch): Uint8Array {
    if (secondsLeft < 0) return ids
    const expiry = encodeProperties({ messageExpiry: secondsLeft })
    return ids.length === 0 ? expiry : Buffer.concat([expiry, ids])
  }

  /** The first message of a topic carries name and alias, later ones the alias alone. */
  #useAlias(packet: { topic: Uint8Array; added: Uint8Array }): void {
    const { buffer, byteOffset, byteLength } = packet.topic
    const name = Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
    let topicAlias = this.#aliases.get(name)
    const isKnown = topicAlias !== undefined
    if (topicAlias === undefined) {
      if (this.#aliases.size >= this.#options.topicAliasMaximum) return
      topicAlias = this.#aliases.size + 1
      this.#aliases.set(name, topicAlias)
    }
    const alias = Uint8Array.of(topicAliasProperty, topicAlias >>> 8, topicAlias & 0xff)
    packet.added = packet.added.length === 0 ? alias : Buffer.concat([packet.added, alias])
    if (isKnown) packet.topic = nothing
  }
}
