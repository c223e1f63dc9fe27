/** The order in which logs are listed: topic, tenant, bl name, device, each by the bytes of its UTF-8. */

import type { LogKey } from '../model/message.ts'

export function compareLogs(a: LogKey, b: LogKey): number {
  return (
    compareUtf8(a.topic, b.topic) ||
    compareUtf8(a.origin.tenantId, b.origin.tenantId) ||
    compareUtf8(a.origin.blName, b.origin.blName) ||
    compareUtf8(a.origin.deviceId, b.origin.deviceId)
  )
}

/** Like comparing the UTF-8 bytes, without encoding: code points in order, surrogates after the rest. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    // A surrogate stands for a code point above all others of the basic plane.
    const xRank = x >= 0xd800 && x < 0xe000 ? x + 0x10000 : x
    const yRank = y >= 0xd800 && y < 0xe000 ? y + 0x10000 : y
    return xRank - yRank
  }
  return a.length - b.length
}
