/**
 * The RPC layer of BUS/RT (spec/busrt 6.1, 6.2): what stands in the payload of a direct message when
 * two clients, or a client and `.broker`, call each other. The broker itself never looks at it. Pure
 * and synchronous, for both ends.
 *
 * Decoding copies nothing: it tells where the parts are, because one side wants text and bytes of its
 * own and the other passes them on.
 */

import { results } from './frames.ts'

/** First byte of the payload. */
export const rpcKinds = {
  notification: 0x00,
  request: 0x01,
  reply: 0x11,
  errorReply: 0x12,
} as const

/** Codes of error replies. What is not listed, and no bus error, is free for services. */
export const rpcErrorCodes = {
  parse: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  /** Cursors: there is none of this id, or no more. */
  notFound: -32_001,
} as const

/** Id of a request that wants no reply. */
export const noReplyId = 0

/** Call ids count from 1 to this and begin again at 1. */
export const maxCallId = 0xffff_ffff

/**
 * A payload taken apart. Offsets count in the bytes that were decoded; what begins at `start` (payload,
 * parameters, result, error data) goes on to their end.
 */
export type RpcFrame =
  | { readonly kind: 'notification'; readonly start: number }
  | {
      readonly kind: 'request'
      /** 0: no reply is wanted. */
      readonly id: number
      readonly methodStart: number
      readonly methodEnd: number
      readonly start: number
    }
  | { readonly kind: 'reply'; readonly id: number; readonly start: number }
  | {
      readonly kind: 'errorReply'
      readonly id: number
      readonly code: number
      readonly start: number
    }

/**
 * Takes the payload `bytes[start..end)` apart. Undefined when it is none of this layer: empty, of
 * another first byte, too short, or a request without the zero after its method; such a payload is
 * dropped without a reply.
 */
export function decodeRpc(bytes: Uint8Array, start: number, end: number): RpcFrame | undefined {
  const kind = start < end ? bytes[start] : undefined
  if (kind === undefined) return undefined
  const afterId = start + 5
  switch (kind) {
    case rpcKinds.notification:
      return { kind: 'notification', start: start + 1 }
    case rpcKinds.request: {
      if (afterId >= end) return undefined
      const methodEnd = bytes.indexOf(0, afterId)
      if (methodEnd === -1 || methodEnd >= end) return undefined
      const id = readId(bytes, start + 1)
      return { kind: 'request', id, methodStart: afterId, methodEnd, start: methodEnd + 1 }
    }
    case rpcKinds.reply:
      if (afterId > end) return undefined
      return { kind: 'reply', id: readId(bytes, start + 1), start: afterId }
    case rpcKinds.errorReply: {
      if (afterId + 2 > end) return undefined
      // Two bytes, the upper one carrying the sign.
      const code = (((bytes[afterId + 1] ?? 0) << 24) >> 16) | (bytes[afterId] ?? 0)
      return { kind: 'errorReply', id: readId(bytes, start + 1), code, start: afterId + 2 }
    }
    default:
      return undefined
  }
}

export function encodeNotification(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + payload.length)
  bytes[0] = rpcKinds.notification
  bytes.set(payload, 1)
  return bytes
}

/**
 * @param id from 1 to `maxCallId`; 0: no reply wanted
 * @param method must not contain U+0000, which ends it; the caller has checked that
 */
export function encodeRequest(
  id: number,
  method: string | Uint8Array,
  params: Uint8Array,
): Uint8Array {
  const name = asBytes(method)
  const bytes = new Uint8Array(6 + name.length + params.length)
  writeHead(bytes, rpcKinds.request, id)
  bytes.set(name, 5)
  bytes.set(params, 6 + name.length)
  return bytes
}

export function encodeReply(id: number, result: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + result.length)
  writeHead(bytes, rpcKinds.reply, id)
  bytes.set(result, 5)
  return bytes
}

/**
 * @param code a whole number from -32,768 to 32,767
 * @param data by convention text for people; often empty
 */
export function encodeErrorReply(id: number, code: number, data: string | Uint8Array): Uint8Array {
  const text = asBytes(data)
  const bytes = new Uint8Array(7 + text.length)
  writeHead(bytes, rpcKinds.errorReply, id)
  bytes[5] = code & 0xff
  bytes[6] = (code >> 8) & 0xff
  bytes.set(text, 7)
  return bytes
}

/** The error of the bus that a result code tells, as the code of an error reply (spec/busrt 6.2). */
export function rpcCodeOfResult(result: number): number {
  return -32_000 - result
}

/** The reverse; undefined when the code is none of a bus error. */
export function resultOfRpcCode(code: number): number | undefined {
  const result = -32_000 - code
  return result >= results.notRegistered && result <= 0xff ? result : undefined
}

const textEncoder = new TextEncoder()
// A byte order mark is part of a name like any other character.
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text `bytes[start..end)`; undefined when it is not UTF-8. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string | undefined {
  try {
    return textDecoder.decode(bytes.subarray(start, end))
  } catch {
    // The decoder has no other way to say that the bytes are not text.
    return undefined
  }
}

function asBytes(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? textEncoder.encode(text) : text
}

function readId(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)
  return low + (bytes[at + 3] ?? 0) * 0x100_0000
}

function writeHead(bytes: Uint8Array, kind: number, id: number): void {
  bytes[0] = kind
  bytes[1] = id & 0xff
  bytes[2] = (id >>> 8) & 0xff
  bytes[3] = (id >>> 16) & 0xff
  bytes[4] = (id >>> 24) & 0xff
}
