/**
 * `npm run bench -- busrt [options]`: our BUS/RT broker beside the reference and a plain relay.
 *
 *   --only PART,…        load, tool, slow, clients; all of them without it
 *   --until-crash N      instead: the reference's benchmark N times in a row, against ours
 *   --store-guard        instead: measures what test/performance compares with, and stores it
 *   --brokers NAME,…     reference, relay, ours
 *   --rounds 5           each broker once per round
 *   --workers 1,4,8      connections of the reference's benchmark
 *   --payload 10,100,…   bytes; the whole list is for the reference's benchmark, our own load takes
 *                        100 unless told
 *   --iterations 200000  per stage of the reference's benchmark
 *   --limit 120          seconds after which a run of it that completes nothing has hung
 *   --operations 1000000 per one-way stage of our own load; other stages run a tenth
 *   --stages NAME,…      of our own load
 *   --clients 8, --window 500  of our own load
 *   --json               one document instead of tables
 *
 * It ends with 1 when a run against our broker failed.
 */

import process from 'node:process'
import { parseArgs } from 'node:util'

import { machine } from '../figures.ts'
import type { BenchContext } from './bench-context.ts'
import { brokerNames } from './brokers.ts'
import { pinnedCores } from './cores.ts'
import { measureGuard, storeGuard } from './guard.ts'
import { runLoadRounds } from './load-rounds.ts'
import { stageNames } from './load-run.ts'
import { runManyClients } from './many-clients.ts'
import { nativePrograms } from './native-programs.ts'
import { describeQuietness, measureQuietness } from './quiet-machine.ts'
import { findReference } from './reference.ts'
import { Report } from './report.ts'
import { runSlowReader } from './slow-reader.ts'
import { runToolRounds } from './tool-rounds.ts'
import { runUntilCrash } from './until-crash.ts'

const parts = {
  load: runLoadRounds,
  slow: runSlowReader,
  clients: runManyClients,
  // Last, since it takes hours with all of its workers and payloads.
  tool: runToolRounds,
} as const satisfies Record<string, (context: BenchContext) => Promise<void>>
const partNames = Object.keys(parts) as (keyof typeof parts)[]

const text = { type: 'string' } as const
const options = {
  only: text,
  'until-crash': text,
  'store-guard': { type: 'boolean', default: false },
  brokers: text,
  rounds: { ...text, default: '5' },
  workers: { ...text, default: '1,4,8' },
  payload: text,
  iterations: { ...text, default: '200000' },
  limit: { ...text, default: '120' },
  operations: { ...text, default: '1000000' },
  stages: text,
  clients: { ...text, default: '8' },
  window: { ...text, default: '500' },
  json: { type: 'boolean', default: false },
} as const

type Settings = ReturnType<typeof settingsOf>

export async function run(args: string[]): Promise<void> {
  let settings: Settings
  try {
    settings = settingsOf(args)
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 2
    return
  }
  // What was started ends when this process exits, which it would not do in order by a signal alone.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  await (settings.storesGuard ? takeGuard() : takeFigures(settings))
}

/** @throws Error that says what is wrong with them */
function settingsOf(args: string[]) {
  const { values } = parseArgs({ args, options })
  const untilCrash = values['until-crash']
  return {
    storesGuard: values['store-guard'],
    asJson: values.json,
    /** How many runs in a row; undefined: the parts. */
    untilCrash: untilCrash === undefined ? undefined : numberOf(untilCrash, 'until-crash'),
    parts: namesOf(values.only, partNames, 'only'),
    /** Undefined: nobody said. */
    brokers:
      values.brokers === undefined ? undefined : namesOf(values.brokers, brokerNames, 'brokers'),
    payloads: values.payload === undefined ? undefined : numbersOf(values.payload, 'payload'),
    measures: {
      rounds: numberOf(values.rounds, 'rounds'),
      workers: numbersOf(values.workers, 'workers'),
      iterations: numberOf(values.iterations, 'iterations'),
      limitSeconds: numberOf(values.limit, 'limit'),
      operations: numberOf(values.operations, 'operations'),
      stages: namesOf(values.stages, stageNames, 'stages'),
      clients: numberOf(values.clients, 'clients'),
      window: numberOf(values.window, 'window'),
    },
  }
}

async function takeGuard(): Promise<void> {
  const native = nativePrograms()
  if ('missing' in native) throw new Error(native.missing)
  const ratios = await measureGuard(native)
  storeGuard(ratios)
  process.stdout.write(`${JSON.stringify(ratios)}\n`)
}

async function takeFigures(settings: Settings): Promise<void> {
  const native = nativePrograms()
  const reference = findReference()
  const programs = {
    reference: 'missing' in reference ? undefined : reference.broker,
    relay: 'missing' in native ? undefined : native.relay,
  }
  const report = new Report(settings.asJson)
  const context: BenchContext = {
    ...settings.measures,
    report,
    brokers: (settings.brokers ?? brokerNames).filter(
      (name) => name === 'ours' || programs[name] !== undefined,
    ),
    programs,
    native,
    tool: 'missing' in reference ? reference : reference.tool,
    cores: pinnedCores(),
    payloads: settings.payloads ?? [10, 100, 1_000, 10_000],
  }

  report.say(`${machine()}; median (smallest … largest)`)
  if ('missing' in native) report.say(`without the relay and our own load: ${native.missing}`)
  if ('missing' in reference) report.say(`without the reference: ${reference.missing}`)
  const quietness = await measureQuietness()
  report.say(describeQuietness(quietness))

  if (settings.untilCrash === undefined) {
    for (const name of settings.parts) {
      const payloads = name === 'load' ? (settings.payloads ?? [100]) : context.payloads
      await parts[name]({ ...context, payloads })
    }
  } else {
    const brokers = settings.brokers === undefined ? (['ours'] as const) : context.brokers
    await runUntilCrash({ ...context, brokers }, settings.untilCrash)
  }

  const quietnessAfter = await measureQuietness()
  const drift = quietnessAfter.loopMs / quietness.loopMs - 1
  report.say(`\nAfterwards: ${describeQuietness(quietnessAfter)}; the loop took ${percent(drift)}`)
  report.add('machine', machine())
  report.add('quietness', { before: quietness, after: quietnessAfter })
  report.end()
}

function percent(share: number): string {
  return `${Math.abs(100 * share).toFixed(1)} % ${share < 0 ? 'less' : 'more'}`
}

/** Names of a list; all of them when none is given. @throws Error that lists the known ones */
function namesOf<Name extends string>(
  list: string | undefined,
  known: readonly Name[],
  option: string,
): readonly Name[] {
  if (list === undefined) return known
  return list.split(',').map((name) => {
    const found = known.find((other) => other === name)
    if (found === undefined) throw new Error(`--${option} ${name}: one of ${known.join(', ')}`)
    return found
  })
}

function numbersOf(list: string, option: string): readonly number[] {
  return list.split(',').map((item) => numberOf(item, option))
}

function numberOf(item: string, option: string): number {
  const number = Number(item)
  if (!Number.isInteger(number) || number < 1) {
    throw new Error(`--${option} ${item}: a whole number from 1 is needed`)
  }
  return number
}
