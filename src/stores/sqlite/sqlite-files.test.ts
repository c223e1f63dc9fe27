import { durableEngineSuite } from '../durable-engine-suite.ts'
import { restoreLmdbLogStore } from '../lmdb/lmdb-log-store.ts'
import { openSqliteLogStore } from './sqlite-log-store.ts'

durableEngineSuite({
  name: 'sqlite',
  module: new URL('./sqlite-log-store.js', import.meta.url).href,
  exportName: 'openSqliteLogStore',
  file: 'journal.sqlite',
  open: openSqliteLogStore,
  restoreElsewhere: restoreLmdbLogStore,
  overwritesDeleted: true,
  cutShort: 'storage_failed',
})
