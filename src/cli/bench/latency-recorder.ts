/** Latencies of a bench run: exact percentiles, and a picture for people. */

import { createHistogram } from 'node:perf_hooks'
import { formatCount } from '../duration.ts'

export interface LatencySummary {
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
}

/** Bars are as wide as this for the fullest bucket. */
const barWidth = 40

export class LatencyRecorder {
  /** In microseconds: the histogram takes whole numbers. */
  readonly #histogram = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 })
  /** Counts by power of two of the microseconds. */
  readonly #buckets: number[] = []

  record(durationMs: number): void {
    const us = Math.max(1, Math.round(durationMs * 1_000))
    this.#histogram.record(us)
    const bucket = Math.floor(Math.log2(us))
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
  }

  /** Undefined when nothing was recorded. */
  summary(): LatencySummary | undefined {
    const histogram = this.#histogram
    if (histogram.count === 0) return undefined
    const at = (percentile: number) => histogram.percentile(percentile) / 1_000
    return {
      p50Ms: at(50),
      p90Ms: at(90),
      p99Ms: at(99),
      p999Ms: at(99.9),
      maxMs: histogram.max / 1_000,
    }
  }

  /** One line per power of two between the fastest and the slowest. */
  picture(): string {
    const most = Math.max(...this.#buckets.map((count) => count || 0), 1)
    const first = this.#buckets.findIndex((count) => count > 0)
    let text = ''
    for (let i = Math.max(0, first); i < this.#buckets.length; i++) {
      const count = this.#buckets[i] ?? 0
      const bar = '█'.repeat(Math.ceil((count / most) * barWidth))
      text += `  ${`< ${formatMs(2 ** (i + 1) / 1_000)}`.padStart(11)}  ${bar} ${formatCount(count)}\n`
    }
    return text
  }
}

/** Three significant digits. */
export function formatMs(ms: number): string {
  return `${ms >= 100 ? Math.round(ms) : Number(ms.toPrecision(3))} ms`
}
