/** Where what is built for benchmarks stays: outside of the repository, in the user's cache. */

import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

const cacheHome = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')

export const cacheFolder = join(cacheHome, 'msgbus-bench')
