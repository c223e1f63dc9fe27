/** Many connected clients: what they cost in memory, and in CPU while they do nothing but ping. */

import { spawnSync } from 'node:child_process'

import { showNumber } from '../figures.ts'
import type { BenchContext } from './bench-context.ts'
import { type Property, runNativeRounds, showProperties } from './native-rounds.ts'

/** What native/many-clients.c prints. */
interface ManyClientsResult {
  readonly clients: number
  readonly connectSeconds: number
  readonly residentBefore: number
  readonly residentConnected: number
  /** After each had sent a message to itself. */
  readonly residentUsed: number
  readonly residentIdle: number
  /** CPU of the broker while all ping once a second and two exchange a message per millisecond. */
  readonly idleCpuShare: number
  readonly p50Us: number
  readonly p99Us: number
  /** From a publication until all clients have it. */
  readonly fanOutUs: number
  /** CPU of the broker per delivery of such a publication. */
  readonly deliveryCpuUs: number
  /** Highest meanwhile. */
  readonly residentMost: number
}

const mostClients = 10_000
// Of the files a process may have open, those are left for other things.
const otherFiles = 500
const seconds = 5

const properties: readonly Property<ManyClientsResult>[] = [
  { name: 'memory before, MB', of: ({ residentBefore }) => residentBefore / 1e6 },
  { name: 'all connected, MB', of: ({ residentConnected }) => residentConnected / 1e6 },
  { name: 'each has sent a message, MB', of: ({ residentUsed }) => residentUsed / 1e6 },
  { name: `after ${seconds} s of pings, MB`, of: ({ residentIdle }) => residentIdle / 1e6 },
  {
    name: 'memory per client, kB',
    of: (result) => (result.residentIdle - result.residentBefore) / result.clients / 1e3,
  },
  { name: 'connects/s', of: (result) => result.clients / result.connectSeconds },
  { name: 'CPU for pings, % of a core', of: ({ idleCpuShare }) => 100 * idleCpuShare },
  { name: 'p50 of two others, µs', of: ({ p50Us }) => p50Us },
  { name: 'p99 of two others, µs', of: ({ p99Us }) => p99Us },
  { name: 'a publication reaches all after, ms', of: ({ fanOutUs }) => fanOutUs / 1e3 },
  { name: 'CPU per delivery of it, µs', of: ({ deliveryCpuUs }) => deliveryCpuUs },
  { name: 'memory meanwhile, MB', of: ({ residentMost }) => residentMost / 1e6 },
]

export async function runManyClients(context: BenchContext): Promise<void> {
  const { report, native, brokers } = context
  if ('missing' in native) return report.say(`\nmany clients: skipped, ${native.missing}`)
  const clients = Math.min(mostClients, openFilesMost() - otherFiles)
  const title = `${showNumber(clients)} connected clients`
  const { runs, failures } = await runNativeRounds<ManyClientsResult>(context, {
    title,
    brokers,
    program: native['many-clients'],
    args: ['--clients', String(clients), '--seconds', String(seconds)],
  })
  showProperties(context, title, properties, { runs, failures })
  report.add('manyClients', { ...Object.fromEntries(runs), failures })
}

/** What the system allows a process at most; brokers and load raise theirs to it. */
function openFilesMost(): number {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -H -n'], { encoding: 'utf8' })
  const most = Number(stdout)
  return Number.isInteger(most) && most > 0 ? most : Infinity
}
