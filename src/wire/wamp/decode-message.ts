/**
 * Octets of one message to a message (spec/wamp 1, 4.2). Every octet has been checked when this returns; what the
 * protocol does not allow is a `ProtocolError`, whose text goes to the client in ABORT.
 */

import { ProtocolError } from '../../model/errors.ts'
import { isClientType, layouts, messageTypes, nameOfType } from './message-types.ts'
import type { ClientMessage } from './messages.ts'
import { WampPayload } from './payload.ts'
import type { Serializer } from './serializer.ts'
import { Spans } from './serializer.ts'
import { TextCache } from './text-cache.ts'
import { emptyDict, type WampDict } from './value.ts'

/** Largest id: 2^53 (spec/wamp 2.1). */
const idMost = 2 ** 53
/** Of options and details. */
const dictBytesMost = 65_536

/** Shared by all connections. */
const textCaches = new Map<Serializer, TextCache>()

const kinds: Readonly<Record<string, string>> = {
  i: 'an id from 1 to 2^53',
  n: 'a non-negative integer',
  s: 'text',
  u: 'a URI',
  d: 'a dict with text keys',
}

export class MessageDecoder {
  readonly #serializer: Serializer
  readonly #texts: TextCache
  readonly #spans = new Spans()
  #bytes: Uint8Array = new Uint8Array(0)

  constructor(serializer: Serializer) {
    this.#serializer = serializer
    let texts = textCaches.get(serializer)
    if (texts === undefined) textCaches.set(serializer, (texts = new TextCache(serializer)))
    this.#texts = texts
  }

  /**
   * The message of `bytes[start..end)`, which are UTF-8 for JSON. Its payload is borrowed.
   * @throws ProtocolError
   */
  decode(bytes: Uint8Array, start: number, end: number): ClientMessage {
    this.#bytes = bytes
    const spans = this.#spans
    this.#serializer.split(bytes, start, end, spans)
    const type = this.#integer(0)
    const layout = layouts[type]
    if (layout === undefined) throw new ProtocolError(`unknown message type ${type}`)
    if (!isClientType(type)) throw new ProtocolError(`a router gets no ${nameOfType(type)}`)
    const hasPayload = layout.endsWith('+')
    const fixed = 1 + layout.length - (hasPayload ? 1 : 0)
    const most = hasPayload ? fixed + 2 : fixed
    if (spans.count < fixed || spans.count > most) {
      const text = `${nameOfType(type)} with ${spans.count} elements instead of ${fixed}`
      throw new ProtocolError(hasPayload ? `${text} to ${most}` : text)
    }
    return this.#message(type, fixed)
  }

  #message(type: number, fixed: number): ClientMessage {
    switch (type) {
      case messageTypes.publish:
        return {
          type,
          request: this.#id(1),
          options: this.#dict(2),
          topic: this.#uri(3),
          payload: this.#payload(fixed),
        }
      case messageTypes.call:
        return {
          type,
          request: this.#id(1),
          options: this.#dict(2),
          procedure: this.#uri(3),
          payload: this.#payload(fixed),
        }
      case messageTypes.yield:
        return {
          type,
          request: this.#id(1),
          options: this.#dict(2),
          payload: this.#payload(fixed),
        }
      case messageTypes.subscribe:
        return { type, request: this.#id(1), options: this.#dict(2), topic: this.#uri(3) }
      case messageTypes.unsubscribe:
        return { type, request: this.#id(1), subscription: this.#id(2) }
      case messageTypes.cancel:
        return { type, request: this.#id(1), options: this.#dict(2) }
      case messageTypes.register:
        return { type, request: this.#id(1), options: this.#dict(2), procedure: this.#uri(3) }
      case messageTypes.unregister:
        return { type, request: this.#id(1), registration: this.#id(2) }
      case messageTypes.error: {
        const requestType = this.#integer(1)
        if (requestType !== messageTypes.invocation) {
          throw new ProtocolError('an ERROR of a client answers an INVOCATION')
        }
        return {
          type,
          requestType,
          request: this.#id(2),
          details: this.#dict(3),
          error: this.#text(4),
          payload: this.#payload(fixed),
        }
      }
      case messageTypes.hello:
        return { type, realm: this.#text(1), details: this.#dict(2) }
      case messageTypes.authenticate:
        return { type, signature: this.#text(1), extra: this.#dict(2) }
      case messageTypes.abort:
        this.#payload(fixed)
        return { type, details: this.#dict(1), reason: this.#text(2) }
      case messageTypes.goodbye:
        return { type, details: this.#dict(1), reason: this.#text(2) }
      default:
        throw new ProtocolError(`unknown message type ${type}`)
    }
  }

  #integer(element: number): number {
    const { start, end } = this.#spanOf(element)
    const value = this.#serializer.integerAt(this.#bytes, start, end)
    if (!(value >= 0)) throw wrongKind(element, 'n')
    return value
  }

  #id(element: number): number {
    const { start, end } = this.#spanOf(element)
    const value = this.#serializer.integerAt(this.#bytes, start, end)
    if (!(value >= 1 && value <= idMost)) throw wrongKind(element, 'i')
    return value
  }

  #text(element: number): string {
    const { start, end } = this.#spanOf(element)
    const text = this.#serializer.textAt(this.#bytes, start, end)
    if (text === undefined) throw wrongKind(element, 's')
    return text
  }

  /** As `#text`, of what is no secret and comes often. */
  #uri(element: number): string {
    const { start, end } = this.#spanOf(element)
    const text = this.#texts.textAt(this.#bytes, start, end)
    if (text === undefined) throw wrongKind(element, 'u')
    return text
  }

  #dict(element: number): WampDict {
    const { start, end } = this.#spanOf(element)
    const bytes = this.#bytes
    if (this.#serializer.kindAt(bytes, start) !== 'map') throw wrongKind(element, 'd')
    if (this.#serializer.isEmptyAt(bytes, start, end)) return emptyDict
    if (end - start > dictBytesMost) throw new ProtocolError('options larger than 64 KiB')
    const dict = this.#serializer.dictAt(bytes, start, end)
    if (dict === undefined) throw wrongKind(element, 'd')
    return dict
  }

  /** Empty ones that a sender would leave out are left out. */
  #payload(first: number): WampPayload {
    const { count } = this.#spans
    let argsStart = 0
    let argsEnd = 0
    let kwargsStart = 0
    let kwargsEnd = 0
    const bytes = this.#bytes
    if (count > first) {
      ;({ start: argsStart, end: argsEnd } = this.#spanOf(first))
      if (this.#serializer.kindAt(bytes, argsStart) !== 'list') {
        throw new ProtocolError('args is a list')
      }
    }
    if (count > first + 1) {
      ;({ start: kwargsStart, end: kwargsEnd } = this.#spanOf(first + 1))
      if (this.#serializer.kindAt(bytes, kwargsStart) !== 'map') {
        throw new ProtocolError('kwargs is a dict')
      }
      if (this.#serializer.isEmptyAt(bytes, kwargsStart, kwargsEnd)) kwargsStart = kwargsEnd = 0
    }
    const isBare = argsEnd > argsStart && kwargsEnd === 0
    if (isBare && this.#serializer.isEmptyAt(bytes, argsStart, argsEnd)) argsStart = argsEnd = 0
    const spans = { argsStart, argsEnd, kwargsStart, kwargsEnd }
    return new WampPayload(this.#serializer, bytes, spans)
  }

  #spanOf(element: number): { start: number; end: number } {
    return { start: this.#spans.start(element), end: this.#spans.end(element) }
  }
}

function wrongKind(element: number, kind: string): ProtocolError {
  return new ProtocolError(`element ${element} is not ${kinds[kind] ?? kind}`)
}
