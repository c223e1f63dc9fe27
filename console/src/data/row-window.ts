/** Which rows of a long list of equal height are worth drawing. */

export interface RowWindow {
  /** First row to draw, and the one after the last. */
  readonly from: number
  readonly to: number
  /** Height of what is left out above and below, pixels. */
  readonly above: number
  readonly below: number
}

// Rows beyond what is seen, so that scrolling finds them drawn.
const margin = 10

export function rowWindow(
  count: number,
  options: { readonly rowHeight: number; readonly scrollTop: number; readonly height: number },
): RowWindow {
  const { rowHeight, scrollTop, height } = options
  const first = Math.floor(scrollTop / rowHeight) - margin
  const from = Math.max(0, Math.min(first, count))
  const to = Math.min(count, Math.max(from, Math.ceil((scrollTop + height) / rowHeight) + margin))
  return { from, to, above: from * rowHeight, below: (count - to) * rowHeight }
}
