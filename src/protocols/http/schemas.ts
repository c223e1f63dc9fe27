/**
 * The JSON of the API as schemas, from which the OpenAPI document is made. They say the same as the interfaces of
 * wire/http-api.ts, and the compiler sees to that.
 */

import { z } from 'zod'
import type {
  BroadcastJson,
  ClientJson,
  ClientsJson,
  DamageJson,
  DeletedJson,
  ErrorJson,
  FetchJson,
  HeadsJson,
  LastValuesJson,
  LogJson,
  MessageJson,
  NodeIdJson,
  PeerJson,
  PeersJson,
  QueueFrontJson,
  QueueJson,
  QueueMessageJson,
  QueuesJson,
  ReceiptJson,
  ReceiptsJson,
  RuleJson,
  RulesJson,
  SentJson,
  SettledJson,
  StatusJson,
  TopicEntryJson,
  TopicJson,
  TopicLevelJson,
} from '../../wire/http-api.ts'

/** Schemas with a name of their own in the document. */
export const schemaRegistry = z.registry<{ id: string }>()

/** Gives a schema its name in the document. */
export function named<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  schemaRegistry.add(schema, { id })
  return schema
}

const count = () => z.int().min(0)
const timeMs = () => z.int().describe('Milliseconds since 1970.')
const headers = () => z.record(z.string(), z.string())

const nodeId = named(
  'NodeId',
  z.object({ tenantId: z.string(), blName: z.string(), deviceId: z.string() }),
) satisfies z.ZodType<NodeIdJson>

const payload = {
  text: z.string().optional().describe('The payload, where it is well-formed UTF-8.'),
  base64: z.string().optional().describe('The payload, where it is not.'),
}

export const messageSchema = named(
  'Message',
  z.object({
    topic: z.string(),
    origin: nodeId,
    id: z.string(),
    headId: count().describe('Position in its log; 0: not stored.'),
    sequence: count().describe('Place in the commit order of this daemon; 0: none.'),
    createdAtMs: timeMs(),
    headers: headers(),
    deleted: z.boolean().optional(),
    ...payload,
  }),
) satisfies z.ZodType<MessageJson>

export const receiptSchema = named(
  'Receipt',
  z.object({
    topic: z.string(),
    id: z.string().describe('Empty with `stored=false`.'),
    headId: count().describe('0: not stored.'),
    sequence: count(),
    createdAtMs: timeMs(),
    duplicate: z
      .boolean()
      .describe('The publish id was seen before; this is what was stored then.'),
  }),
) satisfies z.ZodType<ReceiptJson>

export const errorSchema = named(
  'Error',
  z.object({
    error: z.object({
      code: z.string().describe('One of the sixteen canonical codes, in snake_case.'),
      reason: z.string().describe('Stable word for programs.'),
      message: z.string().describe('For people.'),
      name: z.string().optional().describe('What the callee calls its error.'),
      details: z.object(payload).optional().describe('What belongs to the error of a callee.'),
    }),
  }),
) satisfies z.ZodType<ErrorJson>

export const receiptsSchema = named(
  'Receipts',
  z.object({ results: z.array(z.union([receiptSchema, errorSchema])) }),
) satisfies z.ZodType<ReceiptsJson>

export const publishedSchema = named('Published', z.union([receiptSchema, receiptsSchema]))

const damage = named(
  'Damage',
  z.object({ topic: z.string(), origin: nodeId, fromHead: count(), toHead: count() }),
) satisfies z.ZodType<DamageJson>

export const fetchSchema = named(
  'Fetch',
  z.object({
    topic: z.string(),
    origin: nodeId,
    messages: z.array(messageSchema),
    next: count().describe('Head id to go on with.'),
    headId: count().describe('Last head id of the log; 0: nothing was ever stored.'),
    damaged: z.array(damage),
  }),
) satisfies z.ZodType<FetchJson>

export const lastValuesSchema = named(
  'LastValues',
  z.object({ messages: z.array(messageSchema), more: z.boolean() }),
) satisfies z.ZodType<LastValuesJson>

const log = named(
  'Log',
  z.object({
    topic: z.string(),
    origin: nodeId,
    headId: count(),
    trimmedTo: count().describe('Messages up to here were given up by retention.'),
    bytes: count(),
    lastSequence: count(),
  }),
) satisfies z.ZodType<LogJson>

export const headsSchema = named(
  'Heads',
  z.object({ logs: z.array(log), more: z.boolean() }),
) satisfies z.ZodType<HeadsJson>

export const deletedSchema = named(
  'Deleted',
  z.object({ deleted: count() }),
) satisfies z.ZodType<DeletedJson>

export const topicSchema = named(
  'Topic',
  z.object({
    topic: z.string(),
    publications: count().describe('Since it is remembered, of all origins.'),
    storedBytes: count(),
    logs: z.array(log),
    last: messageSchema.optional(),
  }),
) satisfies z.ZodType<TopicJson>

const topicEntry = named(
  'TopicEntry',
  z.object({
    level: z.string(),
    path: z.string(),
    topicsBelow: count(),
    publications: count().describe('Of its topic and all below.'),
    topic: topicSchema.optional(),
  }),
) satisfies z.ZodType<TopicEntryJson>

export const topicLevelSchema = named(
  'TopicLevel',
  z.object({ under: z.string(), entries: z.array(topicEntry), more: z.boolean() }),
) satisfies z.ZodType<TopicLevelJson>

const queue = named(
  'Queue',
  z.object({
    queue: z.string(),
    depth: count(),
    leased: count(),
    lastSequence: count(),
    oldestAtMs: timeMs().optional(),
    consumers: count(),
    forwarding: z
      .object({
        target: z.string(),
        queue: z.string(),
        state: z.enum(['idle', 'sending', 'waiting']),
        attempts: count(),
        lastError: z.string(),
      })
      .optional(),
  }),
) satisfies z.ZodType<QueueJson>

export const queuesSchema = named(
  'Queues',
  z.object({ queues: z.array(queue) }),
) satisfies z.ZodType<QueuesJson>

export const queueMessageSchema = named(
  'QueueMessage',
  z.object({
    queue: z.string(),
    id: z.string(),
    topic: z.string(),
    source: nodeId,
    target: nodeId,
    headers: headers(),
    createdAtMs: timeMs(),
    sequence: count(),
    attempts: count(),
    ...payload,
  }),
) satisfies z.ZodType<QueueMessageJson>

export const queueFrontSchema = named(
  'QueueFront',
  z.object({ message: queueMessageSchema.nullable() }),
) satisfies z.ZodType<QueueFrontJson>

export const settledSchema = named(
  'Settled',
  z.object({ settled: z.boolean().describe('False: it is not the front of its queue.') }),
) satisfies z.ZodType<SettledJson>

const client = named(
  'Client',
  z.object({
    id: count(),
    name: z.string(),
    user: z.string(),
    protocol: z.string(),
    transport: z.string(),
    source: z.string().optional(),
    listener: z.string().optional(),
    connectedAtMs: timeMs(),
    receivedFrames: count(),
    receivedBytes: count(),
    sentFrames: count(),
    sentBytes: count(),
    subscriptions: count(),
    instances: count(),
    queuedBytes: count(),
    congested: z.boolean(),
  }),
) satisfies z.ZodType<ClientJson>

export const clientsSchema = named(
  'Clients',
  z.object({ clients: z.array(client), more: z.boolean() }),
) satisfies z.ZodType<ClientsJson>

export const sentSchema = named(
  'Sent',
  z.object({ sent: z.literal(true) }),
) satisfies z.ZodType<SentJson>

export const broadcastSchema = named(
  'Broadcast',
  z.object({ receivers: count() }),
) satisfies z.ZodType<BroadcastJson>

const peer = named(
  'Peer',
  z.object({
    peer: z.string(),
    link: z.object({
      node: z.string(),
      direction: z.enum(['outgoing', 'incoming']),
      state: z.enum(['connecting', 'up', 'waiting', 'cut_off']),
      kind: z.enum(['link', 'v1', 'standby', 'none']),
      rttMs: z.number().nullable(),
      lag: count(),
      behind: count(),
      receivedBytes: count(),
      sentBytes: count(),
      upSinceMs: timeMs().nullable(),
    }),
    lastAttemptAtMs: timeMs(),
    lastSuccessAtMs: timeMs(),
    consecutiveFailures: count(),
    lastError: z.string(),
    logs: z.array(
      z.object({
        topic: z.string(),
        origin: nodeId,
        localHead: count(),
        remoteHead: count(),
        lastSuccessAtMs: timeMs(),
      }),
    ),
  }),
) satisfies z.ZodType<PeerJson>

export const peersSchema = named(
  'Peers',
  z.object({ peers: z.array(peer) }),
) satisfies z.ZodType<PeersJson>

const bound = () => z.int().nullable().describe('null: no bound.')

const rule = named(
  'Rule',
  z.object({
    filter: z.string(),
    store: z.enum(['acked', 'always', 'never']).optional(),
    last: z.boolean().optional(),
    maxPayloadBytes: count().optional(),
    slowReader: z.enum(['wait', 'drop-newest', 'drop-oldest']).optional(),
    retention: z
      .object({
        maxAgeMs: bound().optional(),
        maxMessages: bound().optional(),
        maxBytes: bound().optional(),
      })
      .optional(),
  }),
) satisfies z.ZodType<RuleJson>

export const rulesSchema = named(
  'Rules',
  z.object({
    rules: z.array(rule),
    history: z.object({ maxAgeMs: bound(), maxBytes: bound() }),
  }),
) satisfies z.ZodType<RulesJson>

export const statusSchema = named(
  'Status',
  z.object({
    node: nodeId,
    version: z.string(),
    ready: z.boolean(),
    error: z.string().describe('Why it is not ready.'),
    nowMs: timeMs(),
    startedAtMs: timeMs(),
    listeners: z.array(z.object({ protocol: z.string(), address: z.string(), tls: z.boolean() })),
    store: z.object({
      engine: z.string(),
      durability: z.string(),
      epoch: z.string(),
      dataFolder: z.string(),
      logs: count(),
      bytesOnDisk: count(),
      lastSequence: count(),
      lastCommitAgeMs: count().nullable().describe('null: nothing was stored since the start.'),
      damagedRecords: count(),
      freeDiskBytes: count().nullable().describe('null: unknown.'),
    }),
    history: z.object({ logs: count(), bytes: count() }).nullable(),
    clients: count(),
    subscriptions: count(),
    queues: count(),
    topics: count(),
    residentBytes: count(),
    counters: z.object({
      published: count(),
      delivered: count(),
      refused: count(),
      dropped: count(),
      receivedFrames: count(),
      receivedBytes: count(),
      sentFrames: count(),
      sentBytes: count(),
      callsMade: count(),
      callsFailed: count(),
      slowClientsDisconnected: count(),
    }),
  }),
) satisfies z.ZodType<StatusJson>
