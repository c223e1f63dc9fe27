import { openJournal } from '../../journal/open-journal.ts'
import { logStoreSuite } from '../log-store-suite.ts'
import { FaultyEngine } from '../suite/faulty-engine.ts'
import { openLmdbLogStore, restoreLmdbLogStore } from './lmdb-log-store.ts'
import { lmdbEngine } from './lmdb-storage.ts'

logStoreSuite('lmdb', openLmdbLogStore, {
  isPersistent: true,
  restore: restoreLmdbLogStore,
  crashChild: {
    module: new URL('./lmdb-log-store.js', import.meta.url).href,
    exportName: 'openLmdbLogStore',
  },
  openFaulty: async (options) => {
    const engine = new FaultyEngine(lmdbEngine)
    return { store: await openJournal(engine, options), fail: (fault) => engine.fail(fault) }
  },
})
