import { openJournal } from '../../journal/open-journal.ts'
import { logStoreSuite } from '../log-store-suite.ts'
import { FaultyEngine } from '../suite/faulty-engine.ts'
import { openSqliteLogStore, restoreSqliteLogStore } from './sqlite-log-store.ts'
import { sqliteEngine } from './sqlite-storage.ts'

logStoreSuite('sqlite', openSqliteLogStore, {
  isPersistent: true,
  restore: restoreSqliteLogStore,
  crashChild: {
    module: new URL('./sqlite-log-store.js', import.meta.url).href,
    exportName: 'openSqliteLogStore',
  },
  openFaulty: async (options) => {
    const engine = new FaultyEngine(sqliteEngine)
    return { store: await openJournal(engine, options), fail: (fault) => engine.fail(fault) }
  },
})
