/** A message as the pages show it, whichever way it came. */

import type { Message } from '../../../src/client/core.ts'
import type { MessageJson, NodeIdJson } from '../../../src/wire/http-api.ts'

export interface ShownMessage {
  /** Unique in the page. */
  readonly key: number
  readonly topic: string
  readonly origin: NodeIdJson
  /** 0: not stored. */
  readonly headId: number
  readonly id: string
  readonly createdAtMs: number
  readonly headers: readonly (readonly [string, string])[]
  /** Its beginning only when `size` is larger. */
  readonly payload: Uint8Array
  readonly size: number
  readonly deleted: boolean
}

/** Header in which the bus notes the name of the publisher. */
const publisherHeader = 'msgbus-publisher'

let lastKey = 0

/** @param keepBytes of the payload at most this much is copied; what came by the network is not held on to */
export function fromMessage(message: Message, keepBytes = Number.POSITIVE_INFINITY): ShownMessage {
  const { topic, origin, id, createdAtMs, headers, payload, deleted } = message
  return {
    key: ++lastKey,
    topic,
    origin,
    headId: Number(message.headId),
    id,
    createdAtMs,
    headers: [...headers],
    payload: payload.slice(0, Math.min(payload.length, keepBytes)),
    size: payload.length,
    deleted,
  }
}

export function fromMessageJson(message: MessageJson): ShownMessage {
  const { topic, origin, id, headId, createdAtMs, headers, text, base64, deleted = false } = message
  const payload = base64 === undefined ? new TextEncoder().encode(text ?? '') : fromBase64(base64)
  return {
    key: ++lastKey,
    topic,
    origin,
    headId,
    id,
    createdAtMs,
    headers: Object.entries(headers),
    payload,
    size: payload.length,
    deleted,
  }
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0))
}

/** Name of the client that published it; empty when that is not known. */
export function publisherOf(message: ShownMessage): string {
  return message.headers.find(([name]) => name === publisherHeader)?.[1] ?? ''
}

/** `tenant/bl/device` */
export function originText({ tenantId, blName, deviceId }: NodeIdJson): string {
  return [tenantId, blName, deviceId].join('/')
}

export function isSameOrigin(a: NodeIdJson, b: NodeIdJson): boolean {
  return a.tenantId === b.tenantId && a.blName === b.blName && a.deviceId === b.deviceId
}
