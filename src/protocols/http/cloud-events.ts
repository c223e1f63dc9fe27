/**
 * CloudEvents 1.0 over HTTP (specification 1.0.2 and its HTTP binding and JSON format): binary mode, where attributes
 * are headers `ce-…` and the body is the data; structured mode, where one JSON object has all; and batches of those.
 *
 * On the bus an attribute is the message header `ce-<name>` with its canonical text, `datacontenttype` is the header
 * `content-type`, and the data is the payload. So an event reads the same however it came.
 */

import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { BusError } from '../../model/errors.ts'
import { contentTypeHeader, decodeHeaderText } from './message-headers.ts'
import { named } from './schemas.ts'

export const structuredType = 'application/cloudevents+json'
export const batchType = 'application/cloudevents-batch+json'

/** Events of one batch. */
const batchMost = 10_000

/** An event as the bus takes it. */
export interface CloudEvent {
  readonly type: string
  readonly headers: ReadonlyMap<string, string>
  readonly payload: Uint8Array
}

const attributeName = /^[a-z0-9]+$/
const required = ['specversion', 'id', 'source', 'type'] as const

/** The JSON of an event; extension attributes stand beside the others. */
export const eventSchema = named(
  'CloudEvent',
  z
    .object({
      specversion: z.literal('1.0'),
      id: z.string().min(1),
      source: z.string().min(1),
      type: z.string().min(1),
      datacontenttype: z.string().optional(),
      dataschema: z.string().optional(),
      subject: z.string().optional(),
      time: z.string().optional(),
      data: z.unknown().optional(),
      data_base64: z.string().optional(),
    })
    .catchall(z.unknown())
    .describe('A CloudEvent 1.0 in the JSON format.'),
)

export const batchSchema = named('CloudEventBatch', z.array(eventSchema))

/** Content type without parameters, in lower case; empty: there is none. */
export function mediaTypeOf(headers: IncomingHttpHeaders): string {
  return (headers[contentTypeHeader] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

/** Binary mode: the version is there, and the type is none of CloudEvents. */
export function isBinaryEvent(headers: IncomingHttpHeaders): boolean {
  return headers['ce-specversion'] !== undefined
}

/** @throws BusError `invalid_argument/undecodable` */
export function binaryEvent(headers: IncomingHttpHeaders, payload: Uint8Array): CloudEvent {
  const attributes = new Map<string, string>()
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith('ce-') || value === undefined) continue
    attributes.set(name.slice(3), decodeHeaderText(Array.isArray(value) ? value.join(', ') : value))
  }
  return eventOf(attributes, headers[contentTypeHeader], payload)
}

/** @throws BusError `invalid_argument/undecodable` */
export function parseEvent(body: Uint8Array): CloudEvent {
  return eventOfJson(parseJson(body))
}

/** @throws BusError `invalid_argument/undecodable` for the batch as a whole, whichever event is at fault */
export function parseBatch(body: Uint8Array): CloudEvent[] {
  const events = parseJson(body)
  if (!Array.isArray(events)) throw bad('a batch is an array of events')
  if (events.length > batchMost) throw bad(`a batch has at most ${batchMost} events`)
  return events.map((event: unknown, i) => {
    try {
      return eventOfJson(event)
    } catch (error) {
      if (!(error instanceof BusError)) throw error
      throw bad(`event ${i} of the batch: ${error.message}`)
    }
  })
}

function eventOfJson(json: unknown): CloudEvent {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw bad('an event is a JSON object')
  }
  const attributes = new Map<string, string>()
  let contentType: string | undefined
  let data: unknown
  let base64: unknown
  for (const [name, value] of Object.entries(json) as [string, unknown][]) {
    // null is how JSON says that there is none.
    if (name === 'data') data = value
    else if (value === null) continue
    else if (name === 'data_base64') base64 = value
    else if (name === 'datacontenttype') contentType = canonicalText(name, value)
    else attributes.set(name, canonicalText(name, value))
  }
  if (base64 !== undefined) {
    if (data !== undefined) throw bad('an event has either data or data_base64')
    return eventOf(attributes, contentType, decodeBase64(base64))
  }
  if (data === undefined) return eventOf(attributes, contentType, new Uint8Array(0))
  const type = contentType ?? 'application/json'
  // In JSON types the data is a value, in others a text that is the data itself.
  const text = typeof data === 'string' && !isJsonType(type) ? data : JSON.stringify(data)
  return eventOf(attributes, type, Buffer.from(text))
}

function eventOf(
  attributes: ReadonlyMap<string, string>,
  contentType: string | undefined,
  payload: Uint8Array,
): CloudEvent {
  const version = attributes.get('specversion')
  for (const name of required) {
    if (!attributes.get(name)) throw bad(`the attribute ${name} is missing`)
  }
  if (version !== '1.0') throw bad(`specversion is ${JSON.stringify(version)}, not 1.0`)
  const headers = new Map<string, string>()
  for (const [name, value] of attributes) {
    if (!attributeName.test(name)) {
      throw bad(`attribute names are lower-case letters and digits, not ${JSON.stringify(name)}`)
    }
    headers.set(`ce-${name}`, value)
  }
  if (contentType !== undefined) headers.set(contentTypeHeader, contentType)
  return { type: attributes.get('type') ?? '', headers, payload }
}

/** Strings, booleans and integers are what an attribute can be in JSON. */
function canonicalText(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean' || Number.isSafeInteger(value)) return String(value)
  throw bad(`the attribute ${name} is neither text, true or false, nor an integer`)
}

function isJsonType(type: string): boolean {
  const [media = ''] = type.toLowerCase().split(';', 1)
  return /[/+]json$/.test(media.trim())
}

function decodeBase64(text: unknown): Uint8Array {
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
    throw bad('data_base64 is not base64')
  }
  return Buffer.from(text, 'base64')
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    throw new BusError('invalid_argument', 'undecodable', 'the body is not JSON in UTF-8', {
      cause: error,
    })
  }
}

function bad(message: string): BusError {
  return new BusError('invalid_argument', 'undecodable', message)
}
