/** Opens the configured store, or says in words for the operator why it cannot and what to do. */

import { systemClock } from '../core/clock.ts'
import type { LogStore, LogStoreOptions } from '../core/log-store.ts'
import type { Logger } from '../core/logger.ts'
import { BusError, type ErrorReason } from '../model/errors.ts'
import type { NodeId } from '../model/node-id.ts'
import { openLogStore } from '../stores/engines.ts'
import type { Config } from './config-schema.ts'
import { messageOf, StartError } from './start-error.ts'

// Engines say what is wrong with which folder; what they cannot know is our flags.
const hints: Partial<Record<ErrorReason, string>> = {
  already_running: '; stop it first, or give this one another folder with --data',
  foreign_node: ' with --adopt-node-id',
}

export function nodeOf({ node }: Config): NodeId {
  return { tenantId: node.tenantId, blName: node.blName, deviceId: node.deviceId }
}

export function storeOptions(config: Config, folder: string, logger: Logger): LogStoreOptions {
  return {
    folder,
    node: nodeOf(config),
    durability: config.storage.durability,
    clock: systemClock,
    logger,
    publishIdWindowMs: config.limits.publishIdWindowMs,
    publishIdCount: config.limits.publishIdCount,
    keepDeletedPayloads: config.storage.deletedPayload === 'keep',
    adoptNodeId: config.node.adopt,
  }
}

/** @param folder absolute. @throws StartError */
export async function openStore(config: Config, folder: string, logger: Logger): Promise<LogStore> {
  const { engine } = config.storage
  try {
    return await openLogStore(engine, storeOptions(config, folder, logger))
  } catch (error) {
    throw storeError(`cannot open the store in ${folder}`, error)
  }
}

/** What the engine says with what the operator can do about it; `what` is for errors of no engine. */
export function storeError(what: string, error: unknown): StartError {
  const text = messageOf(error)
  if (!(error instanceof BusError)) return new StartError(`${what}: ${text}`, { cause: error })
  return new StartError(`${text}${hints[error.reason] ?? ''}`, { cause: error })
}
