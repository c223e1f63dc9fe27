/**
 * What the charts of the overview are drawn from: the counters of the daemon, asked for about once a second, turned
 * into rates. A daemon that was started again, or did not answer for a while, leaves a gap instead of a wrong rate.
 */

import type { StatusJson } from '../../../src/wire/http-api.ts'

export interface RateSample {
  /** By the clock of the daemon. */
  readonly atMs: number
  /** Per second since the sample before. */
  readonly stored: number
  readonly delivered: number
  readonly receivedFrames: number
  readonly sentFrames: number
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Nothing is known about the time before it. */
  readonly afterGap: boolean
}

// A sample per second: five minutes.
const maxSamples = 300
// Beyond it an average would hide what went on.
const maxPauseMs = 10_000

export class StatusHistory {
  readonly samples: RateSample[] = []
  #last: StatusJson | undefined
  #isGap = true

  add(status: StatusJson): void {
    const last = this.#last
    this.#last = status
    const passedMs = last === undefined ? 0 : status.nowMs - last.nowMs
    const sameRun = last?.startedAtMs === status.startedAtMs
    if (last === undefined || !sameRun || passedMs <= 0 || passedMs > maxPauseMs) {
      this.#isGap = true
      return
    }
    const rate = (name: keyof StatusJson['counters']) =>
      (Math.max(0, status.counters[name] - last.counters[name]) * 1_000) / passedMs
    this.samples.push({
      atMs: status.nowMs,
      stored: rate('published'),
      delivered: rate('delivered'),
      receivedFrames: rate('receivedFrames'),
      sentFrames: rate('sentFrames'),
      receivedBytes: rate('receivedBytes'),
      sentBytes: rate('sentBytes'),
      afterGap: this.#isGap,
    })
    this.#isGap = false
    if (this.samples.length > maxSamples) this.samples.shift()
  }
}
