/**
 * Whether the machine is quiet enough for figures. Says so before measuring; a busy machine is no
 * reason not to measure, but one not to believe in rates.
 */

import { readFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'

export interface Quietness {
  readonly isQuiet: boolean
  /** Of the last minute; it falls slowly after work has ended. */
  readonly loadAverage: number
  /** Share of all cores that others used while this process waited a second. */
  readonly busyShare: number
  /** Share of that second for which the host gave the cores to other machines. */
  readonly stolenShare: number
  /** Fastest run of a fixed piece of work, milliseconds, */
  readonly loopMs: number
  /** and how much longer nine of ten took at most, as a share. */
  readonly loopSpread: number
}

// More than a housekeeping process uses; and what repeated runs differ by on an idle machine.
const mostBusy = 0.05
const mostStolen = 0.01
const mostSpread = 0.15

export async function measureQuietness(): Promise<Quietness> {
  const [loadAverage = 0] = loadavg()
  const before = processorTimes()
  await wait(1_000)
  const after = processorTimes()
  const total = after.total - before.total
  const busyShare = total === 0 ? 0 : 1 - (after.idle - before.idle) / total
  const stolenShare = total === 0 ? 0 : (after.stolen - before.stolen) / total
  // The first runs are those of code not yet compiled.
  const times = Array.from({ length: 60 }, timedLoop)
    .slice(20)
    .sort((a, b) => a - b)
  const [loopMs = 0] = times
  const loopSpread = (times[Math.floor(times.length * 0.9)] ?? loopMs) / loopMs - 1
  const isQuiet = busyShare <= mostBusy && stolenShare <= mostStolen && loopSpread <= mostSpread
  return { isQuiet, loadAverage, busyShare, stolenShare, loopMs, loopSpread }
}

/** One line for people. */
export function describeQuietness(quietness: Quietness): string {
  const { isQuiet, loadAverage, busyShare, stolenShare, loopMs, loopSpread } = quietness
  const verdict = isQuiet ? 'The machine is quiet' : 'THE MACHINE IS NOT QUIET: believe no rate'
  return (
    `${verdict} (others use ${percent(busyShare)} of ${cpus().length} cores, ` +
    `${percent(stolenShare)} stolen, load average ${loadAverage.toFixed(2)}, ` +
    `a loop of ${loopMs.toFixed(1)} ms varies by ${percent(loopSpread)})`
  )
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`
}

/** In ticks; zeros where there is no /proc. */
function processorTimes(): { total: number; idle: number; stolen: number } {
  let line: string
  try {
    ;[line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1)
  } catch {
    return { total: 0, idle: 0, stolen: 0 }
  }
  // user nice system idle iowait irq softirq steal; guests are in user already.
  const times = line.trim().split(/\s+/).slice(1, 9).map(Number)
  const total = times.reduce((sum, time) => sum + time, 0)
  return { total, idle: (times[3] ?? 0) + (times[4] ?? 0), stolen: times[7] ?? 0 }
}

/** Milliseconds for arithmetic that nothing but the core matters for. */
function timedLoop(): number {
  const startedAt = performance.now()
  let state = 1
  for (let i = 0; i < 3_000_000; i++) state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
  // The result is used, or there would be no loop.
  return performance.now() - startedAt + (state === 0 ? 1e-9 : 0)
}
