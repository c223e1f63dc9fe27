import { logStoreSuite } from '../log-store-suite.ts'
import { openMemoryLogStore, restoreMemoryLogStore } from './memory-log-store.ts'

logStoreSuite('memory', openMemoryLogStore, { restore: restoreMemoryLogStore })
