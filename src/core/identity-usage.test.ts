/** What one user may use over all its connections, and names that are taken over. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Identity } from '../model/identity.ts'
import { levelFilter } from '../model/level-filter.ts'
import type { AccessCheck, IdentityLimits } from './access.ts'
import { openLiveBus, suiteNode } from './live-suite.ts'

const alice: Identity = { user: 'alice', groups: [], method: 'password' }
const bob: Identity = { user: 'bob', groups: [], method: 'password' }
const quota = { code: 'resource_exhausted', reason: 'quota_exceeded' }

class Limits implements AccessCheck {
  readonly isOpen = false
  version = 0
  limits: IdentityLimits = {}
  readonly records: string[] = []

  refusal(_: unknown, action: string): string | undefined {
    return action === 'admin' ? 'no' : undefined
  }

  limitsOf(identity: Identity): IdentityLimits | undefined {
    return identity.user === 'alice' ? this.limits : undefined
  }

  refused(_: unknown, action: string, resource: string): void {
    this.records.push(`${action} ${resource}`)
  }
}

async function open(limits: IdentityLimits = {}) {
  const access = new Limits()
  access.limits = limits
  return { access, ...(await openLiveBus({ access })) }
}

describe('one user', () => {
  test('has so many connections at a time, and others do not count', async () => {
    const { join } = await open({ connections: 2 })
    const first = join('a', { identity: alice })
    join('b', { identity: alice })
    join('c', { identity: bob })
    assert.throws(() => join('d', { identity: alice }), quota)
    first.close()
    join('d', { identity: alice })
  })

  test('has so many subscriptions over its connections, whatever kind', async () => {
    const { join } = await open({ subscriptions: 2 })
    const [one, two] = [join('a', { identity: alice }), join('b', { identity: alice })]
    one.subscribe('x')
    const log = { topic: 't', origin: suiteNode }
    const sink = { deliver: () => true, end: () => undefined }
    const options = { kind: 'log', log, start: { at: 'now' } } as const
    const subscription = two.handle.subscribe(options, sink)
    assert.throws(() => two.subscribe('y'), quota)
    assert.throws(() => one.handle.subscribe(options, sink), quota)
    subscription.close()
    one.unsubscribe('x')
    two.subscribe('y', 'z')
    two.close()
    one.subscribe('y', 'z')
    assert.throws(() => one.live.subscribe(levelFilter('mqtt', 'w')), quota)
  })

  test('publishes so many messages and bytes per second, acknowledged or not', async () => {
    const { join, clock } = await open({ publishesPerSecond: 2, publishBytesPerSecond: 1_000 })
    const [one, two] = [join('a', { identity: alice }), join('b', { identity: alice })]
    const other = join('c', { identity: bob })
    for (const client of [one, two, one, two]) assert.equal(client.publish('t', 'x'), 'published')
    assert.equal(one.publish('t', 'x'), 'refused')
    await assert.rejects(two.store('t', 'x'), quota)
    assert.equal(other.publish('t', 'x'), 'published')
    clock.advance(1_000)
    assert.equal(one.publish('t', 'y'.repeat(5_000)), 'published')
    assert.equal(one.publish('t', 'x'), 'refused')
    clock.advance(2_000)
    assert.equal(one.publish('t', 'x'), 'refused', 'what was too much is owed')
    clock.advance(2_000)
    assert.equal(one.publish('t', 'x'), 'published')
  })
})

describe('a name', () => {
  test('is not taken over by another user', async () => {
    const { join } = await open()
    const first = join('n', { identity: alice })
    assert.throws(() => join('n', { identity: bob, replace: true }), { reason: 'name_taken' })
    const second = join('n', { identity: alice, replace: true })
    assert.equal(first.inbox.endedBy?.reason, 'replaced')
    assert.equal(second.inbox.endedBy, undefined)
  })

  test('that is taken over again and again is held up, and on record', async () => {
    const { join, clock, access } = await open()
    join('n', { identity: alice })
    for (let i = 0; i < 5; i++) join('n', { identity: alice, replace: true })
    const again = () => join('n', { identity: alice, replace: true })
    assert.throws(again, { reason: 'takeover_loop' })
    assert.deepEqual(access.records, ['connect n'])
    clock.advance(10_001)
    again()
  })
})
