import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextSyncState } from './sync-state.ts'

const attempt = { peer: 'p', log: undefined, localHead: 3, remoteHead: 5 }

test('failures count up and keep the last success, a success starts anew', () => {
  const failed = nextSyncState(undefined, { ...attempt, lastAttemptAtMs: 10, error: 'no' })
  assert.equal(failed.lastSuccessAtMs, 0)
  assert.equal(failed.consecutiveFailures, 1)
  assert.equal(failed.lastError, 'no')
  const succeeded = nextSyncState(failed, { ...attempt, lastAttemptAtMs: 20 })
  assert.deepEqual(succeeded, {
    ...attempt,
    lastSyncedHead: 3,
    lastAttemptAtMs: 20,
    lastSuccessAtMs: 20,
    consecutiveFailures: 0,
    lastError: '',
  })
  const again = nextSyncState(succeeded, { ...attempt, lastAttemptAtMs: 30, error: 'why' })
  const oneMore = nextSyncState(again, { ...attempt, lastAttemptAtMs: 40, error: 'how' })
  assert.equal(oneMore.lastSuccessAtMs, 20)
  assert.equal(oneMore.lastAttemptAtMs, 40)
  assert.equal(oneMore.consecutiveFailures, 2)
})

test('the counter saturates at 2^32-1', () => {
  const row = nextSyncState(undefined, { ...attempt, lastAttemptAtMs: 1, error: 'no' })
  const full = { ...row, consecutiveFailures: 2 ** 32 - 1 }
  const next = nextSyncState(full, { ...attempt, lastAttemptAtMs: 2, error: 'no' })
  assert.equal(next.consecutiveFailures, 2 ** 32 - 1)
})
