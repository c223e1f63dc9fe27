/**
 * Arguments as parameters of BUS/RT, and back (spec/wamp 13.7): nothing is no argument, a map of MessagePack keywords, a
 * list positional arguments, any other value of MessagePack one argument, and octets that are none one binary argument.
 */

import type { Headers } from '../../model/message.ts'
import { ProtocolError } from '../../model/errors.ts'
import { ByteSink } from './byte-sink.ts'
import { messagepack } from './messagepack.ts'
import { payloadOf, wampHeader } from './natural-form.ts'
import { isMap, type WampValue } from './value.ts'

/** What says that octets are parameters, in the terms of the natural form; the octets stay as they are. */
export function headersOfParams(bytes: Uint8Array): Headers {
  if (bytes.length === 0) return none
  try {
    const value = messagepack.decode(bytes, 0, bytes.length)
    if (Array.isArray(value)) return positional
    return isMap(value) && hasTextKeys(value) ? keywords : single
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return octets
  }
}

/**
 * Parameters for content in the natural form; what has no header of it is taken as it is. Arguments of both kinds
 * become a map of `args` and `kwargs`, and one list or map a list of one, so that it comes back as one.
 */
export function paramsOf(payload: Uint8Array, headers: Headers): Uint8Array {
  if (!headers.has(wampHeader)) return payload
  const isPacked = headers.get('content-type') === messagepack.mediaType
  const form = headers.get(wampHeader)
  // Whoever keeps the form keeps the octets.
  if (isPacked && form !== 'b') return payload
  const message = { bytes: payload, start: 0, end: payload.length, headers }
  const { args, kwargs } = payloadOf(message, messagepack)
  if (args.length === 0 && kwargs.size === 0) return new Uint8Array(0)
  const sink = new ByteSink()
  messagepack.encode(sink, valueOf(args, kwargs))
  return sink.toBytes()
}

function valueOf(args: readonly WampValue[], kwargs: ReadonlyMap<WampValue, WampValue>): WampValue {
  if (kwargs.size > 0) {
    if (args.length === 0) return kwargs
    return new Map<WampValue, WampValue>([
      ['args', args],
      ['kwargs', kwargs],
    ])
  }
  const [only] = args
  const isPlain = args.length === 1 && only !== undefined && !Array.isArray(only) && !isMap(only)
  return isPlain ? only : args
}

function hasTextKeys(map: ReadonlyMap<WampValue, WampValue>): boolean {
  for (const key of map.keys()) if (typeof key !== 'string') return false
  return true
}

function headersOf(form: string, contentType: string): Headers {
  return new Map([
    [wampHeader, form],
    ['content-type', contentType],
  ])
}

const none: Headers = new Map([[wampHeader, '0']])
const positional = headersOf('n', messagepack.mediaType)
const keywords = headersOf('k', messagepack.mediaType)
const single = headersOf('1', messagepack.mediaType)
/** One binary argument, and not packed when it becomes parameters again. */
const octets: Headers = new Map([['content-type', 'application/octet-stream']])
