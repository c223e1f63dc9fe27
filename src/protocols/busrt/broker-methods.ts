/**
 * What `.broker` can be asked (spec/busrt 5.1), and what is ours beyond it: reading stored topics
 * (`log.list`, `log.head`, `log.fetch`, `log.subscribe`) and last values (`topic.last`). Parameters and results are
 * msgpack maps with text keys; unknown keys are ignored. Existing clients see nothing new unless they ask.
 *
 * | method | parameters | result |
 * | `log.list` | `filter`? | `{"logs": [{topic, origin, head, trimmed_to, bytes}]}` |
 * | `log.head` | `topic`, `origin`? | `{"head": uint or nil}` |
 * | `log.fetch` | `topic`, `origin`?, `from`? (1), `limit`? (100) | `{"messages": [MESSAGE], "next": uint}` |
 * | `log.subscribe` | `topic` (filter), and one of `from` (head id; plain topic), `after` (sequence), `all` (true) | `{"after": uint, "until": uint, "epoch": str}` |
 * | `topic.last` | `topic` | MESSAGE or nil |
 *
 * MESSAGE: `{topic, origin, head, sequence, id, payload (bin), headers, created_at_ms, publisher, deleted}`; `origin` is the
 * list `[tenant, bl, device]`. `log.subscribe` subscribes the asking client to the filter and sends it, as ordinary
 * publications, first what is stored and then what follows, without gap or repeat.
 */

import { encode, decode } from '@msgpack/msgpack'
import { RE2JS } from 're2js'
import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { ClientInfo, Sender } from '../../core/live.ts'
import { publisherHeader } from '../../core/live-bus.ts'
import { levelFilterMatcher } from '../../core/topic-tree.ts'
import { BusError } from '../../model/errors.ts'
import { levelFilter } from '../../model/level-filter.ts'
import type { StoredMessage } from '../../model/message.ts'
import type { NodeId } from '../../model/node-id.ts'
import { rpcCodeOfResult, rpcErrorCodes } from '../../wire/busrt/rpc.ts'
import { mayKnowOf } from '../visible-clients.ts'
import { RpcFailure } from './daemon-inbox.ts'
import { resultOfError } from './translate.ts'

export interface BrokerMethodsOptions {
  readonly bus: Bus
  readonly clock: Clock
  readonly version: string
  /** Monotonic. */
  readonly startedAt: number
}

/** @throws RpcFailure, or rejects with it */
export type BrokerMethod = (params: Uint8Array, sender: Sender) => Uint8Array | Promise<Uint8Array>

type Params = Readonly<Record<string, unknown>>

const fetchLimitDefault = 100
const fetchBytes = 4_194_304
/** Compiling is linear in the length of an expression, and more than this is no expression of a person. */
const patternMost = 1_000
const paramBytesMost = 65_536
const kinds = new Set(['internal', 'local_ipc', 'tcp', 'websocket'])

export function brokerMethods(options: BrokerMethodsOptions): ReadonlyMap<string, BrokerMethod> {
  const { bus, clock, version, startedAt } = options
  const plain: Record<string, () => unknown> = {
    test: () => ({ ok: true }),
    info: () => ({ author: 'msgbus', version }),
    stats: () => {
      const { receivedFrames, receivedBytes, sentFrames, sentBytes } = bus.traffic()
      return {
        uptime: Math.floor((clock.monotonic() - startedAt) / 1_000),
        r_frames: receivedFrames,
        r_bytes: receivedBytes,
        w_frames: sentFrames,
        w_bytes: sentBytes,
      }
    },
  }
  const reading: Record<string, (params: Params, sender: Sender) => unknown> = {
    'log.list': (params, sender) => listLogs(bus, params, sender),
    'log.head': (params, sender) => ({
      head: clientOf(bus, sender).log.head(logOf(bus, params)) ?? null,
    }),
    'log.fetch': (params, sender) => fetchLog(bus, params, sender),
    'log.subscribe': (params, sender) => subscribeLog(bus, params, sender),
    'topic.last': (params, sender) => {
      const topic = textParam(params, 'topic')
      clientOf(bus, sender).log.head({ topic, origin: bus.node })
      const last = bus.lastValue(topic)
      return last === undefined ? null : packMessage(last)
    },
  }
  const methods = new Map<string, BrokerMethod>()
  for (const [name, answer] of Object.entries(plain)) {
    methods.set(name, (params) => {
      if (params.length > 0) throw new RpcFailure(rpcErrorCodes.invalidParams)
      return encode(answer())
    })
  }
  methods.set('client.list', (params, sender) => {
    return encode({ clients: listClients(bus, params, sender) })
  })
  for (const [name, answer] of Object.entries(reading)) {
    methods.set(name, (params, sender) => answerBus(() => answer(unpackMap(params), sender)))
  }
  return methods
}

/** An answer of the bus, packed; its errors become those of the RPC layer. */
async function answerBus(answer: () => unknown): Promise<Uint8Array> {
  try {
    return encode(await answer())
  } catch (error) {
    if (!(error instanceof BusError)) throw error
    throw new RpcFailure(rpcCodeOfResult(resultOfError(error)), error.message)
  }
}

/** Primaries of all protocols, by the bytes of their names. */
function listClients(bus: Bus, params: Uint8Array, sender: Sender): Record<string, unknown>[] {
  const matches = nameFilter(params)
  const clients = bus
    .clients()
    .filter((client) => isPrimary(client) && matches(client.name))
    .filter(mayKnowOf(clientOf(bus, sender)))
  clients.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
  return clients.map((client) => ({
    name: client.name,
    kind: kinds.has(client.transport) ? client.transport : 'internal',
    source: client.source ?? null,
    port: client.listener?.replace(/^unix:/, '') ?? null,
    r_frames: client.receivedFrames,
    r_bytes: client.receivedBytes,
    w_frames: client.sentFrames,
    w_bytes: client.sentBytes,
    // The reference counts frames; what waits here is counted in bytes.
    queue: client.queuedBytes,
    instances: client.instances,
  }))
}

function isPrimary({ name }: ClientInfo): boolean {
  // Of the daemon's own clients, those who know BUS/RT expect one.
  return name !== '' && !name.includes('%%') && (!name.startsWith('.') || name === '.broker')
}

/** Empty parameters, `{"filter": …}` or `[…]` (spec 5.1). @throws RpcFailure parse error */
function nameFilter(params: Uint8Array): (name: string) => boolean {
  if (params.length === 0) return () => true
  requireShort(params)
  let filter: unknown
  try {
    const given = decode(params)
    if (Array.isArray(given) && given.length === 1) filter = given[0] as unknown
    else if (isMap(given)) filter = given['filter']
    else throw new Error('expected a map with the key "filter"')
  } catch (error) {
    throw parseFailure(error)
  }
  if (filter === undefined || filter === null) return () => true
  if (typeof filter !== 'string') throw parseFailure(new Error('the filter is not a text'))
  if (filter.length > patternMost) {
    throw parseFailure(new Error(`the filter is longer than ${patternMost} characters`))
  }
  try {
    // Linear in the name's length, whatever the expression.
    const expression = RE2JS.compile(filter)
    return (name) => expression.matcher(name).find()
  } catch (error) {
    throw parseFailure(error)
  }
}

function listLogs(bus: Bus, params: Params, sender: Sender): unknown {
  const { filter: given } = params
  const filter = given === undefined || given === null ? undefined : textParam(params, 'filter')
  const matches =
    filter === undefined ? () => true : levelFilterMatcher(levelFilter('busrt', filter))
  const logs = clientOf(bus, sender).log.list()
  return {
    logs: logs
      .filter(({ topic }) => matches(topic))
      .map(({ topic, origin, head, trimmedTo, bytes }) => {
        return { topic, origin: packNode(origin), head, trimmed_to: trimmedTo, bytes }
      }),
  }
}

async function fetchLog(bus: Bus, params: Params, sender: Sender): Promise<unknown> {
  const from = countParam(params, 'from') ?? 1
  const messages = Math.min(
    countParam(params, 'limit') ?? fetchLimitDefault,
    bus.limits.fetchMessages,
  )
  const limit = { messages, bytes: fetchBytes }
  const page = await clientOf(bus, sender).log.fetch(logOf(bus, params), from, limit)
  return { messages: page.messages.map(packMessage), next: page.nextHead }
}

async function subscribeLog(bus: Bus, params: Params, sender: Sender): Promise<unknown> {
  const topic = textParam(params, 'topic')
  const filter = levelFilter('busrt', topic)
  const client = clientOf(bus, sender)
  let after = countParam(params, 'after')
  const from = countParam(params, 'from')
  if (from !== undefined) {
    const log = logOf(bus, params)
    const { messages } = await client.log.fetch(log, from, { messages: 1 })
    after =
      messages[0] === undefined ? bus.status().lastSequence : Math.max(0, messages[0].sequence - 1)
  } else if (params['all'] === true) after = 0
  const until = bus.status().lastSequence
  client.live.subscribeFrom(filter, after ?? until)
  return { after: after ?? until, until, epoch: bus.status().epoch }
}

/** The bus as the asking client, so that its rights hold. */
function clientOf(bus: Bus, sender: Sender) {
  const client = bus.handle(sender.name)
  if (client === undefined) throw new RpcFailure(rpcErrorCodes.internal, 'the client is gone')
  return client
}

function logOf(bus: Bus, params: Params): { topic: string; origin: NodeId } {
  const origin = params['origin']
  const topic = textParam(params, 'topic')
  if (origin === undefined || origin === null) return { topic, origin: bus.node }
  if (
    Array.isArray(origin) &&
    origin.length === 3 &&
    origin.every((part) => typeof part === 'string')
  ) {
    const [tenantId, blName, deviceId] = origin as [string, string, string]
    return { topic, origin: { tenantId, blName, deviceId } }
  }
  throw new RpcFailure(rpcErrorCodes.invalidParams, 'origin is not [tenant, bl, device]')
}

function packMessage(message: StoredMessage): Record<string, unknown> {
  return {
    topic: message.topic,
    origin: packNode(message.origin),
    head: message.headId,
    sequence: message.sequence,
    id: message.id,
    payload: message.payload,
    headers: Object.fromEntries(message.headers),
    created_at_ms: message.createdAtMs,
    publisher: message.headers.get(publisherHeader) ?? '',
    deleted: message.deleted,
  }
}

function packNode({ tenantId, blName, deviceId }: NodeId): [string, string, string] {
  return [tenantId, blName, deviceId]
}

function unpackMap(params: Uint8Array): Params {
  if (params.length === 0) return {}
  requireShort(params)
  let given: unknown
  try {
    given = decode(params)
  } catch (error) {
    throw parseFailure(error)
  }
  if (!isMap(given)) throw new RpcFailure(rpcErrorCodes.invalidParams, 'expected a map')
  return given
}

/** Unpacking costs more the deeper it is nested; nothing that is asked for needs more room. */
function requireShort(params: Uint8Array): void {
  if (params.length <= paramBytesMost) return
  throw new RpcFailure(rpcErrorCodes.parse, `parameters of more than ${paramBytesMost} bytes`)
}

function textParam(params: Params, key: string): string {
  const value = params[key]
  if (typeof value === 'string') return value
  throw new RpcFailure(rpcErrorCodes.invalidParams, `${key} is missing or no text`)
}

function countParam(params: Params, key: string): number | undefined {
  const value = params[key]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new RpcFailure(rpcErrorCodes.invalidParams, `${key} is no whole number`)
}

function isMap(value: unknown): value is Params {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value)
  )
}

function parseFailure(error: unknown): RpcFailure {
  const text = error instanceof Error ? error.message : 'not understood'
  return new RpcFailure(rpcErrorCodes.parse, text)
}
