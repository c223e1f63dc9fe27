/** `msgbusd restore`: a backup file becomes a new store in a data folder that holds none. */

import { createReadStream } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { resolve } from 'node:path'
import { formatNodeId } from '../model/node-id.ts'
import { engines } from '../stores/engines.ts'
import type { Config } from './config-schema.ts'
import { nodeOf, storeError, storeOptions } from './open-store.ts'
import { createLogger } from './pino-logger.ts'
import { messageOf, StartError } from './start-error.ts'

/** Returns what was done, as a line for people. @throws StartError; then the folder is as it was */
export async function restore(backupFile: string, config: Config): Promise<string> {
  const { engine } = config.storage
  const folder = resolve(config.storage.data)
  const restoreStore = engines[engine].restore
  if (restoreStore === undefined) {
    throw new StartError(`a restored ${engine} store would be gone at once; choose lmdb or sqlite`)
  }
  await access(backupFile, constants.R_OK).catch((error: unknown) => {
    throw new StartError(`the backup cannot be read: ${messageOf(error)}`, { cause: error })
  })
  const { level } = config.log
  const logger = createLogger({ level, format: 'pretty', node: formatNodeId(nodeOf(config)) })
  try {
    const options = storeOptions(config, folder, logger)
    const store = await restoreStore(createReadStream(backupFile), options)
    const logs = [...store.logs()].length
    await store.close()
    return `restored ${logs} logs of ${backupFile} into ${folder} (${engine})`
  } catch (error) {
    throw storeError(`cannot restore ${backupFile} into ${folder}`, error)
  }
}
