/**
 * The contract of core/log-store.ts as tests. Every engine runs all of them; its test file is a few
 * lines. What only one engine has stays in that engine's tests, and a bug found in one engine
 * becomes a test here. `suite/` holds the parts, one idea each.
 */

import { describe } from 'node:test'
import { appendSuite } from './suite/append-suite.ts'
import { crashSuite } from './suite/crash-suite.ts'
import { deleteSuite } from './suite/delete-suite.ts'
import { faultSuite } from './suite/fault-suite.ts'
import { historySuite } from './suite/history-suite.ts'
import { keptSuite } from './suite/kept-suite.ts'
import { lifecycleSuite } from './suite/lifecycle-suite.ts'
import { markerSuite } from './suite/marker-suite.ts'
import { noteSuite } from './suite/note-suite.ts'
import { publishIdSuite } from './suite/publish-id-suite.ts'
import { queueSuite } from './suite/queue-suite.ts'
import { readSuite } from './suite/read-suite.ts'
import { replicateSuite } from './suite/replicate-suite.ts'
import type { LogStoreTraits, OpenLogStore } from './suite/store-fixture.ts'

/** Registers the suite for one engine, with node:test. */
export function logStoreSuite(name: string, open: OpenLogStore, traits: LogStoreTraits = {}): void {
  const context = { open, traits }
  describe(name, () => {
    describe('append', () => appendSuite(context))
    describe('publish ids', () => publishIdSuite(context))
    describe('read', () => readSuite(context))
    describe('delete and trim', () => deleteSuite(context))
    describe('kept and history', () => keptSuite(context))
    describe('replicate', () => replicateSuite(context))
    describe('delete markers', () => markerSuite(context))
    describe('queues and peers', () => queueSuite(context))
    describe('notes', () => noteSuite(context))
    describe('life cycle', () => lifecycleSuite(context))
    describe('faults', () => faultSuite(context))
    describe('histories', () => historySuite(context))
    describe('crashes', () => crashSuite(context))
  })
}
