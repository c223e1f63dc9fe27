import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientInfo } from '../../../src/client/core.ts'
import { ClientRates } from './client-rates.ts'

function client(id: number, receivedFrames: number): ClientInfo {
  return {
    id,
    name: '',
    user: '',
    protocol: 'tmb',
    transport: 'tcp',
    source: undefined,
    listener: undefined,
    connectedAtMs: 0,
    receivedFrames,
    receivedBytes: 0,
    sentFrames: 2 * receivedFrames,
    sentBytes: 0,
    subscriptions: 0,
    instances: 1,
    queuedBytes: 0,
    congested: false,
  }
}

test('rates of clients that were there before', () => {
  const rates = new ClientRates()
  const seen = (clients: readonly ClientInfo[], nowMs: number) =>
    rates
      .add(clients, nowMs)
      .map((rated) => [rated.id, rated.receivedPerSecond, rated.sentPerSecond])
  assert.deepEqual(seen([client(1, 10)], 1_000), [[1, undefined, undefined]])
  assert.deepEqual(seen([client(1, 30), client(2, 5)], 3_000), [
    [1, 10, 20],
    [2, undefined, undefined],
  ])
  assert.deepEqual(seen([client(2, 6)], 4_000), [[2, 1, 2]])
})
