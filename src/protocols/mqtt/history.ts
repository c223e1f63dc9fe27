/**
 * History for MQTT clients by request and response (docs/protocols/mqtt.md): a publication on `$msgbus/history/TOPIC` that
 * names a response topic is answered with a page of what is stored, as JSON. The answer goes to whoever asked and to
 * nobody else, so that it needs no right to publish and can be used against nobody; it has to be subscribed to.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import { levelFilterMatcher } from '../../core/topic-tree.ts'
import { BusError, toBusError } from '../../model/errors.ts'
import { levelFilter } from '../../model/level-filter.ts'
import type { Headers, LogKey, StoredMessage } from '../../model/message.ts'
import { parseTopicFilter } from '../../model/topic-filter.ts'
import { isTopicFilter, isTopicName } from './filters.ts'

export const historyPrefix = '$msgbus/history/'

/** A question as it came. */
export interface HistoryRequest {
  /** What stands behind the prefix; empty: the payload names a filter. */
  readonly topic: string
  readonly payload: Uint8Array
}

/** A question that was read; one that cannot be answered has the error. */
export interface HistoryQuestion {
  /** From the payload, for clients whose version has no response topic; undefined: it names none. */
  readonly replyTo: string | undefined
  /** Comes back in the answer. */
  readonly id: unknown
  readonly asked: Asked | BusError
}

interface Asked {
  readonly filter: string
  readonly after: number
  readonly newest: number | undefined
  readonly sinceMs: number
  readonly limit: number
}

export interface HistoryAnswer {
  readonly payload: Uint8Array
  /** Undefined: it could be answered. */
  readonly error: BusError | undefined
}

const messagesMost = 1_000
const messagesDefault = 100
/** Payloads of one page; a single message may be larger. */
const pageBytes = 262_144
/** Pages looked at for one answer, when most of what is there is too old. */
const pagesMost = 20
const requestBytesMost = 65_536
const known = new Set(['filter', 'after', 'newest', 'since', 'limit', 'replyTo', 'id'])
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** Never throws: what is wrong is part of the answer. */
export function readQuestion({ topic, payload }: HistoryRequest): HistoryQuestion {
  let replyTo: string | undefined
  let id: unknown
  try {
    const fields = parse(payload)
    id = fields['id']
    replyTo = readReplyTo(fields)
    return { replyTo, id, asked: read(topic, fields) }
  } catch (error) {
    return { replyTo, id, asked: toBusError(error) }
  }
}

/** Never rejects. */
export async function answerHistory(
  bus: Bus,
  client: BusClient,
  { id, asked }: HistoryQuestion,
): Promise<HistoryAnswer> {
  const common = id === undefined ? {} : { id }
  try {
    if (asked instanceof BusError) throw asked
    const page = await readPage(bus, client, asked)
    return { payload: encode({ ...common, ...page }), error: undefined }
  } catch (error) {
    const { code, reason, message } = toBusError(error)
    const payload = encode({ ...common, error: { code, reason, message } })
    return { payload, error: toBusError(error) }
  }
}

interface Page {
  readonly messages: readonly object[]
  /** `after` of the next question. */
  readonly next: number
  /** Nothing more is stored behind it. */
  readonly end: boolean
}

async function readPage(bus: Bus, client: BusClient, question: Asked): Promise<Page> {
  const { filter, newest, sinceMs, limit } = question
  const { store } = bus
  if (store === undefined) {
    throw new BusError('unavailable', 'starting', 'the store is being opened; try again')
  }
  const matches = levelFilterMatcher(levelFilter('mqtt', filter))
  const isExact = isTopicName(filter)
  // Of one topic a refusal is told; of many, those that may not be read are left out.
  const wants = (log: LogKey) => {
    if (!matches(log.topic)) return false
    try {
      client.log.head(log)
      return true
    } catch (error) {
      if (isExact) throw error
      return false
    }
  }
  if (newest !== undefined) return readNewest(bus, client, filter, newest)
  // Also when nothing was ever stored there.
  if (isExact) client.log.head({ topic: filter, origin: bus.node })
  const found: object[] = []
  const until = store.lastSequence
  let { after } = question
  let bytes = 0
  for (let pages = 0; pages < pagesMost && after < until; pages++) {
    const left = { messages: limit - found.length, bytes: pageBytes - bytes }
    const page = await store.readFeed(after, wants, left)
    after = page.nextAfter
    for (const message of page.messages) {
      bytes += message.payload.length
      if (!message.deleted && message.createdAtMs >= sinceMs) found.push(shown(message))
    }
    if (found.length >= limit || bytes >= pageBytes) break
  }
  return { messages: found, next: Math.min(after, until), end: after >= until }
}

async function readNewest(
  bus: Bus,
  client: BusClient,
  topic: string,
  count: number,
): Promise<Page> {
  const origins = client.log.list(parseTopicFilter(topic)).map(({ origin }) => origin)
  const newest: StoredMessage[] = []
  for (const origin of origins) {
    const log = { topic, origin }
    const from = Math.max(1, (client.log.head(log) ?? 0) - count + 1)
    const { messages } = await client.log.fetch(log, from, { messages: count, bytes: pageBytes })
    newest.push(...messages.filter(({ deleted }) => !deleted))
  }
  const sorted = newest.sort((one, other) => one.sequence - other.sequence).slice(-count)
  const { store } = bus
  const next = sorted.at(-1)?.sequence ?? store?.lastSequence ?? 0
  return { messages: sorted.map(shown), next, end: true }
}

function shown({ topic, origin, headId, sequence, createdAtMs, payload, headers }: StoredMessage) {
  const { tenantId, blName, deviceId } = origin
  return {
    topic,
    origin: `${tenantId}/${blName}/${deviceId}`,
    headId,
    sequence,
    at: createdAtMs,
    ...payloadOf(payload),
    ...(headers.size > 0 && { headers: shownHeaders(headers) }),
  }
}

function shownHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name !== 'mqtt-properties'))
}

/** As text where it is well formed UTF-8, otherwise in base64: as the HTTP API does. */
function payloadOf(payload: Uint8Array): { readonly text: string } | { readonly base64: string } {
  try {
    return { text: strict.decode(payload) }
  } catch {
    return { base64: Buffer.from(payload).toString('base64') }
  }
}

function parse(payload: Uint8Array): Record<string, unknown> {
  if (payload.length === 0) return {}
  if (payload.length > requestBytesMost) throw bad('the question is too large')
  let value: unknown
  try {
    value = JSON.parse(strict.decode(payload))
  } catch {
    throw bad('the payload is neither empty nor JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw bad('the payload is no JSON object')
  }
  return value as Record<string, unknown>
}

function readReplyTo({ replyTo }: Record<string, unknown>): string | undefined {
  if (replyTo === undefined) return undefined
  if (typeof replyTo === 'string' && isTopicName(replyTo)) return replyTo
  throw bad('replyTo is no topic name')
}

function read(topic: string, fields: Record<string, unknown>): Asked {
  const { filter: given } = fields
  for (const name of Object.keys(fields)) {
    if (!known.has(name)) throw bad(`${JSON.stringify(name)} is not known`)
  }
  if (topic !== '' && given !== undefined) throw bad('the topic and a filter exclude each other')
  const filter = topic === '' ? given : topic
  if (typeof filter !== 'string' || !isTopicFilter(filter) || filter.startsWith('$share/')) {
    throw bad('there is neither a topic nor a filter')
  }
  if (filter.startsWith('$msgbus')) {
    throw new BusError('permission_denied', 'reserved_topic', 'this is not for clients')
  }
  const newest = number(fields, 'newest', 1, messagesMost)
  if (newest !== undefined && !isTopicName(filter)) throw bad('newest needs a topic of its own')
  return {
    filter,
    newest,
    after: number(fields, 'after', 0, Number.MAX_SAFE_INTEGER) ?? 0,
    sinceMs: number(fields, 'since', 0, Number.MAX_SAFE_INTEGER) ?? 0,
    limit: number(fields, 'limit', 1, messagesMost) ?? messagesDefault,
  }
}

function number(
  fields: Record<string, unknown>,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const value = fields[name]
  if (value === undefined) return undefined
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) {
    return value
  }
  throw bad(`${name} is not a whole number from ${least} to ${most}`)
}

function encode(answer: object): Uint8Array {
  return encoder.encode(JSON.stringify(answer))
}

function bad(message: string): BusError {
  return new BusError('invalid_argument', 'bad_argument', message)
}
