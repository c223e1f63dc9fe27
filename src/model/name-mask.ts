/**
 * Masks over client names (spec/busrt 4.4). Mask and name are split at `.`, empty chunks count; a chunk
 * `?` is exactly one chunk, also an empty one; `*` is one or more remaining chunks, and what stands
 * behind it in the mask is ignored. Everything else is literal, byte for byte; nothing is escaped.
 */

/** A mask that can match one name only, so that it needs no search. */
export function isExactMask(mask: string): boolean {
  return !/(?:^|\.)[?*](?:\.|$)/.test(mask)
}

export function nameMatches(mask: string, name: string): boolean {
  let m = 0
  let n = 0
  for (;;) {
    const maskEnd = endOfChunk(mask, m)
    const nameEnd = endOfChunk(name, n)
    const isOne = maskEnd === m + 1
    if (isOne && mask[m] === '*') return true
    if (!(isOne && mask[m] === '?') && mask.slice(m, maskEnd) !== name.slice(n, nameEnd))
      return false
    const isMaskOver = maskEnd === mask.length
    const isNameOver = nameEnd === name.length
    if (isMaskOver || isNameOver) return isMaskOver && isNameOver
    m = maskEnd + 1
    n = nameEnd + 1
  }
}

function endOfChunk(text: string, start: number): number {
  const dot = text.indexOf('.', start)
  return dot === -1 ? text.length : dot
}
