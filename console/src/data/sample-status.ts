/** An answer of `/v1/status` for tests. */

import type { StatusJson } from '../../../src/wire/http-api.ts'

export interface SampleStatus {
  readonly nowMs: number
  readonly startedAtMs?: number
  /** Stored since the start; twice as much was delivered. */
  readonly published?: number
}

export function sampleStatus({ nowMs, startedAtMs = 0, published = 0 }: SampleStatus): StatusJson {
  return {
    node: { tenantId: 't', blName: 'b', deviceId: 'd' },
    version: '1',
    ready: true,
    error: '',
    nowMs,
    startedAtMs,
    listeners: [],
    store: {
      engine: 'memory',
      durability: 'memory',
      epoch: '',
      dataFolder: '',
      logs: 0,
      bytesOnDisk: 0,
      lastSequence: 0,
      lastCommitAgeMs: null,
      damagedRecords: 0,
      freeDiskBytes: null,
    },
    history: null,
    clients: 0,
    subscriptions: 0,
    queues: 0,
    topics: 0,
    residentBytes: 0,
    counters: {
      published,
      delivered: 2 * published,
      refused: 0,
      dropped: 0,
      receivedFrames: 0,
      receivedBytes: 0,
      sentFrames: 0,
      sentBytes: 0,
      callsMade: 0,
      callsFailed: 0,
      slowClientsDisconnected: 0,
    },
  }
}
