/** A PUBLISH of another broker under the name that its topic has here; valid as long as the one that came. */

import type { Qos } from '../packets.ts'
import type { IncomingPublish } from '../publish-in-place.ts'

export class MappedPublish implements IncomingPublish {
  bytes: Uint8Array = new Uint8Array(0)
  qos: Qos = 0
  duplicate = false
  retain = false
  topicStart = 0
  topicEnd = 0
  id = 0
  readonly topicAlias = 0
  messageExpiry = -1
  hasProperties = false
  /** What another broker passed on is not judged again. */
  readonly isText = false
  start = 0
  end = 0
  #original: IncomingPublish | undefined

  /** @param topic in UTF-8; with the payload behind it the packet stands in bytes of its own */
  map(original: IncomingPublish, topic: Uint8Array): void {
    const { bytes, start, end, qos, duplicate, retain, id, messageExpiry, hasProperties } = original
    this.#original = original
    this.bytes = new Uint8Array(topic.length + end - start)
    this.bytes.set(topic)
    this.bytes.set(bytes.subarray(start, end), topic.length)
    this.topicEnd = topic.length
    this.start = topic.length
    this.end = this.bytes.length
    this.qos = qos
    this.duplicate = duplicate
    this.retain = retain
    this.id = id
    this.messageExpiry = messageExpiry
    this.hasProperties = hasProperties
  }

  properties(): Uint8Array {
    return this.#original?.properties() ?? new Uint8Array(0)
  }
}
