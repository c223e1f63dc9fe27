/**
 * The reference's own benchmark against all brokers in turn. It is what users run, so it is run as
 * they do: unpinned, through the tool. With few workers it measures how fast the system wakes up the
 * other process; its one-way stages measure the tool. What a broker costs is in load-rounds.ts.
 */

import type { Column } from '../../src/cli/table.ts'
import { progress, showNumber } from '../figures.ts'
import type { BenchContext } from './bench-context.ts'
import { type BrokerName, startBroker } from './brokers.ts'
import { inTurn, type Run, showFailures, showRatio, showValues, valuesOf } from './comparison.ts'
import { runTool, type ToolOptions, type ToolRun } from './tool-run.ts'

interface Row {
  readonly stage: string
  readonly broker: BrokerName
}

export async function runToolRounds(context: BenchContext): Promise<void> {
  const { report, tool, workers, payloads, iterations, limitSeconds } = context
  if (typeof tool !== 'string')
    return report.say(`\nthe reference's benchmark: skipped, ${tool.missing}`)
  const results: unknown[] = []
  for (const workerCount of workers) {
    for (const payloadBytes of payloads) {
      const options = { tool, workers: workerCount, payloadBytes, iterations, limitSeconds }
      const runs = await compare(context, options)
      results.push({ workers: workerCount, payloadBytes, iterations, runs: plain(runs) })
      show(context, options, runs)
    }
  }
  report.add('tool', results)
}

type ToolRuns = ReadonlyMap<BrokerName, readonly Run<ReadonlyMap<string, number>>[]>

/** As JSON has it. */
function plain(runs: ToolRuns): Record<string, unknown> {
  return Object.fromEntries(
    [...runs].map(([name, list]) => [
      name,
      list.map(({ result, failure }) => ({ rates: Object.fromEntries(result ?? []), failure })),
    ]),
  )
}

async function compare(context: BenchContext, options: ToolOptions): Promise<ToolRuns> {
  const runs = new Map(
    context.brokers.map((name) => [name, [] as Run<ReadonlyMap<string, number>>[]]),
  )
  for (let round = 0; round < context.rounds; round++) {
    for (const name of inTurn(context.brokers, round)) {
      progress(
        `${options.workers} workers, ${options.payloadBytes} bytes, ` +
          `round ${round + 1} of ${context.rounds}: ${name}`,
      )
      const { rates, failure } = await runOnce(context, name, options)
      runs.get(name)?.push({ result: rates, failure })
    }
  }
  progress('')
  return runs
}

async function runOnce(
  context: BenchContext,
  name: BrokerName,
  options: ToolOptions,
): Promise<ToolRun> {
  const broker = await startBroker(name, context.programs)
  try {
    return await runTool(broker.socket, options)
  } finally {
    await broker.stop()
  }
}

function show({ report, brokers }: BenchContext, options: ToolOptions, runs: ToolRuns): void {
  const stages = new Set<string>()
  for (const list of runs.values()) {
    for (const { result } of list) for (const stage of result?.keys() ?? []) stages.add(stage)
  }
  const rates = (broker: BrokerName, stage: string) =>
    valuesOf(runs.get(broker), (result) => result.get(stage))
  const columns: Column<Row>[] = [
    { title: 'stage', cell: ({ stage, broker }) => (broker === brokers[0] ? stage : '') },
    { title: 'broker', cell: ({ broker }) => broker },
    { title: 'operations/s', cell: ({ stage, broker }) => showValues(rates(broker, stage)) },
    {
      title: 'ours to it',
      cell: ({ stage, broker }) =>
        broker === 'ours' ? '' : showRatio(rates('ours', stage), rates(broker, stage)),
    },
  ]
  report.table(
    `The reference's benchmark: ${options.workers} workers, ${options.payloadBytes} bytes, ` +
      `${showNumber(options.iterations)} iterations`,
    columns,
    [...stages].toSorted().flatMap((stage) => brokers.map((broker) => ({ stage, broker }))),
  )
  for (const [broker, list] of runs) {
    const failures = list.flatMap(({ failure }) => failure ?? [])
    if (failures.length === 0) continue
    if (broker === 'ours') report.noteFailure()
    report.say(`the tool failed against ${broker} in ${showFailures(list)} runs:`)
    for (const failure of new Set(failures)) report.say(`  ${failure}`)
  }
}
