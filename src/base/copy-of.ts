/**
 * `bytes[start..end)` as bytes of their own. `slice` of Node's Buffer gives a view, and borrowed bytes are
 * overwritten by the next read: whoever keeps some takes them by this.
 */
export function copyOf(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  const copy = new Uint8Array(end - start)
  copy.set(bytes.subarray(start, end))
  return copy
}
