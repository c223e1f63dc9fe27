/** Made-up observations of a daemon, for tests. */

import type { ClientInfo, DaemonStatus, LogInfo, QueueInfo } from '../../client/core.ts'
import type { Observation } from './daemon-watch.ts'

export interface Observed {
  readonly clients?: readonly Partial<ClientInfo>[]
  readonly logs?: readonly {
    readonly topic: string
    readonly headId: bigint
    readonly device?: string
  }[]
  readonly queues?: readonly Partial<QueueInfo>[]
  readonly metrics?: Readonly<Record<string, number>>
  readonly startedAtMs?: number
  readonly status?: Partial<DaemonStatus>
}

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'desk' }

const anyStatus: DaemonStatus = {
  node,
  version: '0.1.0',
  storage: 'memory',
  durability: 'memory',
  epoch: 'epoch',
  dataFolder: '/data',
  startedAtMs: 0,
  ready: true,
  error: '',
  logs: 0,
  lastSequence: 0,
  storedBytes: 0,
  lastCommitAgeMs: 0,
  damagedRecords: 0,
  subscriptions: 0,
  queues: 0,
  listeners: [],
  residentBytes: 1_048_576,
  freeDiskBytes: 1_048_576,
  historyLogs: 0,
  historyBytes: 0,
}

const anyClient: ClientInfo = {
  id: 0,
  name: '',
  user: 'anonymous',
  protocol: 'busrt',
  transport: 'tcp',
  source: '127.0.0.1:1',
  listener: undefined,
  connectedAtMs: 0,
  receivedFrames: 0,
  receivedBytes: 0,
  sentFrames: 0,
  sentBytes: 0,
  subscriptions: 0,
  instances: 1,
  queuedBytes: 0,
  congested: false,
}

const anyQueue: QueueInfo = {
  queue: 'q',
  depth: 0,
  leased: 0,
  lastSequence: 0,
  oldestAtMs: 0,
  consumers: 0,
  forwarding: undefined,
}

/** @param atMs when all of it was read */
export function observed(atMs: number, what: Observed): Observation {
  const { clients = [], logs = [], queues = [], metrics = {}, startedAtMs = 0, status } = what
  return {
    status: { atMs, value: { ...anyStatus, startedAtMs, ...status } },
    metrics: { atMs, value: new Map(Object.entries(metrics)) },
    clients: { atMs, value: clients.map((client) => ({ ...anyClient, ...client })) },
    logs: { atMs, value: logs.map(logOf) },
    queues: { atMs, value: queues.map((queue) => ({ ...anyQueue, ...queue })) },
  }
}

function logOf({ topic, headId, device = 'desk' }: NonNullable<Observed['logs']>[number]): LogInfo {
  return { topic, origin: { ...node, deviceId: device }, headId, trimmedTo: 0n, storedBytes: 100 }
}
