/**
 * What messages cost each broker: our own load, one core for it and one for the broker. The brokers
 * of a round run at the same time and are loaded in turn, stage by stage, so that what is compared
 * was measured within seconds. CPU time per operation is the figure to trust; rates are right as
 * far as the load itself had time left (its own CPU is shown beside).
 */

import type { Column } from '../../src/cli/table.ts'
import { progress, showNumber } from '../figures.ts'
import type { BenchContext } from './bench-context.ts'
import { type Broker, type BrokerName, startBroker } from './brokers.ts'
import { inTurn, type Run, showFailures, showRatio, showValues, valuesOf } from './comparison.ts'
import {
  cpuMicros,
  isPingPong,
  type LoadResult,
  ratePerSecond,
  runLoad,
  type StageName,
} from './load-run.ts'

type StageRuns = ReadonlyMap<BrokerName, Run<LoadResult>[]>
type LoadRuns = ReadonlyMap<StageName, StageRuns>

interface Row {
  readonly stage: StageName
  readonly broker: BrokerName
}

export async function runLoadRounds(context: BenchContext): Promise<void> {
  const { report, native, brokers, payloads, clients, stages } = context
  if ('missing' in native) return report.say(`\nour own load: skipped, ${native.missing}`)
  const results: unknown[] = []
  for (const payloadBytes of payloads) {
    const runs: LoadRuns = new Map(
      stages.map((stage) => [stage, new Map(brokers.map((name) => [name, []]))]),
    )
    for (let round = 0; round < context.rounds; round++) {
      await runRound(context, native.load, payloadBytes, round, runs)
    }
    progress('')
    show(context, payloadBytes, runs)
    results.push({
      payloadBytes,
      clients,
      window: context.window,
      stages: Object.fromEntries(
        [...runs].map(([stage, byBroker]) => [stage, Object.fromEntries(byBroker)]),
      ),
    })
  }
  report.add('load', results)
}

async function runRound(
  context: BenchContext,
  program: string,
  payloadBytes: number,
  round: number,
  runs: LoadRuns,
): Promise<void> {
  const { programs, cores, clients, window, operations, rounds } = context
  const running = new Map<BrokerName, Broker>()
  try {
    for (const [stage, byBroker] of runs) {
      for (const name of inTurn(context.brokers, round)) {
        const broker = running.get(name) ?? (await startBroker(name, programs, cores?.broker))
        running.set(name, broker)
        progress(`${payloadBytes} bytes, round ${round + 1} of ${rounds}: ${stage}, ${name}`)
        const options = {
          stage,
          operations: isPingPong(stage) ? Math.ceil(operations / 10) : operations,
          clients,
          payloadBytes,
          window,
        }
        try {
          const result = await runLoad(program, broker, options, cores?.load)
          byBroker.get(name)?.push({ result })
        } catch (error) {
          byBroker.get(name)?.push({ failure: textOf(error) })
          // The next stage finds a broker that is well.
          await broker.stop()
          running.delete(name)
        }
      }
    }
  } finally {
    for (const broker of running.values()) await broker.stop()
  }
}

function show(context: BenchContext, payloadBytes: number, runs: LoadRuns): void {
  const { report, brokers, clients, window, cores } = context
  const values = (pick: (result: LoadResult) => number) => (stage: StageName, broker: BrokerName) =>
    valuesOf(runs.get(stage)?.get(broker), pick)
  const rates = values(ratePerSecond)
  const cpu = values(cpuMicros)
  const oursTo =
    (of: typeof rates) =>
    ({ stage, broker }: Row) =>
      broker === 'ours' ? '' : showRatio(of(stage, 'ours'), of(stage, broker))
  const micros = (pick: (result: LoadResult) => number) => {
    const picked = values((result) => pick(result))
    return ({ stage, broker }: Row) => {
      const text = showValues(picked(stage, broker))
      // Without its spread: it is there to see who was the limit.
      return text.replace(/ \(.*/, '')
    }
  }
  const columns: Column<Row>[] = [
    { title: 'stage', cell: ({ stage, broker }) => (broker === brokers[0] ? stage : '') },
    { title: 'broker', cell: ({ broker }) => broker },
    { title: 'operations/s', cell: ({ stage, broker }) => showValues(rates(stage, broker)) },
    { title: 'ours to it', cell: oursTo(rates) },
    { title: 'CPU µs/op', cell: ({ stage, broker }) => showValues(cpu(stage, broker)) },
    { title: 'ours to it', cell: oursTo(cpu) },
    {
      title: 'load µs/op',
      cell: micros(({ ownCpuSeconds, operations }) => (1e6 * ownCpuSeconds) / operations),
    },
    { title: 'p50 µs', cell: micros(({ p50Us }) => p50Us || Number.NaN) },
    { title: 'p99 µs', cell: micros(({ p99Us }) => p99Us || Number.NaN) },
    { title: 'failed', cell: ({ stage, broker }) => showFailures(runs.get(stage)?.get(broker)) },
  ]
  const where = cores === undefined ? 'unpinned' : `broker on core ${cores.broker}`
  report.table(
    `Our own load: ${clients} clients, ${payloadBytes} bytes, window ${showNumber(window)}, ${where}`,
    columns,
    [...runs.keys()].flatMap((stage) => brokers.map((broker) => ({ stage, broker }))),
  )
  for (const [stage, byBroker] of runs) {
    for (const [broker, list] of byBroker) {
      const failures = list.flatMap(({ failure }) => failure ?? [])
      if (failures.length > 0 && broker === 'ours') report.noteFailure()
      for (const failure of new Set(failures)) report.say(`${stage}, ${broker}: ${failure}`)
    }
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
