/** One stage of our own load (native/load.c) against a broker. */

import { runNative } from './run-native.ts'

/** In the order in which they run. */
export const stageNames = [
  'send.qos.no',
  'send+recv.qos.no',
  'peer.qos.no',
  'pub.fanout',
  'fanin',
  'send.qos.processed',
  'send+recv.qos.processed',
  'rpc.call',
  'rpc.call0',
  'rpc.call+handle',
  'mixed.latency',
] as const
export type StageName = (typeof stageNames)[number]

/** One operation at a time per client; the others send without waiting for each. */
export function isPingPong(stage: StageName): boolean {
  return stage.endsWith('.processed') || stage.startsWith('rpc.')
}

export interface LoadOptions {
  readonly stage: StageName
  /** Deliveries of `pub.fanout`; operations elsewhere. */
  readonly operations: number
  readonly clients: number
  readonly payloadBytes: number
  /** Most messages on their way per sender, in one-way stages. */
  readonly window: number
}

export interface LoadResult {
  readonly operations: number
  readonly seconds: number
  /** All threads of the broker. */
  readonly serverCpuSeconds: number
  readonly ownCpuSeconds: number
  /** Of one operation, ping-pong stages and the probe of `mixed.latency`; else 0. */
  readonly p50Us: number
  readonly p99Us: number
  readonly serverResidentBytes: number
}

/** @throws Error when a delivery or an acknowledgement is missing or wrong */
export async function runLoad(
  program: string,
  broker: { readonly socket: string; readonly pid: number },
  options: LoadOptions,
  core?: number,
): Promise<LoadResult> {
  const { stage, operations, clients, payloadBytes, window } = options
  const args = ['--socket', broker.socket, '--server-pid', String(broker.pid), '--stage', stage]
  const numbers = { operations, clients, payload: payloadBytes, window }
  return runNative<LoadResult>(
    program,
    [...args, ...Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)])],
    core,
  )
}

export function ratePerSecond({ operations, seconds }: LoadResult): number {
  return operations / seconds
}

/** Microseconds of the broker per operation. */
export function cpuMicros({ operations, serverCpuSeconds }: LoadResult): number {
  return (1e6 * serverCpuSeconds) / operations
}
