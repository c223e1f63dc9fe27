import { durableEngineSuite } from '../durable-engine-suite.ts'
import { restoreSqliteLogStore } from '../sqlite/sqlite-log-store.ts'
import { openLmdbLogStore } from './lmdb-log-store.ts'

durableEngineSuite({
  name: 'lmdb',
  module: new URL('./lmdb-log-store.js', import.meta.url).href,
  exportName: 'openLmdbLogStore',
  file: 'journal.mdb',
  open: openLmdbLogStore,
  restoreElsewhere: restoreSqliteLogStore,
  overwritesDeleted: false,
  cutShort: 'damaged_store',
})
