/** Short ways to make messages, to read stores out, and to put what was read into comparable form. */

import assert from 'node:assert/strict'
import type { AppendOutcome, LogInfo, LogStore, ReadLimit } from '../../core/log-store.ts'
import {
  noHeaders,
  type LogKey,
  type OutgoingMessage,
  type StoredMessage,
} from '../../model/message.ts'
import { nodeKey } from '../../model/node-id.ts'
import type { QueueMessage } from '../../model/queue-message.ts'
import { foreignNode, ownNode } from './store-fixture.ts'

export type Replica = Omit<StoredMessage, 'sequence'>

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
// Without the option it would swallow a leading U+FEFF.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
export const textOf = (bytes: Uint8Array): string => utf8.decode(bytes)

export function own(topic: string): LogKey {
  return { topic, origin: ownNode }
}

export function outgoing(
  topic: string,
  text = '',
  more: Partial<OutgoingMessage> = {},
): OutgoingMessage {
  return { topic, payload: bytesOf(text), headers: noHeaders, ...more }
}

/** A message of a foreign log, the same for the same topic and head. */
export function replica(topic: string, headId: number, more: Partial<Replica> = {}): Replica {
  const origin = more.origin ?? foreignNode
  return {
    topic,
    origin,
    id: `${nodeKey(origin)} ${topic} ${headId}`,
    headId,
    payload: bytesOf(`${topic} ${headId}`),
    headers: new Map([['head', String(headId)]]),
    createdAtMs: 1_000 + headId,
    deleted: false,
    ...more,
  }
}

/** Appends one after the other and checks that each was stored. */
export async function publish(
  store: LogStore,
  topic: string,
  texts: readonly string[],
): Promise<StoredMessage[]> {
  const outcomes = await store.append(texts.map((text) => outgoing(topic, text)))
  return outcomes.map(storedIn)
}

/** `count` texts: 1, 2, 3 … */
export function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i + 1))
}

export function storedIn(outcome: AppendOutcome | undefined): StoredMessage {
  assert.equal(outcome?.kind, 'stored')
  return (outcome as AppendOutcome & { kind: 'stored' }).message
}

/** Every message of a log, read in pages; checks what holds for every page. */
export async function readLog(
  store: LogStore,
  log: LogKey,
  limit: ReadLimit = { messages: 1_000 },
): Promise<StoredMessage[]> {
  const all: StoredMessage[] = []
  const end = store.head(log) ?? 0
  let from = 1
  while (from <= end) {
    const page = await store.read(log, from, limit)
    assert.deepEqual(page.damaged, [])
    assert.ok(page.messages.length > 0, 'a read below the head brings at least one message')
    assert.ok(page.messages.length <= limit.messages)
    for (const message of page.messages) {
      assert.equal(message.headId, from, 'heads are contiguous')
      assert.equal(message.topic, log.topic)
      assert.deepEqual(message.origin, log.origin)
      from += 1
    }
    assert.equal(page.nextHead, from)
    all.push(...page.messages)
  }
  return all
}

/** Everything wanted after a position, read in pages; checks what holds for every page. */
export async function readFeed(
  store: LogStore,
  after = 0,
  wants: (log: LogKey) => boolean = () => true,
  limit: ReadLimit = { messages: 1_000 },
): Promise<StoredMessage[]> {
  const all: StoredMessage[] = []
  const end = store.lastSequence
  let position = after
  while (position < end) {
    const page = await store.readFeed(position, wants, limit)
    assert.deepEqual(page.damaged, [])
    assert.ok(page.messages.length <= limit.messages)
    assert.ok(page.nextAfter > position, 'a page of the feed moves the position')
    for (const message of page.messages) {
      assert.ok(message.sequence > position, 'the feed is in commit order')
      position = message.sequence
    }
    assert.ok(page.nextAfter >= position)
    position = page.nextAfter
    all.push(...page.messages)
  }
  return all
}

export interface StoreContent {
  readonly logs: { readonly info: LogInfo; readonly messages: StoredMessage[] }[]
  readonly feed: StoredMessage[]
  readonly queues: { readonly queue: string; readonly messages: QueueMessage[] }[]
  readonly syncStates: unknown[]
  /** Of the tables that suites use. */
  readonly notes: string[]
  readonly lastSequence: number
}

/** Everything a store shows, in an order that does not depend on the engine; checks how it adds up. */
export async function contentOf(store: LogStore): Promise<StoreContent> {
  const logs = []
  for (const info of [...store.logs()].sort(byKey((log) => nodeKey(log.origin) + log.topic))) {
    const messages = (await readLog(store, info)).map(plain)
    const kept = messages.filter((message) => !message.deleted)
    const bytes = kept.reduce((sum, message) => sum + contentBytes(message), 0)
    assert.equal(info.bytes, bytes, `bytes of ${info.topic}`)
    logs.push({ info: plainInfo(info), messages })
  }
  const queues = []
  for (const state of [...store.queues()].sort(byKey((row) => row.queue))) {
    const messages = await store.readQueue(state.queue, 0, { messages: 100_000 })
    queues.push({ ...state, messages: messages.map(plainQueueMessage) })
  }
  const rows = await store.syncStates()
  const rowKey = (row: (typeof rows)[number]) =>
    `${row.peer} ${row.log === undefined ? '' : nodeKey(row.log.origin) + row.log.topic}`
  return {
    logs,
    feed: (await readFeed(store)).map(plain),
    queues,
    syncStates: rows
      .sort(byKey(rowKey))
      .map((row) => ({ ...row, log: row.log && plainKey(row.log) })),
    notes: await notesOf(store),
    lastSequence: store.lastSequence,
  }
}

/** Tables of the notes that suites write. */
export const noteTables = ['notes', 'more notes'] as const

async function notesOf(store: LogStore): Promise<string[]> {
  const notes: string[] = []
  for (const table of noteTables) {
    for await (const { key, value } of store.notes(table)) {
      notes.push(`${table} ${key}: ${Buffer.from(value).toString('hex')}`)
    }
  }
  return notes.sort()
}

/** A message whose parts compare by value: engines may return Buffers, class instances, views. */
export function plain(message: StoredMessage): StoredMessage {
  const { id, headId, sequence, payload, headers, createdAtMs, deleted } = message
  return {
    ...plainKey(message),
    id,
    headId,
    sequence,
    payload: new Uint8Array(payload),
    headers: new Map(headers),
    createdAtMs,
    deleted,
  }
}

export function plainQueueMessage(message: QueueMessage): QueueMessage {
  const { id, queue, topic, source, target, payload, headers, createdAtMs } = message
  return {
    id,
    queue,
    topic,
    source: { ...source },
    target: { ...target },
    payload: new Uint8Array(payload),
    headers: new Map(headers),
    createdAtMs,
    sequence: message.sequence,
    attempts: message.attempts,
  }
}

function contentBytes({ payload, headers }: Pick<StoredMessage, 'payload' | 'headers'>): number {
  let bytes = payload.length
  for (const [key, value] of headers) bytes += bytesOf(key).length + bytesOf(value).length
  return bytes
}

function plainInfo(info: LogInfo): LogInfo {
  const { head, trimmedTo, keptTo, historyTo, holdsKept, bytes, lastSequence } = info
  const kept = { keptTo, historyTo, holdsKept }
  return { ...plainKey(info), head, trimmedTo, ...kept, bytes, lastSequence }
}

function plainKey({ topic, origin }: LogKey): LogKey {
  const { tenantId, blName, deviceId } = origin
  return { topic, origin: { tenantId, blName, deviceId } }
}

function byKey<Row>(key: (row: Row) => string): (a: Row, b: Row) => number {
  return (a, b) => (key(a) < key(b) ? -1 : 1)
}
