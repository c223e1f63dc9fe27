/**
 * Arguments as payload of the bus (spec/wamp 13.2): not an envelope but what other protocols expect to see, and one
 * header, `wamp`, by which the arguments come back exactly. And the way back.
 */

import { isUtf8 } from './utf8.ts'
import type { Headers } from '../../model/message.ts'
import { copyOf } from '../../base/copy-of.ts'
import { ProtocolError } from '../../model/errors.ts'
import { ByteSink } from './byte-sink.ts'
import { json } from './json.ts'
import { encodePayload, WampPayload } from './payload.ts'
import { type Serializer, Spans } from './serializer.ts'
import { serializerOfMediaType } from './serializers.ts'
import { WampExtension, WampTag, WampTime, type WampValue } from './value.ts'

/** Header that says how the payload holds the arguments. */
export const wampHeader = 'wamp'
const textType = 'text/plain; charset=utf-8'
const octetType = 'application/octet-stream'
const spans = new Spans()

/** By form and type: there are few, and no publication needs a map of its own. */
const knownHeaders = new Map<string, Headers>()

function headersFor(form: string, contentType: string): Headers {
  const key = `${form} ${contentType}`
  let headers = knownHeaders.get(key)
  if (headers === undefined) {
    const made = new Map([[wampHeader, form]])
    if (contentType !== '') made.set('content-type', contentType)
    knownHeaders.set(key, (headers = made))
  }
  return headers
}

/**
 * Appends the payload that stands for the arguments; returns its headers, which are shared.
 * @param isPassthru the one argument is packed by the application: nobody looks inside
 */
export function writeNatural(sink: ByteSink, payload: WampPayload, isPassthru = false): Headers {
  const { serializer, bytes, argsStart, argsEnd, kwargsStart, kwargsEnd } = payload
  if (payload.count === 0) return headersFor('0', '')
  const hasArgs = !serializer.isEmptyAt(bytes, argsStart, argsEnd)
  if (!payload.hasKwargs) {
    if (serializer.isSingle(bytes, argsStart, argsEnd, spans)) {
      return writeSingle(sink, payload, spans.start(0), spans.end(0), isPassthru)
    }
    return writeStructure(sink, payload, 'n', () => payload.args, argsStart, argsEnd)
  }
  if (!hasArgs) {
    return writeStructure(sink, payload, 'k', () => payload.kwargs, kwargsStart, kwargsEnd)
  }
  if (serializer === json) {
    sink.ascii('{"args":')
    sink.append(bytes, argsStart, argsEnd)
    sink.ascii(',"kwargs":')
    sink.append(bytes, kwargsStart, kwargsEnd)
    sink.byte(0x7d)
    return headersFor('b', json.mediaType)
  }
  const both = new Map<WampValue, WampValue>([
    ['args', payload.args],
    ['kwargs', payload.kwargs],
  ])
  const target = survivesJson(both) ? json : serializer
  target.encode(sink, both)
  return headersFor('b', target.mediaType)
}

function writeSingle(
  sink: ByteSink,
  payload: WampPayload,
  start: number,
  end: number,
  isPassthru: boolean,
): Headers {
  const { serializer, bytes } = payload
  const kind = serializer.kindAt(bytes, start)
  if (kind !== 'text' && kind !== 'binary') {
    return writeStructure(sink, payload, '1', () => payload.args[0] ?? null, start, end)
  }
  if (serializer.contentAt(bytes, start, end, spans)) {
    sink.append(bytes, spans.start(1), spans.end(1))
    return headersFor(isPassthru ? 'p' : '1', kind === 'text' ? textType : octetType)
  }
  const value = serializer.decode(bytes, start, end)
  if (value instanceof Uint8Array) {
    sink.append(value)
    return headersFor(isPassthru ? 'p' : '1', octetType)
  }
  sink.text(typeof value === 'string' ? value : '')
  return headersFor('1', textType)
}

function writeStructure(
  sink: ByteSink,
  { serializer, bytes }: WampPayload,
  form: string,
  value: () => WampValue,
  start: number,
  end: number,
): Headers {
  if (serializer === json) {
    sink.append(bytes, start, end)
    return headersFor(form, json.mediaType)
  }
  const decoded = value()
  if (survivesJson(decoded)) {
    json.encode(sink, decoded)
    return headersFor(form, json.mediaType)
  }
  sink.append(bytes, start, end)
  return headersFor(form, serializer.mediaType)
}

/** Whether a value comes back from JSON as it was. */
function survivesJson(value: WampValue): boolean {
  if (typeof value === 'string') return value.charCodeAt(0) !== 0
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  if (value instanceof WampTag || value instanceof WampExtension || value instanceof WampTime) {
    return false
  }
  if (Array.isArray(value)) return value.every((item: WampValue) => survivesJson(item))
  if (!(value instanceof Map)) return true
  for (const [key, item] of value) {
    if (typeof key !== 'string' || !survivesJson(item)) return false
  }
  return true
}

/** A message of the bus, as far as its payload goes; the octets are borrowed. */
export interface NaturalMessage {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  readonly headers: Headers
}

/**
 * The arguments that a message stands for: what a WAMP client published, or one argument made of the payload of
 * another protocol. It is made for `serializer` where that is a choice. The payload may borrow the octets.
 */
export function payloadOf(message: NaturalMessage, serializer: Serializer): WampPayload {
  const form = message.headers.size === 0 ? undefined : message.headers.get(wampHeader)
  if (form !== undefined) {
    try {
      const payload = fromForm(form, message, serializer)
      if (payload !== undefined) return payload
    } catch (error) {
      // Header and payload disagree: somebody else wrote the header.
      if (!(error instanceof ProtocolError)) throw error
    }
  }
  return fromForeign(message, serializer)
}

function fromForm(
  form: string,
  message: NaturalMessage,
  serializer: Serializer,
): WampPayload | undefined {
  const { bytes, start, end, headers } = message
  const type = headers.get('content-type') ?? ''
  switch (form) {
    case '0':
      return start === end ? encodePayload(serializer, []) : undefined
    case 'p':
      return encodePayload(serializer, [copyOf(bytes, start, end)])
    case '1':
      if (type === octetType) return encodePayload(serializer, [copyOf(bytes, start, end)])
      if (type === textType) return textPayload(message, serializer)
      return structured(type, message, 'one')
    case 'n':
      return structured(type, message, 'args')
    case 'k':
      return structured(type, message, 'kwargs')
    case 'b': {
      const source = serializerOfMediaType(type)
      const value = source?.decode(bytes, start, end)
      if (!(value instanceof Map)) return undefined
      const args: unknown = value.get('args')
      const kwargs: unknown = value.get('kwargs')
      if (!Array.isArray(args) || !(kwargs instanceof Map)) return undefined
      return encodePayload(source ?? serializer, args, kwargs)
    }
    default:
      return undefined
  }
}

function textPayload(
  { bytes, start, end }: NaturalMessage,
  serializer: Serializer,
): WampPayload | undefined {
  if (!isUtf8(bytes, start, end)) return undefined
  return encodePayload(serializer, [decoder.decode(bytes.subarray(start, end))])
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** The octets go on as they are, in the serializer of their type. */
function structured(
  type: string,
  { bytes, start, end }: NaturalMessage,
  as: 'one' | 'args' | 'kwargs',
): WampPayload | undefined {
  const source = serializerOfMediaType(type)
  if (source === undefined || start === end) return undefined
  const sink = new ByteSink()
  source.beginList(sink, 1)
  if (as !== 'one') {
    sink.clear()
    if (as === 'kwargs') {
      source.beginList(sink, 0)
      source.endList(sink)
    }
  }
  const argsEnd = sink.length
  sink.append(bytes, start, end)
  if (as === 'one') source.endList(sink)
  const all = sink.toBytes()
  // Whoever wrote it may be somebody else.
  if (source === json && !isUtf8(bytes, start, end)) return undefined
  const kind = source.kindAt(bytes, start)
  if ((as === 'args' && kind !== 'list') || (as === 'kwargs' && kind !== 'map')) return undefined
  checkValue(source, bytes, start, end)
  if (as !== 'kwargs') {
    return new WampPayload(source, all, {
      argsStart: 0,
      argsEnd: all.length,
      kwargsStart: 0,
      kwargsEnd: 0,
    })
  }
  return new WampPayload(source, all, {
    argsStart: 0,
    argsEnd,
    kwargsStart: argsEnd,
    kwargsEnd: all.length,
  })
}

/** @throws ProtocolError when it is not one value */
function checkValue(source: Serializer, bytes: Uint8Array, start: number, end: number): void {
  const sink = new ByteSink()
  source.beginList(sink, 1)
  sink.append(bytes, start, end)
  source.endList(sink)
  source.split(sink.bytes, 0, sink.length, spans)
  if (spans.count !== 1) throw new ProtocolError('more than one value')
}

/** A message of another protocol: one argument, by what its type says, else by what it looks like (13.3, `auto`). */
function fromForeign(message: NaturalMessage, serializer: Serializer): WampPayload {
  const { bytes, start, end, headers } = message
  const declared = declaredType(headers)
  const binary = () => encodePayload(serializer, [copyOf(bytes, start, end)])
  if (declared === undefined || declared === '') {
    if (start === end) return encodePayload(serializer, [])
    if (looksLikeJson(bytes, start, end)) {
      const parsed = valueOr(() => structured(json.mediaType, message, 'one'))
      if (parsed !== undefined) return parsed
    }
    return isPlainText(bytes, start, end)
      ? (textPayload(message, serializer) ?? binary())
      : binary()
  }
  if (declared.startsWith('text/')) return textPayload(message, serializer) ?? binary()
  const media = declared.endsWith('+json') ? json.mediaType : declared
  return valueOr(() => structured(media, message, 'one')) ?? binary()
}

/** Media type without parameters, in lower case. */
function declaredType(headers: Headers): string | undefined {
  if (headers.size === 0) return undefined
  const type = headers.get('content-type')
  if (type !== undefined) return type.split(';', 1)[0]?.trim().toLowerCase()
  return headers.get('mqtt-payload-format') === '1' ? 'text/plain' : undefined
}

function valueOr(work: () => WampPayload | undefined): WampPayload | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

function looksLikeJson(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number
    if (byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d) continue
    return byte === 0x7b || byte === 0x5b
  }
  return false
}

/** UTF-8 without control characters other than TAB, LF and CR. */
function isPlainText(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return false
    if (byte === 0x7f) return false
  }
  return isUtf8(bytes, start, end)
}
