/** Opens the configured store, or says in words for the operator why it cannot and what to do. */

import { systemClock } from '../core/clock.ts'
import type { LogStore, LogStoreOptions } from '../core/log-store.ts'
import type { Logger } from '../core/logger.ts'
import { BusError, type ErrorReason } from '../model/errors.ts'
import type { NodeId } from '../model/node-id.ts'
import type { Config } from './config-schema.ts'
import { messageOf, StartError } from './start-error.ts'
import { engines } from './stores.ts'

const hints: Partial<Record<ErrorReason, string>> = {
  already_running: 'stop it first, or give this one another folder with --data',
  foreign_node: 'use the node id of the store, another --data, or --adopt-node-id to take it over',
  foreign_data: 'give an empty or new folder with --data',
  newer_schema: 'start the version that wrote it, or a later one',
  engine_missing: 'or choose another engine with --storage',
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
  try {
    return await engines[config.storage.engine].open(storeOptions(config, folder, logger))
  } catch (error) {
    throw storeError(`cannot open the store in ${folder}`, error)
  }
}

/** What the engine says with what the operator can do about it. */
export function storeError(what: string, error: unknown): StartError {
  const hint = error instanceof BusError ? hints[error.reason] : undefined
  const text = `${what}: ${messageOf(error)}${hint === undefined ? '' : `; ${hint}`}`
  return new StartError(text, { cause: error })
}
