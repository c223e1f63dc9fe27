/** What every part of this benchmark works with. */

import type { BrokerName, BrokerPrograms } from './brokers.ts'
import type { Cores } from './cores.ts'
import type { StageName } from './load-run.ts'
import type { NativePrograms } from './native-programs.ts'
import type { Report } from './report.ts'

export interface BenchContext {
  readonly report: Report
  /** Those that are asked for and can be had here. */
  readonly brokers: readonly BrokerName[]
  readonly programs: BrokerPrograms
  readonly native: NativePrograms | { readonly missing: string }
  /** Path of the reference's command line. */
  readonly tool: string | { readonly missing: string }
  readonly cores: Cores | undefined
  readonly rounds: number
  readonly workers: readonly number[]
  readonly payloads: readonly number[]
  /** Of the reference's tool, per stage. */
  readonly iterations: number
  readonly limitSeconds: number
  /** Of our own load: per one-way stage; ping-pong stages run a tenth. */
  readonly operations: number
  readonly stages: readonly StageName[]
  readonly clients: number
  readonly window: number
}
