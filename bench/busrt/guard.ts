/**
 * A short measurement for every test run: what a message costs our broker, as a multiple of what it
 * costs the plain relay at the same time on the same core. Rates and times of a shared machine say
 * nothing; this ratio hardly moves. `guard.json` has what it was; a test fails far above it.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { packageRoot } from '../../src/daemon/version.ts'
import { figureOf } from '../figures.ts'
import { type Broker, startBroker } from './brokers.ts'
import { pinnedCores } from './cores.ts'
import { cpuMicros, isPingPong, runLoad, type StageName } from './load-run.ts'
import type { NativePrograms } from './native-programs.ts'

/** One that waits for each answer, and one that does not. */
export const guardStages = [
  'send+recv.qos.processed',
  'send+recv.qos.no',
] as const satisfies readonly StageName[]

/** CPU time per message of our broker, divided by that of the relay. */
export type GuardRatios = Readonly<Record<(typeof guardStages)[number], number>>

export interface StoredGuard {
  readonly ratios: GuardRatios
  /** Times the stored ratio: more is a failure. */
  readonly factor: number
}

const file = join(packageRoot, 'bench/busrt/guard.json')
const rounds = 5

export function readGuard(): StoredGuard {
  return JSON.parse(readFileSync(file, 'utf8')) as StoredGuard
}

/** Makes `ratios` what later runs are compared with. */
export function storeGuard(ratios: GuardRatios): void {
  writeFileSync(file, `${JSON.stringify({ ...readGuard(), ratios }, null, 2)}\n`)
}

/** Medians of several short rounds; about three seconds in all. */
export async function measureGuard(native: NativePrograms): Promise<GuardRatios> {
  const cores = pinnedCores()
  const relay = await startBroker('relay', native, cores?.broker)
  try {
    const ours = await startBroker('ours', native, cores?.broker)
    try {
      const cost = async (broker: Broker, stage: StageName) =>
        cpuMicros(await runLoad(native.load, broker, loadOf(stage), cores?.load))
      // What is measured is compiled code.
      for (const stage of guardStages) await cost(ours, stage)
      const ratios: Record<string, number> = {}
      for (const stage of guardStages) {
        const ofRounds: number[] = []
        for (let round = 0; round < rounds; round++) {
          ofRounds.push((await cost(ours, stage)) / (await cost(relay, stage)))
        }
        ratios[stage] = figureOf(ofRounds).median
      }
      return ratios as GuardRatios
    } finally {
      await ours.stop()
    }
  } finally {
    await relay.stop()
  }
}

function loadOf(stage: StageName) {
  const operations = isPingPong(stage) ? 6_000 : 60_000
  return { stage, operations, clients: 8, payloadBytes: 100, window: 500 }
}
