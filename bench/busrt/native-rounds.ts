/** Measuring programs that report several properties of a broker, run against all brokers in turn. */

import type { Column } from '../../src/cli/table.ts'
import { figureOf, progress, showFigure } from '../figures.ts'
import type { BenchContext } from './bench-context.ts'
import { type BrokerName, startBroker } from './brokers.ts'
import { inTurn } from './comparison.ts'
import { runNative } from './run-native.ts'

// Memory hardly differs from run to run.
const mostRounds = 3

export interface NativeRounds<Result> {
  readonly runs: ReadonlyMap<BrokerName, readonly Result[]>
  /** Each with the name of its broker. */
  readonly failures: readonly string[]
}

export interface NativeOptions {
  /** Told while it runs. */
  readonly title: string
  readonly brokers: readonly BrokerName[]
  /** Path of the program. */
  readonly program: string
  /** Beyond the broker's socket and process. */
  readonly args: readonly string[]
}

/** Each run has a broker of its own. */
export async function runNativeRounds<Result>(
  context: BenchContext,
  { title, brokers, program, args }: NativeOptions,
): Promise<NativeRounds<Result>> {
  const { report, cores, programs } = context
  const rounds = Math.min(context.rounds, mostRounds)
  const runs = new Map(brokers.map((name) => [name, [] as Result[]]))
  const failures: string[] = []
  for (let round = 0; round < rounds; round++) {
    for (const name of inTurn(brokers, round)) {
      progress(`${title}, round ${round + 1} of ${rounds}: ${name}`)
      const broker = await startBroker(name, programs, cores?.broker)
      const target = ['--socket', broker.socket, '--server-pid', String(broker.pid)]
      try {
        runs.get(name)?.push(await runNative<Result>(program, [...target, ...args], cores?.load))
      } catch (error) {
        failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
        if (name === 'ours') report.noteFailure()
      } finally {
        await broker.stop()
      }
    }
  }
  progress('')
  return { runs, failures }
}

export interface Property<Result> {
  readonly name: string
  readonly of: (result: Result) => number
}

/** A row per property, a column per broker. */
export function showProperties<Result>(
  { report }: BenchContext,
  title: string,
  properties: readonly Property<Result>[],
  { runs, failures }: NativeRounds<Result>,
): void {
  const columns: Column<Property<Result>>[] = [
    { title: '', cell: ({ name }) => name },
    ...[...runs].map(([broker, results]) => ({
      title: broker,
      cell: ({ of }: Property<Result>) =>
        results.length === 0 ? '–' : showFigure(figureOf(results.map(of))),
    })),
  ]
  report.table(title, columns, properties)
  for (const failure of failures) report.say(failure)
}
