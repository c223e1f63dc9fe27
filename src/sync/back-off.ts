/**
 * How long to wait after failures in a row: exponential, with jitter in the upper half, so that many
 * nodes do not come back to a restarted one in step (spec/msgbus-v1 5.6, defect L33).
 */

export interface BackOff {
  /** After the first failure, milliseconds. */
  readonly minMs: number
  /** Upper bound, milliseconds. */
  readonly maxMs: number
}

/**
 * @param failures in a row, from 1
 * @param random 0 to below 1
 */
export function backOffMs(failures: number, { minMs, maxMs }: BackOff, random: number): number {
  // 2^30 steps exceed every sensible bound; more would overflow to Infinity.
  const step = Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 30))
  return step * (0.5 + random / 2)
}
