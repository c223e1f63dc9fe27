/**
 * What can be configured, in sections; the sections of the adapters stand beside their code. From
 * this one schema come types, defaults, validation, `config print` and the reference page.
 * Names are camelCase with the unit at the end, as in the code. Every leaf says what it is for.
 */

import { hostname } from 'node:os'
import { z } from 'zod'
import {
  identityLimitsSchema,
  jwtSchema,
  rulesSchema,
  usersSchema,
} from '../access/access-schema.ts'
import { defaultHistoryBounds } from '../core/history-trimmer.ts'
import { BusError } from '../model/errors.ts'
import { defaultLimits, type Limits } from '../model/limits.ts'
import { checkName, type NameField } from '../model/name.ts'
import { parseTopicFilter } from '../model/topic-filter.ts'
import { parseNodeId, parsePeerSpec } from './peer-spec.ts'
import { protocolsSchema } from './protocols.ts'

const day = 86_400_000
const count = () => z.int().min(1)

/** A number, or a word for no bound at all. */
function bound<const Word extends string>(word: Word) {
  return z
    .union([count(), z.enum([word])])
    .transform((value) => (typeof value === 'number' ? value : Infinity))
}

/** Runs a parser of the model inside the schema; what it throws becomes a fault of this value. */
function parsed<Out>(parse: (text: string) => Out) {
  return z.string().transform((value, context) => {
    try {
      return parse(value)
    } catch (error) {
      if (!(error instanceof BusError)) throw error
      context.addIssue(error.message)
      return z.NEVER
    }
  })
}

// Parts with `/` could not be told apart in text (defect L25), so our own node has none.
const nodePart = (field: NameField) =>
  z.string().check((context) => {
    try {
      checkName(field, context.value, defaultLimits.nodeIdPartBytes)
      if (!context.value.includes('/')) return
      context.issues.push({ code: 'custom', input: context.value, message: `${field} contains /` })
    } catch (error) {
      if (!(error instanceof BusError)) throw error
      context.issues.push({ code: 'custom', input: context.value, message: error.message })
    }
  })

const node = z
  .strictObject({
    tenantId: nodePart('tenant_id').default('tenant').describe('First part of the node id.'),
    blName: nodePart('bl_name').default('default').describe('Second part of the node id.'),
    deviceId: nodePart('device_id')
      .default(() => hostname())
      .meta({ description: 'Third part of the node id.', defaultText: 'the host name' }),
    adopt: z
      .boolean()
      .default(false)
      .describe('Take over a store that belongs to another node id, and make it ours.'),
  })
  .prefault({})

const storage = z
  .strictObject({
    engine: z
      .enum(['lmdb', 'sqlite', 'memory'])
      .default('lmdb')
      .describe('The storage engine. `memory` forgets everything when the daemon stops.'),
    data: z
      .string()
      .min(1)
      .default('./msgbus-data')
      .describe('Folder of the store; made when missing.'),
    durability: z
      .enum(['disk', 'os', 'memory'])
      .default('disk')
      .describe(
        'What an acknowledged message survives: `disk` a power cut, `os` a crash of the daemon, `memory` nothing.',
      ),
    deletedPayload: z
      .enum(['erase', 'keep'])
      .default('erase')
      .describe(
        'Whether deleting a message erases its payload; `keep` is what the reference does.',
      ),
    deleteBeyondHead: z
      .enum(['clip', 'keep'])
      .default('clip')
      .describe(
        'A delete beyond the newest message: `clip` it, or `keep` it, so that messages to come are born deleted, as in the reference.',
      ),
    history: z
      .strictObject({
        maxAgeMs: bound('forever')
          .prefault(defaultHistoryBounds.maxAgeMs)
          .describe(
            'How long history is kept: messages that came by other protocols than gRPC and HTTP, on topics without a retention of their own. Trimmed at most ten minutes, or a 24th of the time, later.',
          ),
        maxBytes: bound('unlimited')
          .prefault(defaultHistoryBounds.maxBytes)
          .describe(
            'Bytes of all history together, payloads, headers and 48 for each message; the oldest is trimmed first. Looked at every 10 seconds.',
          ),
      })
      .prefault({}),
  })
  .prefault({})

const file = (text: string) => z.string().min(1).optional().describe(text)

const tls = z
  .strictObject({
    cert: file('PEM file with the certificate of the server and its chain.'),
    key: file('PEM file with its private key.'),
    certificates: z
      .array(
        z.strictObject({
          cert: z.string().min(1).describe('PEM file with a further certificate and its chain.'),
          key: z.string().min(1).describe('PEM file with its private key.'),
        }),
      )
      .default([])
      .describe('Certificates for other names, shown to clients that ask for one of those (SNI).'),
    clientCa: file('PEM file of the authority that certificates of clients are checked against.'),
    clientCertificates: z
      .enum(['required', 'optional', 'off'])
      .default('required')
      .describe(
        'With `clientCa`: whether clients must show a certificate, may (a bad one is refused all the same), or are not asked.',
      ),
    minVersion: z
      .enum(['TLSv1.2', 'TLSv1.3'])
      .default('TLSv1.2')
      .describe('The oldest version that is spoken.'),
    handshakeTimeoutMs: z
      .int()
      .min(100)
      .max(600_000)
      .default(10_000)
      .describe('How long a TLS handshake may take.'),
  })
  .prefault({})
  .superRefine((value, context) => {
    const hasBoth = value.cert !== undefined && value.key !== undefined
    if ((value.cert === undefined) !== (value.key === undefined)) {
      context.addIssue('server TLS cert and key must be configured together')
    }
    if (value.clientCa !== undefined && !hasBoth) {
      context.addIssue('MSGBUS_TLS_CLIENT_CA requires MSGBUS_TLS_CERT and MSGBUS_TLS_KEY')
    }
    if (value.certificates.length > 0 && !hasBoth) {
      context.addIssue(
        'certificates come beside cert and key, which clients that ask for no name get',
      )
    }
  })

const listeners = z
  .array(
    z.strictObject({
      address: z
        .string()
        .min(1)
        .describe('The address as `listen` of its protocol, or its flag, has it.'),
      clientCertificates: z
        .enum(['required', 'optional', 'off'])
        .optional()
        .describe('Instead of `tls.clientCertificates`.'),
      identifyBy: z
        .array(z.enum(['certificate', 'process']))
        .optional()
        .describe(
          'What a connection itself proves and counts as who the client is: its certificate, the process at a Unix socket. Default: both.',
        ),
      maxConnections: count().optional().describe('Connections at a time; default 100,000.'),
      maxConnectionsPerAddress: count()
        .optional()
        .describe('Connections at a time from one IP address; default: no bound of its own.'),
    }),
  )
  .default([])
  .describe('What holds for single listeners and not for all.')

const delay = (defaultMs: number) => z.int().min(10).max(day).default(defaultMs)
const filters = (text: string) => z.array(parsed(parseTopicFilter)).optional().describe(text)

function bothOrNone(
  { cert, key }: { readonly cert?: string | undefined; readonly key?: string | undefined },
  context: z.RefinementCtx,
): void {
  if ((cert === undefined) === (key === undefined)) return
  context.addIssue('peer TLS cert and key must be configured together')
}

const proxy = (description: string) =>
  z
    .string()
    .regex(/^off$|^https?:\/\/[^/]+\/?$/, 'must be http://host:port or off')
    .optional()
    .describe(description)

const sync = z
  .strictObject({
    peers: z
      .union([z.string(), z.array(z.string())])
      .default([])
      .transform((value) => [value].flat().flatMap((item) => item.split(',')))
      .transform((items) => items.map((item) => item.trim()).filter((item) => item !== ''))
      .pipe(z.array(parsed(parsePeerSpec)))
      .superRefine((peers, context) => {
        const endpoints = peers.map((peer) => peer.endpoint)
        endpoints.forEach((endpoint, i) => {
          if (endpoints.indexOf(endpoint) < i) context.addIssue(`${endpoint} is named twice`)
        })
      })
      .describe('Daemons to synchronise with: `endpoint` or `endpoint=tenant/bl/device`.'),
    discover: z
      .boolean()
      .default(false)
      .describe(
        'Announce this daemon on the local network by multicast DNS, and list others that do. Nobody is dialled by that.',
      ),
    intervalMs: z.int().min(100).default(1000).describe('Pause between two passes over a peer.'),
    batchLimit: count()
      .default(100)
      .describe('Messages fetched from a peer at a time; a peer gives 10,000 at most.'),
    parallelPeers: count()
      .default(8)
      .describe(
        'Peers pulled from at full speed at the same time; with more of them, batches take turns.',
      ),
    connectTimeoutMs: delay(5_000).describe('How long connecting to a peer may take.'),
    callTimeoutMs: delay(10_000).describe('How long a peer may take to answer a single call.'),
    stallTimeoutMs: delay(30_000).describe('How long a fetch may bring nothing.'),
    backOffMinMs: delay(250).describe(
      'Pause after the first failure of a peer or of one of its logs; it doubles with each further one.',
    ),
    backOffMaxMs: delay(60_000).describe('Longest such pause.'),
    cutOffMs: delay(600_000).describe(
      'How long a peer is left alone that said what no honest peer says.',
    ),
    accept: z
      .enum(['all', 'listed', 'none'])
      .default('all')
      .describe(
        'Links of which nodes are accepted: all that may by the access rules, those that a rule names with `node`, or none.',
      ),
    recovery: z
      .enum(['auto', 'wait', 'off'])
      .default('auto')
      .describe(
        'What a new store does before it takes messages: `auto` asks the configured peers for what they have of this node, `wait` waits for peers that dial it as well, `off` is for a node that is truly new.',
      ),
    recoveryWaitMs: delay(5_000).describe('How long it waits for peers that cannot be reached.'),
    proxy: proxy(
      'Proxy through which peers are reached, `http://[user:password@]host:port`, or `off`. Default: as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.',
    ),
    rules: z
      .array(
        z.strictObject({
          peer: z
            .string()
            .min(1)
            .optional()
            .describe('Endpoint of the peer the rule is about; every peer when it is left out.'),
          node: parsed(parseNodeId)
            .optional()
            .describe('Node the rule is about, also when it dials: `tenant/bl/device`.'),
          user: z
            .string()
            .min(1)
            .optional()
            .describe(
              'User that the node must be when it dials: who else says its name is refused.',
            ),
          direction: z
            .enum(['both', 'in', 'out'])
            .optional()
            .describe(
              'What crosses a link: `in` is only taken from the peer, `out` only given to it.',
            ),
          tokenFile: file('File with the token that is shown to the peer.'),
          proxy: proxy('Proxy for this peer, as `sync.proxy`.'),
          topics: filters('Take only messages of these topics; on links, give only these as well.'),
          exceptTopics: filters('Do not take messages of these, also when `topics` has them.'),
          origins: z
            .array(parsed(parseNodeId))
            .optional()
            .describe('Nodes whose messages are taken: `tenant/bl/device`. Default: all but this.'),
          tls: z
            .strictObject({
              ca: file('PEM file of an authority that is trusted for this peer.'),
              cert: file('PEM file with the certificate shown to it.'),
              key: file('PEM file with its private key.'),
              domain: file('Name to verify instead of the host of the endpoint.'),
              publicKey: z
                .string()
                .regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of a public key in 64 hex digits')
                .optional()
                .describe(
                  'SHA-256 of the public key (SPKI) that its certificate must have, in lower case hex.',
                ),
            })
            .superRefine(bothOrNone)
            .optional(),
        }),
      )
      .default([])
      .describe(
        'What holds for single peers; of several that match, each setting comes from the first that has it.',
      ),
    tls: z
      .strictObject({
        ca: file(
          'PEM file of an authority that is trusted for peers, besides those of the system.',
        ),
        cert: file('PEM file with the certificate shown to peers.'),
        key: file('PEM file with its private key.'),
        domain: file('Name to verify instead of the host of the endpoint.'),
      })
      .prefault({})
      .superRefine(bothOrNone),
  })
  .prefault({})
  .superRefine(({ backOffMinMs, backOffMaxMs, rules, peers }, context) => {
    if (backOffMinMs > backOffMaxMs) context.addIssue('backOffMinMs is more than backOffMaxMs')
    for (const { peer } of rules) {
      if (peer === undefined || peers.some(({ endpoint }) => endpoint === peer)) continue
      context.addIssue(`rules: ${peer} is none of the peers`)
    }
  })

const topics = z
  .array(
    z.strictObject({
      filter: parsed(parseTopicFilter).describe(
        'Topics the rule is about; `+` is one level, a trailing `#` the rest.',
      ),
      store: z
        .enum(['acked', 'always', 'never'])
        .optional()
        .describe(
          'Which publications are stored: those that ask for an acknowledgement, all, or none.',
        ),
      retention: z
        .strictObject({
          maxAgeMs: bound('forever')
            .optional()
            .describe('Trim messages older than this; `forever` keeps what else would be history.'),
          maxMessages: count().optional().describe('Keep at most so many messages of each log.'),
          maxBytes: count().optional().describe('Keep at most so many bytes of each log.'),
        })
        .optional(),
      last: z
        .boolean()
        .optional()
        .describe('Remember the newest message for subscriptions that start at `last`.'),
      maxPayloadBytes: z.int().min(0).optional().describe('Refuse larger payloads.'),
      slowReader: z
        .enum(['wait', 'drop-newest', 'drop-oldest'])
        .optional()
        .describe(
          'What is not stored and meets a subscriber without room: the publisher waits, or that subscriber misses it, or the oldest of the 1,000 messages (256 KiB) that wait for it.',
        ),
    }),
  )
  .default([])
  .describe(
    'Rules for topics; of several that match, each setting comes from the first that has it.',
  )

const queues = z
  .array(
    z.strictObject({
      queue: z.string().min(1).describe('Name of the queue.'),
      maxAttempts: count().describe('After so many attempts a message moves to `deadLetter`.'),
      deadLetter: z.string().min(1).describe('Queue that takes what failed too often.'),
    }),
  )
  .default([])
  .describe('What happens to queue messages that are given back again and again.')

// Bounds are what the store and the wire can carry; a limit that is not here does not compile.
const limitRows: Record<keyof Limits, { max: number; text: string; min?: number }> = {
  topicBytes: { max: 65_535, text: 'Longest topic, bytes of UTF-8.' },
  queueNameBytes: { max: 65_535, text: 'Longest queue name, bytes of UTF-8.' },
  nodeIdPartBytes: { max: 255, text: 'Longest part of a node id in a request, bytes of UTF-8.' },
  messageIdBytes: { max: 65_535, text: 'Longest message id in a request, bytes of UTF-8.' },
  publishIdBytes: { max: 1024, text: 'Longest idempotency key of a publish, bytes of UTF-8.' },
  headerCount: { max: 65_535, min: 0, text: 'Most headers of a message.' },
  headerKeyBytes: { max: 65_535, text: 'Longest header key, bytes of UTF-8.' },
  headerValueBytes: { max: 16_777_216, text: 'Longest header value, bytes of UTF-8.' },
  headersBytes: { max: 16_777_216, text: 'All headers of a message together, bytes of UTF-8.' },
  envelopeBytes: {
    min: 1024,
    max: 268_435_456,
    text: 'Largest message as a reader gets it. Above 4194304, version 1 peers and clients with default settings cannot read what is accepted.',
  },
  fetchMessages: { max: 1_000_000, text: 'Most messages of one fetch.' },
  fetchMessagesDefault: { max: 1_000_000, text: 'Messages of a fetch that names no limit.' },
  publishIdWindowMs: { max: 7 * day, text: 'How long an idempotency key is remembered.' },
  publishIdCount: { max: 10_000_000, text: 'How many idempotency keys are remembered.' },
  subscriptionsPerClient: { max: 1_000_000, text: 'Most subscriptions of one connection.' },
  filtersPerClient: {
    max: 1_000_000,
    text: 'Most live filters of one client, and most exclusions; BUS/RT and in process.',
  },
  pendingAppendBytes: {
    min: 1_048_576,
    max: 4_294_967_296,
    text: 'Bytes that may wait for the disk before publishers have to wait.',
  },
  queueInFlight: { max: 100_000, text: 'Most unsettled messages of one queue consumer.' },
  queueLeaseMs: {
    max: 7 * day,
    min: 100,
    text: 'Lease of a queue message when none is asked for.',
  },
  clients: { max: 10_000_000, text: 'Most clients connected at a time, over all protocols.' },
  clientNameBytes: { max: 65_535, text: 'Longest client name, bytes of UTF-8.' },
  procedureBytes: { max: 65_535, text: 'Longest procedure name, bytes of UTF-8.' },
  callTimeoutMs: { max: day, text: 'How long a call may take, and the default of a caller.' },
  callsInFlight: { max: 10_000_000, text: 'Most calls under way.' },
  callKillMs: {
    min: 0,
    max: day,
    text: 'How long a callee may take to answer after its caller cancelled and waits for that (WAMP `kill`). 0: for ever.',
  },
  outboxBytes: {
    min: 65_536,
    max: 1_073_741_824,
    text: 'Bytes that may wait for a client to read before those who send to it are made to wait.',
  },
  slowClientMs: {
    min: 100,
    max: day,
    text: 'A client that has such bytes waiting and reads nothing for so long is disconnected.',
  },
  rememberedTopics: {
    max: 10_000_000,
    text: 'Topics whose routing and last value are remembered.',
  },
  lastValueBytes: {
    max: 17_179_869_184,
    text: 'Memory for last values of topics; the ones longest unused go first.',
  },
  retainedMessages: {
    max: 100_000_000,
    text: 'Topics that may have a retained message; more are refused.',
  },
  retainedBytes: {
    max: 17_179_869_184,
    text: 'Memory for retained messages; what would not fit is refused.',
  },
}

const limits = z
  .strictObject(
    Object.fromEntries(
      Object.entries(limitRows).map(([name, row]) => [
        name,
        z
          .int()
          .min(row.min ?? 1)
          .max(row.max)
          .default(defaultLimits[name as keyof Limits])
          .describe(row.text),
      ]),
    ) as Record<keyof Limits, z.ZodDefault<z.ZodInt>>,
  )
  .prefault({})

const shutdown = z
  .strictObject({
    graceMs: z
      .int()
      .min(0)
      .max(600_000)
      .default(5000)
      .describe('How long running calls may take to finish after the first signal.'),
  })
  .prefault({})

const log = z
  .strictObject({
    level: z
      .enum(['error', 'warn', 'info', 'debug'])
      .default('info')
      .describe('Least important lines that are written.'),
    format: z
      .enum(['auto', 'json', 'pretty'])
      .default('auto')
      .describe('Form of the lines on stderr; `auto` is `pretty` on a terminal, else `json`.'),
  })
  .prefault({})

const access = z
  .strictObject({
    allowInsecure: z
      .boolean()
      .default(false)
      .describe('Serve addresses that others can reach without asking clients who they are.'),
    certificateUsers: z
      .enum(['commonName', 'listed'])
      .default('commonName')
      .describe(
        'Who a verified client certificate is that no user lists: the user its common name says, or nobody.',
      ),
  })
  .prefault({})

export const configSchema = z.strictObject({
  node,
  storage,
  protocols: protocolsSchema.prefault({}),
  access,
  users: usersSchema,
  jwt: jwtSchema,
  rules: rulesSchema,
  identityLimits: identityLimitsSchema,
  tls,
  listeners,
  sync,
  topics,
  queues,
  limits,
  shutdown,
  log,
})

/** The effective configuration, checked and complete. */
export type Config = z.output<typeof configSchema>
