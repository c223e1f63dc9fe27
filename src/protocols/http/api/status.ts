/** What the daemon is and how it is doing, for people and for the console. */

import { statfs } from 'node:fs/promises'
import { z } from 'zod'
import { systemClock } from '../../../core/clock.ts'
import type { PeerRow } from '../../../core/peering.ts'
import type { BusClient } from '../../../core/bus-client.ts'
import type { PeerSyncState } from '../../../model/peer-sync-state.ts'
import type { TopicRule } from '../../../model/topic-rule.ts'
import type { PeerJson, RuleJson, StatusJson } from '../../../wire/http-api.ts'
import type { AdapterContext } from '../../adapter.ts'
import { toNodeJson } from '../message-json.ts'
import { json, operation } from '../operation.ts'
import { peersSchema, rulesSchema, statusSchema } from '../schemas.ts'

export const getStatus = operation({
  id: 'status',
  method: 'GET',
  path: '/v1/status',
  tag: 'daemon',
  summary: 'What the daemon is and how it is doing.',
  description:
    'Answered also while the store is being opened. Counters grow from the start of the daemon; rates are differences.',
  query: z.strictObject({}),
  answer: { description: 'The status.', schema: statusSchema },
  async run({ client, context }) {
    return json(await statusOf(context, client))
  },
})

export const listPeers = operation({
  id: 'peers',
  method: 'GET',
  path: '/v1/peers',
  tag: 'daemon',
  summary: 'The daemons this one synchronises with, and how far each of their logs has come.',
  query: z.strictObject({}),
  answer: { description: 'Peers that are dialled, then those that dialled.', schema: peersSchema },
  async run({ client, context }) {
    const states = await client.log.syncStates()
    const rows = context.peering?.()?.list(client) ?? []
    return json({ peers: rows.map((row) => peerOf(row, states)) })
  },
})

export const listRules = operation({
  id: 'rules',
  method: 'GET',
  path: '/v1/rules',
  tag: 'daemon',
  summary: 'Topic rules in the order in which they are asked, and what holds without one.',
  query: z.strictObject({}),
  answer: { description: 'The rules.', schema: rulesSchema },
  run({ context }) {
    const daemon = context.describe?.()
    const { maxAgeMs = Infinity, maxBytes = Infinity } = daemon?.history ?? {}
    return json({
      rules: (daemon?.topicRules ?? []).map(toRuleJson),
      history: { maxAgeMs: toBound(maxAgeMs), maxBytes: toBound(maxBytes) },
    })
  },
})

/** Where the daemon keeps things and listens is for administrators. */
async function statusOf(
  { bus, version, describe }: AdapterContext,
  client: BusClient,
): Promise<StatusJson> {
  const { node, ready, error, store, epoch, lastSequence, history, subscriptions, queues } =
    bus.status()
  const daemon = describe?.()
  const isAdmin = client.maySee('admin', '')
  const counters = daemon?.counters
  let topics = 0
  for (const { publications } of bus.topicTable()) if (publications > 0) topics += 1
  return {
    node: toNodeJson(node),
    version,
    ready,
    error,
    nowMs: systemClock.now(),
    startedAtMs: daemon?.startedAtMs ?? 0,
    listeners: (isAdmin ? (daemon?.listeners ?? []) : []).map(({ protocol, address, tls }) => {
      return { protocol, address, tls }
    }),
    store: {
      engine: daemon?.storage ?? '',
      durability: bus.store?.guarantees.durability ?? '',
      epoch,
      dataFolder: isAdmin ? (daemon?.dataFolder ?? '') : '',
      logs: store?.logs ?? 0,
      bytesOnDisk: store?.bytesOnDisk ?? 0,
      lastSequence,
      lastCommitAgeMs: ageMs(store?.lastCommitAt),
      damagedRecords: store?.damagedRecords ?? 0,
      freeDiskBytes: await freeBytes(daemon?.dataFolder),
    },
    history: history === undefined ? null : { logs: history.logs, bytes: history.bytes },
    clients: daemon?.clients ?? bus.clients().length,
    subscriptions,
    queues,
    topics,
    residentBytes: process.memoryUsage.rss(),
    counters: {
      published: counters?.messagesPublished ?? 0,
      delivered: counters?.messagesDelivered ?? 0,
      refused: counters?.messagesRefused ?? 0,
      dropped: counters?.messagesDropped ?? 0,
      ...bus.traffic(),
      callsMade: counters?.callsMade ?? 0,
      callsFailed: counters?.callsFailed ?? 0,
      slowClientsDisconnected: counters?.slowClientsDisconnected ?? 0,
    },
  }
}

function ageMs(since: number | undefined): number | null {
  return since === undefined ? null : Math.max(0, Math.round(systemClock.monotonic() - since))
}

async function freeBytes(folder: string | undefined): Promise<number | null> {
  if (folder === undefined) return null
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    // There is no such folder (yet), or no such question on this system.
    return null
  }
}

/** From the row about the peer as a whole and those about its logs. */
function peerOf(row: PeerRow, states: readonly PeerSyncState[]): PeerJson {
  const { peer, node, direction, kind, lag, behind, receivedBytes, sentBytes } = row
  const { rttMs = null, upSinceMs = null } = row
  const traffic = { lag, behind, receivedBytes, sentBytes }
  const own = states.filter((state) => state.peer === peer)
  const whole = own.find(({ log }) => log === undefined)
  return {
    peer,
    link: { node, direction, state: row.state, kind, rttMs, ...traffic, upSinceMs },
    lastAttemptAtMs: whole?.lastAttemptAtMs ?? 0,
    lastSuccessAtMs: whole?.lastSuccessAtMs ?? 0,
    consecutiveFailures: whole?.consecutiveFailures ?? 0,
    lastError: row.lastError || (whole?.lastError ?? ''),
    logs: own.flatMap(({ log, localHead, remoteHead, lastSuccessAtMs }) => {
      if (log === undefined) return []
      const origin = toNodeJson(log.origin)
      return [{ topic: log.topic, origin, localHead, remoteHead, lastSuccessAtMs }]
    }),
  }
}

function toRuleJson(rule: TopicRule): RuleJson {
  const { filter, store, last, maxPayloadBytes, slowReader, retention } = rule
  return {
    filter,
    store,
    last,
    maxPayloadBytes,
    slowReader,
    retention: retention && {
      maxAgeMs: retention.maxAgeMs === undefined ? undefined : toBound(retention.maxAgeMs),
      maxMessages: retention.maxMessages === undefined ? undefined : toBound(retention.maxMessages),
      maxBytes: retention.maxBytes === undefined ? undefined : toBound(retention.maxBytes),
    },
  }
}

/** JSON has no infinity. */
function toBound(value: number): number | null {
  return value === Infinity ? null : value
}
