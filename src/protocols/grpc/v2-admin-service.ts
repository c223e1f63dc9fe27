/** `msgbus.v2.AdminService`: what the daemon is, how it is doing, and copies and checks of its store. */

import { statfs } from 'node:fs/promises'
import type { BusClient } from '../../core/bus-client.ts'
import type { DamagedRange, LogStore } from '../../core/log-store.ts'
import { BusError } from '../../model/errors.ts'
import { systemClock } from '../../core/clock.ts'
import {
  adminService,
  encodeBackupResponse,
  encodeVerifyResponse,
} from '../../wire/gen/msgbus-v2.ts'
import type { AdapterContext } from '../adapter.ts'
import { metricsResource } from '../visible-clients.ts'
import type { Calls } from './calls.ts'
import { toWireDamage } from './translate.ts'

/** Pieces of a backup are cut to this, whatever the engine yields. */
const chunkBytes = 262_144

export function addAdminService(calls: Calls, context: AdapterContext): void {
  calls.unary(adminService.getStatus, async (_, { client }) => status(context, client))
  calls.unary(adminService.getMetrics, async (_, { client }) => {
    client.requireAccess('fetch', metricsResource)
    return { text: await context.metricsText() }
  })
  calls.serverStream(adminService.backup, async (_request, responses, { client }) => {
    client.requireAccess('admin', '')
    for await (const piece of requireStore(context).backup()) {
      for (let i = 0; i < piece.length && !responses.isEnded; i += chunkBytes) {
        responses.send([encodeBackupResponse({ chunk: piece.subarray(i, i + chunkBytes) })])
        await responses.room()
      }
      if (responses.isEnded) return
    }
    responses.finish()
  })
  calls.serverStream(adminService.verify, async ({ repair }, responses, { client }) => {
    client.requireAccess('admin', '')
    const peering = repair ? context.peering?.() : undefined
    if (repair && peering === undefined) {
      throw new BusError('unavailable', 'starting', 'there are no links yet; try again')
    }
    let records = 0
    let repaired = 0
    let found: readonly DamagedRange[] = []
    for await (const { recordsChecked, damaged } of requireStore(context).verify()) {
      if (responses.isEnded) return
      records = recordsChecked
      found = damaged
      responses.send([encodeVerifyResponse({ recordsChecked, damaged: damaged.map(toWireDamage) })])
      await responses.room()
    }
    for (const range of found) {
      if (responses.isEnded) return
      repaired += (await peering?.repair(client, range)) ?? 0
    }
    responses.send([encodeVerifyResponse({ recordsChecked: records, done: true, repaired })])
    responses.finish()
  })
}

/** Where the daemon keeps things and listens is for administrators. */
async function status({ bus, version, describe }: AdapterContext, client: BusClient) {
  const { node, ready, error, store, epoch, lastSequence, history, subscriptions, queues } =
    bus.status()
  const daemon = describe?.()
  const isAdmin = client.maySee('admin', '')
  return {
    node,
    version,
    storage: daemon?.storage,
    durability: bus.store?.guarantees.durability,
    epoch,
    dataFolder: isAdmin ? daemon?.dataFolder : undefined,
    startedAtMs: daemon?.startedAtMs,
    ready,
    error,
    logs: store?.logs,
    lastSequence,
    storedBytes: store?.bytesOnDisk,
    lastCommitAgeMs: ageMs(store?.lastCommitAt),
    damagedRecords: store?.damagedRecords,
    subscriptions,
    queues,
    historyLogs: history?.logs,
    historyBytes: history?.bytes,
    listeners: isAdmin ? daemon?.listeners : undefined,
    residentBytes: process.memoryUsage.rss(),
    freeDiskBytes: await freeBytes(daemon?.dataFolder),
  }
}

/** 0 when there was no commit yet. */
function ageMs(since: number | undefined): number {
  // A commit in this very moment is 1 ms old, so that it differs from none.
  return since === undefined ? 0 : Math.max(1, Math.round(systemClock.monotonic() - since))
}

/** 0 when unknown: without a folder, or one that is not there yet. */
async function freeBytes(folder: string | undefined): Promise<number> {
  if (folder === undefined) return 0
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    return 0
  }
}

function requireStore({ bus }: AdapterContext): LogStore {
  if (bus.store !== undefined) return bus.store
  throw new BusError('unavailable', 'starting', 'the store is being opened; try again')
}
