// Proves which rows `msgbus sync status` shows without --logs.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerSyncState } from '../../model/peer-sync-state.ts'
import { isWorthALine } from './sync.ts'

const origin = { tenantId: 't', blName: 'b', deviceId: 'd' }

function row(peer: string, topic: string | undefined, more: Partial<PeerSyncState>): PeerSyncState {
  return {
    peer,
    log: topic === undefined ? undefined : { topic, origin },
    localHead: 5,
    remoteHead: 5,
    lastSyncedHead: 5,
    lastAttemptAtMs: 1,
    lastSuccessAtMs: 1,
    consecutiveFailures: 0,
    lastError: '',
    ...more,
  }
}

test('peers, and logs that are behind or fail by themselves', () => {
  const rows = [
    row('one', undefined, {}),
    row('one', 'in step', {}),
    row('one', 'behind', { localHead: 4 }),
    row('one', 'failing', { lastError: 'fork' }),
    row('two', undefined, { lastError: 'nobody there' }),
    row('two', 'as its peer', { lastError: 'nobody there' }),
    row('two', 'failing', { lastError: 'fork' }),
  ]
  const shown = rows.filter(isWorthALine).map(({ peer, log }) => `${peer} ${log?.topic ?? ''}`)
  assert.deepEqual(shown, ['one ', 'one behind', 'one failing', 'two ', 'two failing'])
})
