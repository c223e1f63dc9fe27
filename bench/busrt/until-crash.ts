/**
 * The reference's benchmark many times in a row against one and the same broker: does the tool ever
 * crash or hang, and does the broker grow? Workers and payloads go through their lists, run by run.
 */

import { progress, showNumber } from '../figures.ts'
import { usageOf } from '../process-usage.ts'
import type { BenchContext } from './bench-context.ts'
import { startBroker } from './brokers.ts'
import { runTool } from './tool-run.ts'

export async function runUntilCrash(context: BenchContext, runs: number): Promise<void> {
  const { report, tool, workers, payloads, iterations, limitSeconds, programs } = context
  if (typeof tool !== 'string') return report.say(`\nruns in a row: skipped, ${tool.missing}`)
  const results: unknown[] = []
  for (const name of context.brokers) {
    const broker = await startBroker(name, programs)
    const failures: string[] = []
    const residentBefore = usageOf(broker.pid).residentBytes
    let residentAfter = residentBefore
    try {
      for (let run = 0; run < runs; run++) {
        const workerCount = workers[run % workers.length] ?? 1
        const payloadBytes = payloads[Math.floor(run / workers.length) % payloads.length] ?? 100
        const what = `${workerCount} workers, ${payloadBytes} bytes`
        progress(`${name}: run ${run + 1} of ${runs}, ${failures.length} failed: ${what}`)
        const options = { tool, workers: workerCount, payloadBytes, iterations, limitSeconds }
        const { failure } = await runTool(broker.socket, options)
        if (failure !== undefined) failures.push(`run ${run + 1}, ${what}: ${failure}`)
        // Without the broker every later run would count against it.
        if (!isAlive(broker.pid)) {
          failures.push(`the broker ended in run ${run + 1}`)
          break
        }
        residentAfter = usageOf(broker.pid).residentBytes
      }
    } finally {
      progress('')
      await broker.stop()
    }
    report.say(
      `${name}: ${failures.length} of ${runs} runs failed; resident memory ` +
        `${showNumber(residentBefore / 1e6)} MB before, ${showNumber(residentAfter / 1e6)} MB after`,
    )
    for (const failure of failures) report.say(`  ${failure}`)
    if (name === 'ours' && failures.length > 0) report.noteFailure()
    results.push({ broker: name, runs, failures, residentBefore, residentAfter })
  }
  report.add('untilCrash', results)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
