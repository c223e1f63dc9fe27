/**
 * The messages and services of msgbus.v2. Generated from proto/msgbus/v2/msgbus.proto by
 * scripts/generate-wire.mjs; change the contract or the generator, then `npm run generate`.
 *
 * Decoded `bytes` are views into what was decoded, valid as long as that is. A uint64 above 2^53-1
 * comes as Number.MAX_SAFE_INTEGER, and a number above it is written as 2^64-1. Encoding takes
 * messages with any field left out. Decoding throws ProtoDecodeError and nothing else.
 */

import { emptyBytes, emptyStringMap, ProtoReader } from '../../base/proto-reader.ts'
import { ProtoWriter, type ProtoInit } from '../../base/proto-writer.ts'

export interface NodeId {
  readonly tenantId: string
  readonly blName: string
  readonly deviceId: string
}

/**
 * One stored message. `topic` and `origin` are empty where they repeat those of the message
 * before it in the same batch.
 */
export interface Message {
  readonly id: string
  readonly topic: string
  readonly origin: NodeId | undefined
  readonly headId: number
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
  readonly createdAtMs: number
  readonly deleted: boolean
  /** Place in the commit order of this daemon; grows, with gaps. */
  readonly sequence: number
}

export interface OutgoingMessage {
  /** Empty: the topic of the message before it in this batch. */
  readonly topic: string
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
  /**
   * A repeat of the same key within the window of the daemon stores nothing and answers with the
   * first message. At most 128 bytes; empty: none.
   */
  readonly publishId: string
}

export interface PublishStreamRequest {
  /** Chosen by the client, returned with the answer. */
  readonly batchId: number
  /** At most 10,000. */
  readonly messages: readonly OutgoingMessage[]
  /**
   * Do not store, and do not answer: subscribers that keep up get the messages at once. What is refused
   * is counted and not told; publish ids mean nothing. A topic rule `store: always` stores it all the same.
   */
  readonly live: boolean
  /** With `live`: deliver without delay. */
  readonly realtime: boolean
  /** See ClientService; empty: a client without a name. */
  readonly from: string
}

export interface PublishStreamResponse {
  readonly batchId: number
  /** One per message of the batch, in order. */
  readonly results: readonly PublishResult[]
}

export interface PublishResult {
  /** 0 when refused. */
  readonly headId: number
  readonly id: string
  readonly createdAtMs: number
  /** Stored before under the same publish_id. */
  readonly duplicate: boolean
  /** Set when refused. */
  readonly refusal: Refusal | undefined
  readonly sequence: number
}

export interface Refusal {
  /** Canonical gRPC code. */
  readonly code: number
  readonly reason: string
  readonly message: string
}

export interface SubscribeRequest {
  /** MQTT filter: `+` is one level, a trailing `#` the rest. A name without wildcards is a filter too. */
  readonly filter: string
  /** Absent or empty: every origin. */
  readonly origin: NodeId | undefined
  /** Absent: now. */
  readonly start: Start | undefined
  /** Most messages in one response; 0: 1,000, at most 10,000. */
  readonly maxBatch: number
  /** Leave the payload and headers out. */
  readonly headsOnly: boolean
  /** Leave out what is not stored. */
  readonly storedOnly: boolean
}

export interface Start {
  readonly at:
    /** Only what is committed from now on. */
    | { readonly case: 'now'; readonly value: Now }
    /** Everything stored. */
    | { readonly case: 'earliest'; readonly value: Earliest }
    /** The newest message of each matching log, then what follows. */
    | { readonly case: 'last'; readonly value: Last }
    /** After this position, as it came with an earlier response of this daemon. */
    | { readonly case: 'after'; readonly value: Position }
    /**
     * From this head id on, in one log: only for a filter without wildcards. Without an origin, the
     * log of this daemon.
     */
    | { readonly case: 'headId'; readonly value: number }
    | undefined
}

export type Now = Readonly<Record<never, never>>

export type Earliest = Readonly<Record<never, never>>

export type Last = Readonly<Record<never, never>>

/** A place in the commit order of one store. */
export interface Position {
  /** Which store; changes when the store is made anew. */
  readonly epoch: string
  readonly sequence: number
}

export interface SubscribeResponse {
  readonly messages: readonly Message[]
  /**
   * Everything that matches up to here has been delivered. Absent while the messages of a start at
   * `last` are still coming.
   */
  readonly position: Position | undefined
  /** No more stored messages were waiting when this was sent. */
  readonly caughtUp: boolean
  /** Messages that cannot be delivered because their record is damaged. */
  readonly damaged: readonly DamagedRange[]
}

export interface DamagedRange {
  readonly topic: string
  readonly origin: NodeId | undefined
  readonly fromHeadId: number
  readonly toHeadId: number
}

export interface ListLogsRequest {
  /** Absent or empty: all. */
  readonly filter: string
}

export interface ListLogsResponse {
  readonly logs: readonly LogInfo[]
}

export interface LogInfo {
  readonly topic: string
  readonly origin: NodeId | undefined
  readonly headId: number
  /** Heads up to this one were trimmed by retention; 0: none. */
  readonly trimmedTo: number
  /** Encoded size of what is kept, in bytes. */
  readonly storedBytes: number
  readonly lastSequence: number
}

export interface SendRequest {
  /** Full name of the receiver; the sender may be its own. */
  readonly target: string
  readonly payload: Uint8Array
  /** Deliver without delay. */
  readonly realtime: boolean
  readonly from: string
}

export type SendResponse = Readonly<Record<never, never>>

export interface BroadcastRequest {
  /** Chunks separated by `.`; `?` is one chunk, a `*` the rest, at least one. */
  readonly mask: string
  readonly payload: Uint8Array
  /** Deliver without delay. */
  readonly realtime: boolean
  readonly from: string
}

export interface BroadcastResponse {
  /** The sender included, when its name matches. */
  readonly receivers: number
}

export interface CallRequest {
  readonly procedure: string
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
  /**
   * Milliseconds the callee has; 0, and at most: the limit of the daemon. A deadline of the call itself
   * holds as well.
   */
  readonly timeoutMs: number
  readonly from: string
}

export interface CallResponse {
  readonly outcome:
    | { readonly case: 'result'; readonly value: CallResult }
    | { readonly case: 'failure'; readonly value: CallFailure }
    | undefined
}

export interface CallResult {
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
}

/** An error of the application, in its own words; the bus passes it on as it is. */
export interface CallFailure {
  /** What callers branch on. */
  readonly name: string
  /** For people; empty: the name says it. */
  readonly message: string
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
}

export interface RegisterRequest {
  /** In the first request, and only there. */
  readonly registration: Registration | undefined
  readonly answers: readonly CallAnswer[]
  /** Withdraws the procedures; the stream ends once everything that is in flight is answered. */
  readonly withdraw: boolean
}

export interface Registration {
  /** 1 to 1,000. */
  readonly procedures: readonly string[]
}

export interface CallAnswer {
  /** Of the invocation. An answer to one that was cancelled, or that there never was, is ignored. */
  readonly id: number
  readonly outcome:
    | { readonly case: 'result'; readonly value: CallResult }
    | { readonly case: 'failure'; readonly value: CallFailure }
    /** The caller gets this as the status of its call. */
    | { readonly case: 'refusal'; readonly value: Refusal }
    | undefined
}

export interface RegisterResponse {
  /** In the first response, and only there. */
  readonly registered: Registered | undefined
  readonly invocations: readonly Invocation[]
  readonly cancellations: readonly Cancellation[]
}

export type Registered = Readonly<Record<never, never>>

export interface Invocation {
  /** Unique within the stream, from 1. */
  readonly id: number
  readonly procedure: string
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
  /** Name of the caller; empty when it has none. */
  readonly caller: string
}

/** Nobody waits for the answer any more. */
export interface Cancellation {
  readonly id: number
}

export interface JoinRequest {
  /**
   * Unique over all protocols. `a%%b` is a secondary of `a`, which must be there, and ends with it.
   * Empty: nobody can send to it; for presence alone.
   */
  readonly name: string
  /** Take the name over: the client that has it is ended. Never for a secondary. */
  readonly replace: boolean
  /** Tell who comes and goes, of the names that match this mask; empty: nobody, `*`: all. */
  readonly presence: string
}

export interface JoinResponse {
  /** In the first response, and only there. */
  readonly joined: Joined | undefined
  readonly messages: readonly ReceivedMessage[]
  readonly presence: readonly PresenceChange[]
}

export type Joined = Readonly<Record<never, never>>

export interface ReceivedMessage {
  /** Name of the sender; empty when it has none. */
  readonly sender: string
  readonly payload: Uint8Array
  /** It went to everybody whose name matches a mask. */
  readonly broadcast: boolean
  readonly realtime: boolean
}

export interface PresenceChange {
  readonly name: string
  /** It is the secondary of another. */
  readonly secondary: boolean
  readonly protocol: string
  readonly change:
    | { readonly case: 'joined'; readonly value: ClientJoined }
    | { readonly case: 'left'; readonly value: ClientLeft }
    /** Another client has taken the name over and is there now. */
    | { readonly case: 'replaced'; readonly value: ClientReplaced }
    | undefined
}

export type ClientJoined = Readonly<Record<never, never>>

export interface ClientLeft {
  /** Why the daemon ended it; empty: it went by itself. */
  readonly reason: string
}

export type ClientReplaced = Readonly<Record<never, never>>

export interface SendStreamRequest {
  /** Chosen by the client and returned with the outcomes; 0: no answer. */
  readonly batchId: number
  /** Sent in this order. At most 10,000. */
  readonly messages: readonly Dispatch[]
  readonly from: string
}

export interface Dispatch {
  readonly payload: Uint8Array
  /** Deliver without delay. */
  readonly realtime: boolean
  readonly to:
    /** Full name of the receiver. */
    | { readonly case: 'target'; readonly value: string }
    /** As in BroadcastRequest. */
    | { readonly case: 'mask'; readonly value: string }
    | undefined
}

export interface SendStreamResponse {
  readonly batchId: number
  /** One per message of the batch, in order. */
  readonly results: readonly DispatchResult[]
}

export interface DispatchResult {
  readonly receivers: number
  /** Set when refused. */
  readonly refusal: Refusal | undefined
}

export interface ListClientsRequest {
  /** As in BroadcastRequest; empty: all, also those without a name. */
  readonly mask: string
}

export interface ListClientsResponse {
  readonly clients: readonly ClientInfo[]
}

export interface ClientInfo {
  /** Unique in the life of the daemon. */
  readonly id: number
  /** Empty: it has none. */
  readonly name: string
  readonly user: string
  readonly protocol: string
  /** Finer than the protocol: local_ipc, tcp, websocket, internal. */
  readonly transport: string
  /** Address of the other side; empty where there is none. */
  readonly source: string
  /** Address of the listener it came by. */
  readonly listener: string
  readonly connectedAtMs: number
  /** What it gave to the daemon and got from it. */
  readonly receivedFrames: number
  readonly receivedBytes: number
  readonly sentFrames: number
  readonly sentBytes: number
  readonly subscriptions: number
  /** It and its secondaries. */
  readonly instances: number
  /** Waiting for it to read. */
  readonly queuedBytes: number
  /** It makes those who feed it wait. */
  readonly congested: boolean
}

export interface QueueMessage {
  readonly id: string
  readonly queue: string
  readonly topic: string
  readonly source: NodeId | undefined
  readonly target: NodeId | undefined
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
  readonly createdAtMs: number
  readonly sequence: number
  /** Deliveries before this one that were not acknowledged. */
  readonly attempts: number
}

export interface OutgoingQueueMessage {
  readonly queue: string
  readonly topic: string
  readonly target: NodeId | undefined
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
}

export interface EnqueueRequest {
  readonly messages: readonly OutgoingQueueMessage[]
}

export interface EnqueueResponse {
  readonly messages: readonly Enqueued[]
}

export interface Enqueued {
  readonly id: string
  readonly sequence: number
}

export interface ConsumeRequest {
  readonly queue: string
  /** 0: 1; at most 1,000. */
  readonly maxInFlight: number
  /** How long a message stays leased, milliseconds; 0: 30,000. */
  readonly leaseMs: number
}

export interface ConsumeResponse {
  readonly message: QueueMessage | undefined
  /** Names this delivery in Settle. */
  readonly leaseId: string
  readonly leaseUntilMs: number
}

export interface SettleRequest {
  readonly settlements: readonly Settlement[]
}

export interface Settlement {
  readonly queue: string
  readonly leaseId: string
  readonly action:
    | { readonly case: 'acknowledge'; readonly value: Acknowledge }
    | { readonly case: 'release'; readonly value: Release }
    | { readonly case: 'extend'; readonly value: Extend }
    | undefined
}

/** Done: remove the message. */
export type Acknowledge = Readonly<Record<never, never>>

/** Not done: count an attempt and give the message back after the delay. */
export interface Release {
  readonly delayMs: number
}

/** Not done yet: keep the lease for this much longer, from now. */
export interface Extend {
  readonly leaseMs: number
}

export interface SettleResponse {
  /** False: the lease had ended before. */
  readonly accepted: readonly boolean[]
}

export type ListQueuesRequest = Readonly<Record<never, never>>

export interface ListQueuesResponse {
  readonly queues: readonly QueueInfo[]
}

export interface QueueInfo {
  readonly queue: string
  readonly depth: number
  readonly leased: number
  readonly lastSequence: number
  /** Creation time of the front message; 0 when empty. */
  readonly oldestAtMs: number
  readonly consumers: number
  /** Present when its messages are on their way to another node. */
  readonly forwarding: QueueForwarding | undefined
}

export interface QueueForwarding {
  /** tenant/bl/device of the node where the messages go, and the queue in which they arrive there. */
  readonly target: string
  readonly queue: string
  /** `idle`, `sending`, or `waiting`: until the node can be reached, or until the next attempt. */
  readonly state: string
  /** Failed ones since the last success, and what was wrong with the last of them. */
  readonly attempts: number
  readonly lastError: string
}

export interface PurgeQueueRequest {
  readonly queue: string
}

export interface PurgeQueueResponse {
  readonly removed: number
}

export type GetStatusRequest = Readonly<Record<never, never>>

export interface GetStatusResponse {
  readonly node: NodeId | undefined
  readonly version: string
  readonly storage: string
  readonly durability: string
  readonly epoch: string
  readonly dataFolder: string
  readonly startedAtMs: number
  readonly ready: boolean
  readonly error: string
  readonly logs: number
  readonly lastSequence: number
  readonly storedBytes: number
  /** Milliseconds since the last successful commit; 0 when nothing was written yet. */
  readonly lastCommitAgeMs: number
  readonly damagedRecords: number
  readonly subscriptions: number
  readonly queues: number
  readonly listeners: readonly Listener[]
  readonly residentBytes: number
  readonly freeDiskBytes: number
  /** What is kept as history and will be trimmed, as of the last pass of retention. */
  readonly historyLogs: number
  readonly historyBytes: number
}

export interface Listener {
  readonly protocol: string
  readonly address: string
  readonly tls: boolean
}

export type GetMetricsRequest = Readonly<Record<never, never>>

export interface GetMetricsResponse {
  readonly text: string
}

export type BackupRequest = Readonly<Record<never, never>>

export interface BackupResponse {
  /** Pieces of one backup file, in order. */
  readonly chunk: Uint8Array
}

export interface VerifyRequest {
  /** Afterwards fetch what is damaged from peers that have it, over links. */
  readonly repair: boolean
}

export interface VerifyResponse {
  readonly recordsChecked: number
  readonly damaged: readonly DamagedRange[]
  readonly done: boolean
  /** Messages that can be read again; in the last answer. */
  readonly repaired: number
}

export type WhoAmIRequest = Readonly<Record<never, never>>

export interface WhoAmIResponse {
  /** `anonymous` when nothing was shown. */
  readonly user: string
  readonly groups: readonly string[]
  /** `none`, `password`, `token`, `jwt`, `certificate`, `process`, `challenge` … */
  readonly method: string
  /** There are no users and no rules: everybody may do everything. */
  readonly open: boolean
}

export interface ExplainRequest {
  /** Empty: the caller. */
  readonly user: string
  /** Name on the bus, for rules with `%c`; empty: none. */
  readonly clientName: string
  /** `publish`, `subscribe` … */
  readonly action: string
  /** Topic, filter, queue, name or procedure. */
  readonly resource: string
}

export interface ExplainResponse {
  readonly allowed: boolean
  /** The rule that decides, for people to read. */
  readonly rule: string
  readonly user: string
  readonly groups: readonly string[]
}

export interface ExplainTopicRequest {
  readonly topic: string
}

export interface ExplainTopicResponse {
  readonly receivers: readonly TopicReceiver[]
  /** What topic rules say of storing it: `acked`, `always`, `never`. */
  readonly store: string
}

export interface TopicReceiver {
  /** Of the client; empty: it has none. */
  readonly name: string
  readonly user: string
  readonly protocol: string
  readonly source: string
  /** What it subscribes by, as its protocol writes it. */
  readonly filters: readonly string[]
  /** Whether it would get the message. */
  readonly receives: boolean
  /** Why, for people to read: the rule that allows or refuses, or what else is in the way. */
  readonly reason: string
}

export type ReloadRequest = Readonly<Record<never, never>>

export interface ReloadResponse {
  /** What has changed and needs a restart, and what else an operator should know. */
  readonly notes: readonly string[]
}

export interface AddUserRequest {
  readonly name: string
  /** Empty: the user cannot log in by password. */
  readonly password: string
  readonly groups: readonly string[]
  /** Keep what SCRAM and WAMP-CRA need, too: whoever reads it from the disk can log in by them. */
  readonly challenge: boolean
  /** Change one that is there; without it that is an error. */
  readonly replace: boolean
}

export interface AddUserResponse {
  /** This user closed the daemon: until now everybody was let in. */
  readonly closed: boolean
}

export type ListUsersRequest = Readonly<Record<never, never>>

export interface ListUsersResponse {
  readonly users: readonly UserInfo[]
}

export interface UserInfo {
  readonly name: string
  readonly groups: readonly string[]
  /** It is in the configuration file, and changed there. */
  readonly configured: boolean
  /** How it can log in: `password`, `challenge`, `certificate`, `process`, `public key`. */
  readonly methods: readonly string[]
}

export interface RevokeUserRequest {
  readonly name: string
}

export interface RevokeUserResponse {
  readonly tokens: number
}

export interface AddTokenRequest {
  readonly user: string
  readonly groups: readonly string[]
  /** 0: it has no end. */
  readonly lifetimeMs: number
  readonly note: string
}

export interface AddTokenResponse {
  readonly token: string
  readonly id: string
  readonly closed: boolean
}

export type ListTokensRequest = Readonly<Record<never, never>>

export interface ListTokensResponse {
  readonly tokens: readonly TokenInfo[]
}

export interface TokenInfo {
  readonly id: string
  readonly user: string
  readonly groups: readonly string[]
  readonly createdAtMs: number
  /** 0: it has no end. */
  readonly expiresAtMs: number
  readonly note: string
}

export interface RevokeTokenRequest {
  readonly id: string
}

export type RevokeTokenResponse = Readonly<Record<never, never>>

export type VerifyAuditRequest = Readonly<Record<never, never>>

export interface VerifyAuditResponse {
  readonly lines: number
  /** Of the last line; to be kept elsewhere by whoever wants to find a cut end. */
  readonly lastNumber: number
  readonly lastHash: string
  readonly faults: readonly string[]
}

export interface TailAuditRequest {
  /** Default 20, at most 1,000. */
  readonly lines: number
}

export interface TailAuditResponse {
  /** JSON. */
  readonly lines: readonly string[]
}

/** The methods of msgbus.v2.BusService. */
export const busService = {
  /**
   * Appends messages to logs of this daemon, many in flight. The daemon answers each batch once all
   * of it is stored as durably as configured; answers keep the order of the batches. A message that
   * is refused does not affect its neighbours; when the store fails, all of a batch are refused and
   * none is stored. Flow control bounds what is in flight.
   */
  publishStream: {
    path: '/msgbus.v2.BusService/PublishStream',
    requestStream: true,
    responseStream: true,
    requestSerialize: encodePublishStreamRequest,
    requestDeserialize: decodePublishStreamRequest,
    responseSerialize: encodePublishStreamResponse,
    responseDeserialize: decodePublishStreamResponse,
  },
  /**
   * Delivers the stored messages of every log whose topic matches, in commit order of this daemon:
   * first what is already stored from `start` on, then, without seam, what is committed later.
   * A subscriber that reads slowly is not disconnected: it continues from the store. Publications
   * that are not stored come too, with head id 0, as long as the subscriber keeps up.
   */
  subscribe: {
    path: '/msgbus.v2.BusService/Subscribe',
    requestStream: false,
    responseStream: true,
    requestSerialize: encodeSubscribeRequest,
    requestDeserialize: decodeSubscribeRequest,
    responseSerialize: encodeSubscribeResponse,
    responseDeserialize: decodeSubscribeResponse,
  },
  /** Logs held here, own and replicated, in the order of topic bytes, then origin bytes. */
  listLogs: {
    path: '/msgbus.v2.BusService/ListLogs',
    requestStream: false,
    responseStream: true,
    requestSerialize: encodeListLogsRequest,
    requestDeserialize: decodeListLogsRequest,
    responseSerialize: encodeListLogsResponse,
    responseDeserialize: decodeListLogsResponse,
  },
} as const

/** `busService` for whoever calls it. */
export const busServiceCalls = {
  publishStream: {
    path: '/msgbus.v2.BusService/PublishStream',
    requestSerialize: encodePublishStreamRequest,
    responseDeserialize: decodePublishStreamResponse,
  },
  subscribe: {
    path: '/msgbus.v2.BusService/Subscribe',
    requestSerialize: encodeSubscribeRequest,
    responseDeserialize: decodeSubscribeResponse,
  },
  listLogs: {
    path: '/msgbus.v2.BusService/ListLogs',
    requestSerialize: encodeListLogsRequest,
    responseDeserialize: decodeListLogsResponse,
  },
} as const

/**
 * What passes through without being stored: messages to clients by name, and calls of procedures. It
 * is a service of its own because it is about who is there and not about logs: it needs no store, it
 * answers before the store is open, and a daemon may offer it without the other or the other way round.
 *
 * Names are shared by all protocols: a client here reaches a BUS/RT client by its name, and is reached.
 * Where a request has a field `from`, it is a name that a Join of the same connection holds, and what is
 * sent comes from that client; empty: from a client without a name.
 */
export const clientService = {
  /**
   * Hands a message to the client of a name. The answer says that this client's outbox has it, no more;
   * it waits while that outbox has no room. NOT_FOUND (unknown_client) when nobody has the name.
   */
  send: {
    path: '/msgbus.v2.ClientService/Send',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeSendRequest,
    requestDeserialize: decodeSendRequest,
    responseSerialize: encodeSendResponse,
    responseDeserialize: decodeSendResponse,
  },
  /** Hands a message to every client whose name matches a mask. */
  broadcast: {
    path: '/msgbus.v2.ClientService/Broadcast',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeBroadcastRequest,
    requestDeserialize: decodeBroadcastRequest,
    responseSerialize: encodeBroadcastResponse,
    responseDeserialize: decodeBroadcastResponse,
  },
  /**
   * Calls a procedure and waits for its answer. The status of this call is about the bus and about what
   * the callee refused: UNIMPLEMENTED (no_such_procedure), UNAVAILABLE (callee_gone), DEADLINE_EXCEEDED.
   * Errors of the application come as an outcome, since they may be larger than trailers can be.
   * Cancelling the call, or its deadline, cancels it at the callee.
   */
  call: {
    path: '/msgbus.v2.ClientService/Call',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeCallRequest,
    requestDeserialize: decodeCallRequest,
    responseSerialize: encodeCallResponse,
    responseDeserialize: decodeCallResponse,
  },
  /**
   * Offers procedures. The first request names them, the first response says that they are registered;
   * then invocations come, as many at a time as callers make, and answers go back in any order. The end
   * of the stream withdraws the procedures; calls not answered by then fail with UNAVAILABLE
   * (callee_gone). ALREADY_EXISTS (procedure_taken) when one is registered already: then none is.
   */
  register: {
    path: '/msgbus.v2.ClientService/Register',
    requestStream: true,
    responseStream: true,
    requestSerialize: encodeRegisterRequest,
    requestDeserialize: decodeRegisterRequest,
    responseSerialize: encodeRegisterResponse,
    responseDeserialize: decodeRegisterResponse,
  },
  /**
   * Takes a name, for as long as the stream lives, and receives what is sent to it. The first response
   * says that the name is taken.
   *
   * Sending under the name is SendStream, or single calls with `from`, and not the other direction of
   * this stream: outcomes would wait behind messages that the client has not taken yet, and a program
   * that answers each message before it takes the next would wait for itself.
   */
  join: {
    path: '/msgbus.v2.ClientService/Join',
    requestStream: false,
    responseStream: true,
    requestSerialize: encodeJoinRequest,
    requestDeserialize: decodeJoinRequest,
    responseSerialize: encodeJoinResponse,
    responseDeserialize: decodeJoinResponse,
  },
  /** Sends many messages, in order. Flow control holds the client back while receivers have no room. */
  sendStream: {
    path: '/msgbus.v2.ClientService/SendStream',
    requestStream: true,
    responseStream: true,
    requestSerialize: encodeSendStreamRequest,
    requestDeserialize: decodeSendStreamRequest,
    responseSerialize: encodeSendStreamResponse,
    responseDeserialize: decodeSendStreamResponse,
  },
  /** Who is connected, by any protocol; by name, then id. */
  listClients: {
    path: '/msgbus.v2.ClientService/ListClients',
    requestStream: false,
    responseStream: true,
    requestSerialize: encodeListClientsRequest,
    requestDeserialize: decodeListClientsRequest,
    responseSerialize: encodeListClientsResponse,
    responseDeserialize: decodeListClientsResponse,
  },
} as const

/** `clientService` for whoever calls it. */
export const clientServiceCalls = {
  send: {
    path: '/msgbus.v2.ClientService/Send',
    requestSerialize: encodeSendRequest,
    responseDeserialize: decodeSendResponse,
  },
  broadcast: {
    path: '/msgbus.v2.ClientService/Broadcast',
    requestSerialize: encodeBroadcastRequest,
    responseDeserialize: decodeBroadcastResponse,
  },
  call: {
    path: '/msgbus.v2.ClientService/Call',
    requestSerialize: encodeCallRequest,
    responseDeserialize: decodeCallResponse,
  },
  register: {
    path: '/msgbus.v2.ClientService/Register',
    requestSerialize: encodeRegisterRequest,
    responseDeserialize: decodeRegisterResponse,
  },
  join: {
    path: '/msgbus.v2.ClientService/Join',
    requestSerialize: encodeJoinRequest,
    responseDeserialize: decodeJoinResponse,
  },
  sendStream: {
    path: '/msgbus.v2.ClientService/SendStream',
    requestSerialize: encodeSendStreamRequest,
    responseDeserialize: decodeSendStreamResponse,
  },
  listClients: {
    path: '/msgbus.v2.ClientService/ListClients',
    requestSerialize: encodeListClientsRequest,
    responseDeserialize: decodeListClientsResponse,
  },
} as const

/** The methods of msgbus.v2.QueueService. */
export const queueService = {
  /** Adds messages at the end of queues; all of a request or nothing. */
  enqueue: {
    path: '/msgbus.v2.QueueService/Enqueue',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeEnqueueRequest,
    requestDeserialize: decodeEnqueueRequest,
    responseSerialize: encodeEnqueueResponse,
    responseDeserialize: decodeEnqueueResponse,
  },
  /**
   * Leases messages as they become available, at most `max_in_flight` not yet settled. Ending the
   * stream gives its unsettled messages back at once.
   */
  consume: {
    path: '/msgbus.v2.QueueService/Consume',
    requestStream: false,
    responseStream: true,
    requestSerialize: encodeConsumeRequest,
    requestDeserialize: decodeConsumeRequest,
    responseSerialize: encodeConsumeResponse,
    responseDeserialize: decodeConsumeResponse,
  },
  /** Settles leases: acknowledges, gives back (now or later) or extends. Answers for each, in order. */
  settle: {
    path: '/msgbus.v2.QueueService/Settle',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeSettleRequest,
    requestDeserialize: decodeSettleRequest,
    responseSerialize: encodeSettleResponse,
    responseDeserialize: decodeSettleResponse,
  },
  /** Every queue with its depth, by name. */
  listQueues: {
    path: '/msgbus.v2.QueueService/ListQueues',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeListQueuesRequest,
    requestDeserialize: decodeListQueuesRequest,
    responseSerialize: encodeListQueuesResponse,
    responseDeserialize: decodeListQueuesResponse,
  },
  /** Removes every message that is not leased. */
  purgeQueue: {
    path: '/msgbus.v2.QueueService/PurgeQueue',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodePurgeQueueRequest,
    requestDeserialize: decodePurgeQueueRequest,
    responseSerialize: encodePurgeQueueResponse,
    responseDeserialize: decodePurgeQueueResponse,
  },
} as const

/** `queueService` for whoever calls it. */
export const queueServiceCalls = {
  enqueue: {
    path: '/msgbus.v2.QueueService/Enqueue',
    requestSerialize: encodeEnqueueRequest,
    responseDeserialize: decodeEnqueueResponse,
  },
  consume: {
    path: '/msgbus.v2.QueueService/Consume',
    requestSerialize: encodeConsumeRequest,
    responseDeserialize: decodeConsumeResponse,
  },
  settle: {
    path: '/msgbus.v2.QueueService/Settle',
    requestSerialize: encodeSettleRequest,
    responseDeserialize: decodeSettleResponse,
  },
  listQueues: {
    path: '/msgbus.v2.QueueService/ListQueues',
    requestSerialize: encodeListQueuesRequest,
    responseDeserialize: decodeListQueuesResponse,
  },
  purgeQueue: {
    path: '/msgbus.v2.QueueService/PurgeQueue',
    requestSerialize: encodePurgeQueueRequest,
    responseDeserialize: decodePurgeQueueResponse,
  },
} as const

/** The methods of msgbus.v2.AdminService. */
export const adminService = {
  /** What this daemon is and how it is doing. */
  getStatus: {
    path: '/msgbus.v2.AdminService/GetStatus',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeGetStatusRequest,
    requestDeserialize: decodeGetStatusRequest,
    responseSerialize: encodeGetStatusResponse,
    responseDeserialize: decodeGetStatusResponse,
  },
  /** Metrics in the text format of Prometheus. */
  getMetrics: {
    path: '/msgbus.v2.AdminService/GetMetrics',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeGetMetricsRequest,
    requestDeserialize: decodeGetMetricsRequest,
    responseSerialize: encodeGetMetricsResponse,
    responseDeserialize: decodeGetMetricsResponse,
  },
  /** Streams a consistent copy of the store, taken while the daemon runs; `msgbus restore` reads it. */
  backup: {
    path: '/msgbus.v2.AdminService/Backup',
    requestStream: false,
    responseStream: true,
    requestSerialize: encodeBackupRequest,
    requestDeserialize: decodeBackupRequest,
    responseSerialize: encodeBackupResponse,
    responseDeserialize: decodeBackupResponse,
  },
  /** Reads the whole store and checks every checksum; one answer per step, the last has `done`. */
  verify: {
    path: '/msgbus.v2.AdminService/Verify',
    requestStream: false,
    responseStream: true,
    requestSerialize: encodeVerifyRequest,
    requestDeserialize: decodeVerifyRequest,
    responseSerialize: encodeVerifyResponse,
    responseDeserialize: decodeVerifyResponse,
  },
} as const

/** `adminService` for whoever calls it. */
export const adminServiceCalls = {
  getStatus: {
    path: '/msgbus.v2.AdminService/GetStatus',
    requestSerialize: encodeGetStatusRequest,
    responseDeserialize: decodeGetStatusResponse,
  },
  getMetrics: {
    path: '/msgbus.v2.AdminService/GetMetrics',
    requestSerialize: encodeGetMetricsRequest,
    responseDeserialize: decodeGetMetricsResponse,
  },
  backup: {
    path: '/msgbus.v2.AdminService/Backup',
    requestSerialize: encodeBackupRequest,
    responseDeserialize: decodeBackupResponse,
  },
  verify: {
    path: '/msgbus.v2.AdminService/Verify',
    requestSerialize: encodeVerifyRequest,
    responseDeserialize: decodeVerifyResponse,
  },
} as const

/**
 * Who may do what, for administrators and for whoever was refused. All but WhoAmI, and Explain about oneself, need
 * the action `admin`.
 */
export const accessService = {
  /** Who the daemon takes the caller for. */
  whoAmI: {
    path: '/msgbus.v2.AccessService/WhoAmI',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeWhoAmIRequest,
    requestDeserialize: decodeWhoAmIRequest,
    responseSerialize: encodeWhoAmIResponse,
    responseDeserialize: decodeWhoAmIResponse,
  },
  /** Whether somebody may do something, and by which rule. */
  explain: {
    path: '/msgbus.v2.AccessService/Explain',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeExplainRequest,
    requestDeserialize: decodeExplainRequest,
    responseSerialize: encodeExplainResponse,
    responseDeserialize: decodeExplainResponse,
  },
  /** Who would receive a message on a topic now, over all protocols, and who subscribes and would not. */
  explainTopic: {
    path: '/msgbus.v2.AccessService/ExplainTopic',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeExplainTopicRequest,
    requestDeserialize: decodeExplainTopicRequest,
    responseSerialize: encodeExplainTopicResponse,
    responseDeserialize: decodeExplainTopicResponse,
  },
  /** Reads configuration, users, tokens and certificates again; with a fault nothing changes. */
  reload: {
    path: '/msgbus.v2.AccessService/Reload',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeReloadRequest,
    requestDeserialize: decodeReloadRequest,
    responseSerialize: encodeReloadResponse,
    responseDeserialize: decodeReloadResponse,
  },
  /** Adds a user, or changes one that was added. */
  addUser: {
    path: '/msgbus.v2.AccessService/AddUser',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeAddUserRequest,
    requestDeserialize: decodeAddUserRequest,
    responseSerialize: encodeAddUserResponse,
    responseDeserialize: decodeAddUserResponse,
  },
  listUsers: {
    path: '/msgbus.v2.AccessService/ListUsers',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeListUsersRequest,
    requestDeserialize: decodeListUsersRequest,
    responseSerialize: encodeListUsersResponse,
    responseDeserialize: decodeListUsersResponse,
  },
  /** Takes a user that was added away, with its tokens, and ends its connections. */
  revokeUser: {
    path: '/msgbus.v2.AccessService/RevokeUser',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeRevokeUserRequest,
    requestDeserialize: decodeRevokeUserRequest,
    responseSerialize: encodeRevokeUserResponse,
    responseDeserialize: decodeRevokeUserResponse,
  },
  /** Makes a token; it is told in the answer and never again. */
  addToken: {
    path: '/msgbus.v2.AccessService/AddToken',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeAddTokenRequest,
    requestDeserialize: decodeAddTokenRequest,
    responseSerialize: encodeAddTokenResponse,
    responseDeserialize: decodeAddTokenResponse,
  },
  listTokens: {
    path: '/msgbus.v2.AccessService/ListTokens',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeListTokensRequest,
    requestDeserialize: decodeListTokensRequest,
    responseSerialize: encodeListTokensResponse,
    responseDeserialize: decodeListTokensResponse,
  },
  revokeToken: {
    path: '/msgbus.v2.AccessService/RevokeToken',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeRevokeTokenRequest,
    requestDeserialize: decodeRevokeTokenRequest,
    responseSerialize: encodeRevokeTokenResponse,
    responseDeserialize: decodeRevokeTokenResponse,
  },
  /** Checks the hash chain of the audit log. */
  verifyAudit: {
    path: '/msgbus.v2.AccessService/VerifyAudit',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeVerifyAuditRequest,
    requestDeserialize: decodeVerifyAuditRequest,
    responseSerialize: encodeVerifyAuditResponse,
    responseDeserialize: decodeVerifyAuditResponse,
  },
  /** The newest lines of the audit log, oldest first. */
  tailAudit: {
    path: '/msgbus.v2.AccessService/TailAudit',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeTailAuditRequest,
    requestDeserialize: decodeTailAuditRequest,
    responseSerialize: encodeTailAuditResponse,
    responseDeserialize: decodeTailAuditResponse,
  },
} as const

/** `accessService` for whoever calls it. */
export const accessServiceCalls = {
  whoAmI: {
    path: '/msgbus.v2.AccessService/WhoAmI',
    requestSerialize: encodeWhoAmIRequest,
    responseDeserialize: decodeWhoAmIResponse,
  },
  explain: {
    path: '/msgbus.v2.AccessService/Explain',
    requestSerialize: encodeExplainRequest,
    responseDeserialize: decodeExplainResponse,
  },
  explainTopic: {
    path: '/msgbus.v2.AccessService/ExplainTopic',
    requestSerialize: encodeExplainTopicRequest,
    responseDeserialize: decodeExplainTopicResponse,
  },
  reload: {
    path: '/msgbus.v2.AccessService/Reload',
    requestSerialize: encodeReloadRequest,
    responseDeserialize: decodeReloadResponse,
  },
  addUser: {
    path: '/msgbus.v2.AccessService/AddUser',
    requestSerialize: encodeAddUserRequest,
    responseDeserialize: decodeAddUserResponse,
  },
  listUsers: {
    path: '/msgbus.v2.AccessService/ListUsers',
    requestSerialize: encodeListUsersRequest,
    responseDeserialize: decodeListUsersResponse,
  },
  revokeUser: {
    path: '/msgbus.v2.AccessService/RevokeUser',
    requestSerialize: encodeRevokeUserRequest,
    responseDeserialize: decodeRevokeUserResponse,
  },
  addToken: {
    path: '/msgbus.v2.AccessService/AddToken',
    requestSerialize: encodeAddTokenRequest,
    responseDeserialize: decodeAddTokenResponse,
  },
  listTokens: {
    path: '/msgbus.v2.AccessService/ListTokens',
    requestSerialize: encodeListTokensRequest,
    responseDeserialize: decodeListTokensResponse,
  },
  revokeToken: {
    path: '/msgbus.v2.AccessService/RevokeToken',
    requestSerialize: encodeRevokeTokenRequest,
    responseDeserialize: decodeRevokeTokenResponse,
  },
  verifyAudit: {
    path: '/msgbus.v2.AccessService/VerifyAudit',
    requestSerialize: encodeVerifyAuditRequest,
    responseDeserialize: decodeVerifyAuditResponse,
  },
  tailAudit: {
    path: '/msgbus.v2.AccessService/TailAudit',
    requestSerialize: encodeTailAuditRequest,
    responseDeserialize: decodeTailAuditResponse,
  },
} as const

export function encodePublishStreamRequest(message: ProtoInit<PublishStreamRequest>): Uint8Array {
  sharedWriter.reset()
  writePublishStreamRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodePublishStreamRequest(bytes: Uint8Array): PublishStreamRequest {
  return readPublishStreamRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodePublishStreamResponse(message: ProtoInit<PublishStreamResponse>): Uint8Array {
  sharedWriter.reset()
  writePublishStreamResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodePublishStreamResponse(bytes: Uint8Array): PublishStreamResponse {
  return readPublishStreamResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeSubscribeRequest(message: ProtoInit<SubscribeRequest>): Uint8Array {
  sharedWriter.reset()
  writeSubscribeRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeSubscribeRequest(bytes: Uint8Array): SubscribeRequest {
  return readSubscribeRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeSubscribeResponse(message: ProtoInit<SubscribeResponse>): Uint8Array {
  sharedWriter.reset()
  writeSubscribeResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeSubscribeResponse(bytes: Uint8Array): SubscribeResponse {
  return readSubscribeResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListLogsRequest(message: ProtoInit<ListLogsRequest>): Uint8Array {
  sharedWriter.reset()
  writeListLogsRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListLogsRequest(bytes: Uint8Array): ListLogsRequest {
  return readListLogsRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListLogsResponse(message: ProtoInit<ListLogsResponse>): Uint8Array {
  sharedWriter.reset()
  writeListLogsResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListLogsResponse(bytes: Uint8Array): ListLogsResponse {
  return readListLogsResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeSendRequest(message: ProtoInit<SendRequest>): Uint8Array {
  sharedWriter.reset()
  writeSendRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeSendRequest(bytes: Uint8Array): SendRequest {
  return readSendRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeSendResponse(message: ProtoInit<SendResponse>): Uint8Array {
  sharedWriter.reset()
  writeSendResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeSendResponse(bytes: Uint8Array): SendResponse {
  return readSendResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeBroadcastRequest(message: ProtoInit<BroadcastRequest>): Uint8Array {
  sharedWriter.reset()
  writeBroadcastRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeBroadcastRequest(bytes: Uint8Array): BroadcastRequest {
  return readBroadcastRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeBroadcastResponse(message: ProtoInit<BroadcastResponse>): Uint8Array {
  sharedWriter.reset()
  writeBroadcastResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeBroadcastResponse(bytes: Uint8Array): BroadcastResponse {
  return readBroadcastResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeCallRequest(message: ProtoInit<CallRequest>): Uint8Array {
  sharedWriter.reset()
  writeCallRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeCallRequest(bytes: Uint8Array): CallRequest {
  return readCallRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeCallResponse(message: ProtoInit<CallResponse>): Uint8Array {
  sharedWriter.reset()
  writeCallResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeCallResponse(bytes: Uint8Array): CallResponse {
  return readCallResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRegisterRequest(message: ProtoInit<RegisterRequest>): Uint8Array {
  sharedWriter.reset()
  writeRegisterRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRegisterRequest(bytes: Uint8Array): RegisterRequest {
  return readRegisterRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRegisterResponse(message: ProtoInit<RegisterResponse>): Uint8Array {
  sharedWriter.reset()
  writeRegisterResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRegisterResponse(bytes: Uint8Array): RegisterResponse {
  return readRegisterResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeJoinRequest(message: ProtoInit<JoinRequest>): Uint8Array {
  sharedWriter.reset()
  writeJoinRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeJoinRequest(bytes: Uint8Array): JoinRequest {
  return readJoinRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeJoinResponse(message: ProtoInit<JoinResponse>): Uint8Array {
  sharedWriter.reset()
  writeJoinResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeJoinResponse(bytes: Uint8Array): JoinResponse {
  return readJoinResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeSendStreamRequest(message: ProtoInit<SendStreamRequest>): Uint8Array {
  sharedWriter.reset()
  writeSendStreamRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeSendStreamRequest(bytes: Uint8Array): SendStreamRequest {
  return readSendStreamRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeSendStreamResponse(message: ProtoInit<SendStreamResponse>): Uint8Array {
  sharedWriter.reset()
  writeSendStreamResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeSendStreamResponse(bytes: Uint8Array): SendStreamResponse {
  return readSendStreamResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListClientsRequest(message: ProtoInit<ListClientsRequest>): Uint8Array {
  sharedWriter.reset()
  writeListClientsRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListClientsRequest(bytes: Uint8Array): ListClientsRequest {
  return readListClientsRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListClientsResponse(message: ProtoInit<ListClientsResponse>): Uint8Array {
  sharedWriter.reset()
  writeListClientsResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListClientsResponse(bytes: Uint8Array): ListClientsResponse {
  return readListClientsResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeEnqueueRequest(message: ProtoInit<EnqueueRequest>): Uint8Array {
  sharedWriter.reset()
  writeEnqueueRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeEnqueueRequest(bytes: Uint8Array): EnqueueRequest {
  return readEnqueueRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeEnqueueResponse(message: ProtoInit<EnqueueResponse>): Uint8Array {
  sharedWriter.reset()
  writeEnqueueResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeEnqueueResponse(bytes: Uint8Array): EnqueueResponse {
  return readEnqueueResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeConsumeRequest(message: ProtoInit<ConsumeRequest>): Uint8Array {
  sharedWriter.reset()
  writeConsumeRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeConsumeRequest(bytes: Uint8Array): ConsumeRequest {
  return readConsumeRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeConsumeResponse(message: ProtoInit<ConsumeResponse>): Uint8Array {
  sharedWriter.reset()
  writeConsumeResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeConsumeResponse(bytes: Uint8Array): ConsumeResponse {
  return readConsumeResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeSettleRequest(message: ProtoInit<SettleRequest>): Uint8Array {
  sharedWriter.reset()
  writeSettleRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeSettleRequest(bytes: Uint8Array): SettleRequest {
  return readSettleRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeSettleResponse(message: ProtoInit<SettleResponse>): Uint8Array {
  sharedWriter.reset()
  writeSettleResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeSettleResponse(bytes: Uint8Array): SettleResponse {
  return readSettleResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListQueuesRequest(message: ProtoInit<ListQueuesRequest>): Uint8Array {
  sharedWriter.reset()
  writeListQueuesRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListQueuesRequest(bytes: Uint8Array): ListQueuesRequest {
  return readListQueuesRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListQueuesResponse(message: ProtoInit<ListQueuesResponse>): Uint8Array {
  sharedWriter.reset()
  writeListQueuesResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListQueuesResponse(bytes: Uint8Array): ListQueuesResponse {
  return readListQueuesResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodePurgeQueueRequest(message: ProtoInit<PurgeQueueRequest>): Uint8Array {
  sharedWriter.reset()
  writePurgeQueueRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodePurgeQueueRequest(bytes: Uint8Array): PurgeQueueRequest {
  return readPurgeQueueRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodePurgeQueueResponse(message: ProtoInit<PurgeQueueResponse>): Uint8Array {
  sharedWriter.reset()
  writePurgeQueueResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodePurgeQueueResponse(bytes: Uint8Array): PurgeQueueResponse {
  return readPurgeQueueResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeGetStatusRequest(message: ProtoInit<GetStatusRequest>): Uint8Array {
  sharedWriter.reset()
  writeGetStatusRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeGetStatusRequest(bytes: Uint8Array): GetStatusRequest {
  return readGetStatusRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeGetStatusResponse(message: ProtoInit<GetStatusResponse>): Uint8Array {
  sharedWriter.reset()
  writeGetStatusResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeGetStatusResponse(bytes: Uint8Array): GetStatusResponse {
  return readGetStatusResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeGetMetricsRequest(message: ProtoInit<GetMetricsRequest>): Uint8Array {
  sharedWriter.reset()
  writeGetMetricsRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeGetMetricsRequest(bytes: Uint8Array): GetMetricsRequest {
  return readGetMetricsRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeGetMetricsResponse(message: ProtoInit<GetMetricsResponse>): Uint8Array {
  sharedWriter.reset()
  writeGetMetricsResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeGetMetricsResponse(bytes: Uint8Array): GetMetricsResponse {
  return readGetMetricsResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeBackupRequest(message: ProtoInit<BackupRequest>): Uint8Array {
  sharedWriter.reset()
  writeBackupRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeBackupRequest(bytes: Uint8Array): BackupRequest {
  return readBackupRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeBackupResponse(message: ProtoInit<BackupResponse>): Uint8Array {
  sharedWriter.reset()
  writeBackupResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeBackupResponse(bytes: Uint8Array): BackupResponse {
  return readBackupResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeVerifyRequest(message: ProtoInit<VerifyRequest>): Uint8Array {
  sharedWriter.reset()
  writeVerifyRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeVerifyRequest(bytes: Uint8Array): VerifyRequest {
  return readVerifyRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeVerifyResponse(message: ProtoInit<VerifyResponse>): Uint8Array {
  sharedWriter.reset()
  writeVerifyResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeVerifyResponse(bytes: Uint8Array): VerifyResponse {
  return readVerifyResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeWhoAmIRequest(message: ProtoInit<WhoAmIRequest>): Uint8Array {
  sharedWriter.reset()
  writeWhoAmIRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeWhoAmIRequest(bytes: Uint8Array): WhoAmIRequest {
  return readWhoAmIRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeWhoAmIResponse(message: ProtoInit<WhoAmIResponse>): Uint8Array {
  sharedWriter.reset()
  writeWhoAmIResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeWhoAmIResponse(bytes: Uint8Array): WhoAmIResponse {
  return readWhoAmIResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeExplainRequest(message: ProtoInit<ExplainRequest>): Uint8Array {
  sharedWriter.reset()
  writeExplainRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeExplainRequest(bytes: Uint8Array): ExplainRequest {
  return readExplainRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeExplainResponse(message: ProtoInit<ExplainResponse>): Uint8Array {
  sharedWriter.reset()
  writeExplainResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeExplainResponse(bytes: Uint8Array): ExplainResponse {
  return readExplainResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeExplainTopicRequest(message: ProtoInit<ExplainTopicRequest>): Uint8Array {
  sharedWriter.reset()
  writeExplainTopicRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeExplainTopicRequest(bytes: Uint8Array): ExplainTopicRequest {
  return readExplainTopicRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeExplainTopicResponse(message: ProtoInit<ExplainTopicResponse>): Uint8Array {
  sharedWriter.reset()
  writeExplainTopicResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeExplainTopicResponse(bytes: Uint8Array): ExplainTopicResponse {
  return readExplainTopicResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeReloadRequest(message: ProtoInit<ReloadRequest>): Uint8Array {
  sharedWriter.reset()
  writeReloadRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeReloadRequest(bytes: Uint8Array): ReloadRequest {
  return readReloadRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeReloadResponse(message: ProtoInit<ReloadResponse>): Uint8Array {
  sharedWriter.reset()
  writeReloadResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeReloadResponse(bytes: Uint8Array): ReloadResponse {
  return readReloadResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeAddUserRequest(message: ProtoInit<AddUserRequest>): Uint8Array {
  sharedWriter.reset()
  writeAddUserRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeAddUserRequest(bytes: Uint8Array): AddUserRequest {
  return readAddUserRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeAddUserResponse(message: ProtoInit<AddUserResponse>): Uint8Array {
  sharedWriter.reset()
  writeAddUserResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeAddUserResponse(bytes: Uint8Array): AddUserResponse {
  return readAddUserResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListUsersRequest(message: ProtoInit<ListUsersRequest>): Uint8Array {
  sharedWriter.reset()
  writeListUsersRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListUsersRequest(bytes: Uint8Array): ListUsersRequest {
  return readListUsersRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListUsersResponse(message: ProtoInit<ListUsersResponse>): Uint8Array {
  sharedWriter.reset()
  writeListUsersResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListUsersResponse(bytes: Uint8Array): ListUsersResponse {
  return readListUsersResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRevokeUserRequest(message: ProtoInit<RevokeUserRequest>): Uint8Array {
  sharedWriter.reset()
  writeRevokeUserRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRevokeUserRequest(bytes: Uint8Array): RevokeUserRequest {
  return readRevokeUserRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRevokeUserResponse(message: ProtoInit<RevokeUserResponse>): Uint8Array {
  sharedWriter.reset()
  writeRevokeUserResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRevokeUserResponse(bytes: Uint8Array): RevokeUserResponse {
  return readRevokeUserResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeAddTokenRequest(message: ProtoInit<AddTokenRequest>): Uint8Array {
  sharedWriter.reset()
  writeAddTokenRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeAddTokenRequest(bytes: Uint8Array): AddTokenRequest {
  return readAddTokenRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeAddTokenResponse(message: ProtoInit<AddTokenResponse>): Uint8Array {
  sharedWriter.reset()
  writeAddTokenResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeAddTokenResponse(bytes: Uint8Array): AddTokenResponse {
  return readAddTokenResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListTokensRequest(message: ProtoInit<ListTokensRequest>): Uint8Array {
  sharedWriter.reset()
  writeListTokensRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListTokensRequest(bytes: Uint8Array): ListTokensRequest {
  return readListTokensRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListTokensResponse(message: ProtoInit<ListTokensResponse>): Uint8Array {
  sharedWriter.reset()
  writeListTokensResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListTokensResponse(bytes: Uint8Array): ListTokensResponse {
  return readListTokensResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRevokeTokenRequest(message: ProtoInit<RevokeTokenRequest>): Uint8Array {
  sharedWriter.reset()
  writeRevokeTokenRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRevokeTokenRequest(bytes: Uint8Array): RevokeTokenRequest {
  return readRevokeTokenRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRevokeTokenResponse(message: ProtoInit<RevokeTokenResponse>): Uint8Array {
  sharedWriter.reset()
  writeRevokeTokenResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRevokeTokenResponse(bytes: Uint8Array): RevokeTokenResponse {
  return readRevokeTokenResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeVerifyAuditRequest(message: ProtoInit<VerifyAuditRequest>): Uint8Array {
  sharedWriter.reset()
  writeVerifyAuditRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeVerifyAuditRequest(bytes: Uint8Array): VerifyAuditRequest {
  return readVerifyAuditRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeVerifyAuditResponse(message: ProtoInit<VerifyAuditResponse>): Uint8Array {
  sharedWriter.reset()
  writeVerifyAuditResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeVerifyAuditResponse(bytes: Uint8Array): VerifyAuditResponse {
  return readVerifyAuditResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeTailAuditRequest(message: ProtoInit<TailAuditRequest>): Uint8Array {
  sharedWriter.reset()
  writeTailAuditRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeTailAuditRequest(bytes: Uint8Array): TailAuditRequest {
  return readTailAuditRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeTailAuditResponse(message: ProtoInit<TailAuditResponse>): Uint8Array {
  sharedWriter.reset()
  writeTailAuditResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeTailAuditResponse(bytes: Uint8Array): TailAuditResponse {
  return readTailAuditResponse(new ProtoReader(bytes), bytes.length, undefined)
}

/** Appends the fields of a message, without a length before them. */
export function writeNodeId(writer: ProtoWriter, message: ProtoInit<NodeId>): void {
  if (message.tenantId) writer.string(10, message.tenantId)
  if (message.blName) writer.string(18, message.blName)
  if (message.deviceId) writer.string(26, message.deviceId)
}

/** Appends the fields of a message, without a length before them. */
export function writeMessage(writer: ProtoWriter, message: ProtoInit<Message>): void {
  if (message.id) writer.string(10, message.id)
  if (message.topic) writer.string(18, message.topic)
  if (message.origin !== undefined) writeNestedNodeId(writer, 26, message.origin)
  if (message.headId) writer.uint64(32, message.headId)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(42, message.payload)
  if (message.headers !== undefined) writer.stringMap(50, message.headers)
  if (message.createdAtMs) writer.uint64(56, message.createdAtMs)
  if (message.deleted) writer.bool(64, message.deleted)
  if (message.sequence) writer.uint64(72, message.sequence)
}

/** Appends the fields of a message, without a length before them. */
export function writeOutgoingMessage(
  writer: ProtoWriter,
  message: ProtoInit<OutgoingMessage>,
): void {
  if (message.topic) writer.string(10, message.topic)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(18, message.payload)
  if (message.headers !== undefined) writer.stringMap(26, message.headers)
  if (message.publishId) writer.string(34, message.publishId)
}

/** Appends the fields of a message, without a length before them. */
export function writePublishStreamRequest(
  writer: ProtoWriter,
  message: ProtoInit<PublishStreamRequest>,
): void {
  if (message.batchId) writer.uint64(8, message.batchId)
  if (message.messages !== undefined)
    for (const item of message.messages) writeNestedOutgoingMessage(writer, 18, item)
  if (message.live) writer.bool(24, message.live)
  if (message.realtime) writer.bool(32, message.realtime)
  if (message.from) writer.string(42, message.from)
}

/** Appends the fields of a message, without a length before them. */
export function writePublishStreamResponse(
  writer: ProtoWriter,
  message: ProtoInit<PublishStreamResponse>,
): void {
  if (message.batchId) writer.uint64(8, message.batchId)
  if (message.results !== undefined)
    for (const item of message.results) writeNestedPublishResult(writer, 18, item)
}

/** Appends the fields of a message, without a length before them. */
export function writePublishResult(writer: ProtoWriter, message: ProtoInit<PublishResult>): void {
  if (message.headId) writer.uint64(8, message.headId)
  if (message.id) writer.string(18, message.id)
  if (message.createdAtMs) writer.uint64(24, message.createdAtMs)
  if (message.duplicate) writer.bool(32, message.duplicate)
  if (message.refusal !== undefined) writeNestedRefusal(writer, 42, message.refusal)
  if (message.sequence) writer.uint64(48, message.sequence)
}

/** Appends the fields of a message, without a length before them. */
export function writeRefusal(writer: ProtoWriter, message: ProtoInit<Refusal>): void {
  if (message.code) writer.uint32(8, message.code)
  if (message.reason) writer.string(18, message.reason)
  if (message.message) writer.string(26, message.message)
}

/** Appends the fields of a message, without a length before them. */
export function writeSubscribeRequest(
  writer: ProtoWriter,
  message: ProtoInit<SubscribeRequest>,
): void {
  if (message.filter) writer.string(10, message.filter)
  if (message.origin !== undefined) writeNestedNodeId(writer, 18, message.origin)
  if (message.start !== undefined) writeNestedStart(writer, 26, message.start)
  if (message.maxBatch) writer.uint32(32, message.maxBatch)
  if (message.headsOnly) writer.bool(40, message.headsOnly)
  if (message.storedOnly) writer.bool(48, message.storedOnly)
}

/** Appends the fields of a message, without a length before them. */
export function writeStart(writer: ProtoWriter, message: ProtoInit<Start>): void {
  switch (message.at?.case) {
    case 'now':
      writeNestedNow(writer, 10, message.at.value)
      break
    case 'earliest':
      writeNestedEarliest(writer, 18, message.at.value)
      break
    case 'last':
      writeNestedLast(writer, 26, message.at.value)
      break
    case 'after':
      writeNestedPosition(writer, 34, message.at.value)
      break
    case 'headId':
      writer.uint64(40, message.at.value ?? 0)
      break
    case undefined:
      break
  }
}

/** Appends the fields of a message, without a length before them. */
export function writeNow(_writer: ProtoWriter, _message: ProtoInit<Now>): void {}

/** Appends the fields of a message, without a length before them. */
export function writeEarliest(_writer: ProtoWriter, _message: ProtoInit<Earliest>): void {}

/** Appends the fields of a message, without a length before them. */
export function writeLast(_writer: ProtoWriter, _message: ProtoInit<Last>): void {}

/** Appends the fields of a message, without a length before them. */
export function writePosition(writer: ProtoWriter, message: ProtoInit<Position>): void {
  if (message.epoch) writer.string(10, message.epoch)
  if (message.sequence) writer.uint64(16, message.sequence)
}

/** Appends the fields of a message, without a length before them. */
export function writeSubscribeResponse(
  writer: ProtoWriter,
  message: ProtoInit<SubscribeResponse>,
): void {
  if (message.messages !== undefined)
    for (const item of message.messages) writeNestedMessage(writer, 10, item)
  if (message.position !== undefined) writeNestedPosition(writer, 18, message.position)
  if (message.caughtUp) writer.bool(24, message.caughtUp)
  if (message.damaged !== undefined)
    for (const item of message.damaged) writeNestedDamagedRange(writer, 34, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeDamagedRange(writer: ProtoWriter, message: ProtoInit<DamagedRange>): void {
  if (message.topic) writer.string(10, message.topic)
  if (message.origin !== undefined) writeNestedNodeId(writer, 18, message.origin)
  if (message.fromHeadId) writer.uint64(24, message.fromHeadId)
  if (message.toHeadId) writer.uint64(32, message.toHeadId)
}

/** Appends the fields of a message, without a length before them. */
export function writeListLogsRequest(
  writer: ProtoWriter,
  message: ProtoInit<ListLogsRequest>,
): void {
  if (message.filter) writer.string(10, message.filter)
}

/** Appends the fields of a message, without a length before them. */
export function writeListLogsResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListLogsResponse>,
): void {
  if (message.logs !== undefined)
    for (const item of message.logs) writeNestedLogInfo(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeLogInfo(writer: ProtoWriter, message: ProtoInit<LogInfo>): void {
  if (message.topic) writer.string(10, message.topic)
  if (message.origin !== undefined) writeNestedNodeId(writer, 18, message.origin)
  if (message.headId) writer.uint64(24, message.headId)
  if (message.trimmedTo) writer.uint64(32, message.trimmedTo)
  if (message.storedBytes) writer.uint64(40, message.storedBytes)
  if (message.lastSequence) writer.uint64(48, message.lastSequence)
}

/** Appends the fields of a message, without a length before them. */
export function writeSendRequest(writer: ProtoWriter, message: ProtoInit<SendRequest>): void {
  if (message.target) writer.string(10, message.target)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(18, message.payload)
  if (message.realtime) writer.bool(24, message.realtime)
  if (message.from) writer.string(34, message.from)
}

/** Appends the fields of a message, without a length before them. */
export function writeSendResponse(_writer: ProtoWriter, _message: ProtoInit<SendResponse>): void {}

/** Appends the fields of a message, without a length before them. */
export function writeBroadcastRequest(
  writer: ProtoWriter,
  message: ProtoInit<BroadcastRequest>,
): void {
  if (message.mask) writer.string(10, message.mask)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(18, message.payload)
  if (message.realtime) writer.bool(24, message.realtime)
  if (message.from) writer.string(34, message.from)
}

/** Appends the fields of a message, without a length before them. */
export function writeBroadcastResponse(
  writer: ProtoWriter,
  message: ProtoInit<BroadcastResponse>,
): void {
  if (message.receivers) writer.uint32(8, message.receivers)
}

/** Appends the fields of a message, without a length before them. */
export function writeCallRequest(writer: ProtoWriter, message: ProtoInit<CallRequest>): void {
  if (message.procedure) writer.string(10, message.procedure)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(18, message.payload)
  if (message.headers !== undefined) writer.stringMap(26, message.headers)
  if (message.timeoutMs) writer.uint32(32, message.timeoutMs)
  if (message.from) writer.string(42, message.from)
}

/** Appends the fields of a message, without a length before them. */
export function writeCallResponse(writer: ProtoWriter, message: ProtoInit<CallResponse>): void {
  switch (message.outcome?.case) {
    case 'result':
      writeNestedCallResult(writer, 10, message.outcome.value)
      break
    case 'failure':
      writeNestedCallFailure(writer, 18, message.outcome.value)
      break
    case undefined:
      break
  }
}

/** Appends the fields of a message, without a length before them. */
export function writeCallResult(writer: ProtoWriter, message: ProtoInit<CallResult>): void {
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(10, message.payload)
  if (message.headers !== undefined) writer.stringMap(18, message.headers)
}

/** Appends the fields of a message, without a length before them. */
export function writeCallFailure(writer: ProtoWriter, message: ProtoInit<CallFailure>): void {
  if (message.name) writer.string(10, message.name)
  if (message.message) writer.string(18, message.message)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(26, message.payload)
  if (message.headers !== undefined) writer.stringMap(34, message.headers)
}

/** Appends the fields of a message, without a length before them. */
export function writeRegisterRequest(
  writer: ProtoWriter,
  message: ProtoInit<RegisterRequest>,
): void {
  if (message.registration !== undefined) writeNestedRegistration(writer, 10, message.registration)
  if (message.answers !== undefined)
    for (const item of message.answers) writeNestedCallAnswer(writer, 18, item)
  if (message.withdraw) writer.bool(24, message.withdraw)
}

/** Appends the fields of a message, without a length before them. */
export function writeRegistration(writer: ProtoWriter, message: ProtoInit<Registration>): void {
  if (message.procedures !== undefined)
    for (const item of message.procedures) writer.string(10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeCallAnswer(writer: ProtoWriter, message: ProtoInit<CallAnswer>): void {
  if (message.id) writer.uint64(8, message.id)
  switch (message.outcome?.case) {
    case 'result':
      writeNestedCallResult(writer, 18, message.outcome.value)
      break
    case 'failure':
      writeNestedCallFailure(writer, 26, message.outcome.value)
      break
    case 'refusal':
      writeNestedRefusal(writer, 34, message.outcome.value)
      break
    case undefined:
      break
  }
}

/** Appends the fields of a message, without a length before them. */
export function writeRegisterResponse(
  writer: ProtoWriter,
  message: ProtoInit<RegisterResponse>,
): void {
  if (message.registered !== undefined) writeNestedRegistered(writer, 10, message.registered)
  if (message.invocations !== undefined)
    for (const item of message.invocations) writeNestedInvocation(writer, 18, item)
  if (message.cancellations !== undefined)
    for (const item of message.cancellations) writeNestedCancellation(writer, 26, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeRegistered(_writer: ProtoWriter, _message: ProtoInit<Registered>): void {}

/** Appends the fields of a message, without a length before them. */
export function writeInvocation(writer: ProtoWriter, message: ProtoInit<Invocation>): void {
  if (message.id) writer.uint64(8, message.id)
  if (message.procedure) writer.string(18, message.procedure)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(26, message.payload)
  if (message.headers !== undefined) writer.stringMap(34, message.headers)
  if (message.caller) writer.string(42, message.caller)
}

/** Appends the fields of a message, without a length before them. */
export function writeCancellation(writer: ProtoWriter, message: ProtoInit<Cancellation>): void {
  if (message.id) writer.uint64(8, message.id)
}

/** Appends the fields of a message, without a length before them. */
export function writeJoinRequest(writer: ProtoWriter, message: ProtoInit<JoinRequest>): void {
  if (message.name) writer.string(10, message.name)
  if (message.replace) writer.bool(16, message.replace)
  if (message.presence) writer.string(26, message.presence)
}

/** Appends the fields of a message, without a length before them. */
export function writeJoinResponse(writer: ProtoWriter, message: ProtoInit<JoinResponse>): void {
  if (message.joined !== undefined) writeNestedJoined(writer, 10, message.joined)
  if (message.messages !== undefined)
    for (const item of message.messages) writeNestedReceivedMessage(writer, 18, item)
  if (message.presence !== undefined)
    for (const item of message.presence) writeNestedPresenceChange(writer, 26, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeJoined(_writer: ProtoWriter, _message: ProtoInit<Joined>): void {}

/** Appends the fields of a message, without a length before them. */
export function writeReceivedMessage(
  writer: ProtoWriter,
  message: ProtoInit<ReceivedMessage>,
): void {
  if (message.sender) writer.string(10, message.sender)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(18, message.payload)
  if (message.broadcast) writer.bool(24, message.broadcast)
  if (message.realtime) writer.bool(32, message.realtime)
}

/** Appends the fields of a message, without a length before them. */
export function writePresenceChange(writer: ProtoWriter, message: ProtoInit<PresenceChange>): void {
  if (message.name) writer.string(10, message.name)
  if (message.secondary) writer.bool(16, message.secondary)
  if (message.protocol) writer.string(26, message.protocol)
  switch (message.change?.case) {
    case 'joined':
      writeNestedClientJoined(writer, 34, message.change.value)
      break
    case 'left':
      writeNestedClientLeft(writer, 42, message.change.value)
      break
    case 'replaced':
      writeNestedClientReplaced(writer, 50, message.change.value)
      break
    case undefined:
      break
  }
}

/** Appends the fields of a message, without a length before them. */
export function writeClientJoined(_writer: ProtoWriter, _message: ProtoInit<ClientJoined>): void {}

/** Appends the fields of a message, without a length before them. */
export function writeClientLeft(writer: ProtoWriter, message: ProtoInit<ClientLeft>): void {
  if (message.reason) writer.string(10, message.reason)
}

/** Appends the fields of a message, without a length before them. */
export function writeClientReplaced(
  _writer: ProtoWriter,
  _message: ProtoInit<ClientReplaced>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeSendStreamRequest(
  writer: ProtoWriter,
  message: ProtoInit<SendStreamRequest>,
): void {
  if (message.batchId) writer.uint64(8, message.batchId)
  if (message.messages !== undefined)
    for (const item of message.messages) writeNestedDispatch(writer, 18, item)
  if (message.from) writer.string(26, message.from)
}

/** Appends the fields of a message, without a length before them. */
export function writeDispatch(writer: ProtoWriter, message: ProtoInit<Dispatch>): void {
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(26, message.payload)
  if (message.realtime) writer.bool(32, message.realtime)
  switch (message.to?.case) {
    case 'target':
      writer.string(10, message.to.value ?? '')
      break
    case 'mask':
      writer.string(18, message.to.value ?? '')
      break
    case undefined:
      break
  }
}

/** Appends the fields of a message, without a length before them. */
export function writeSendStreamResponse(
  writer: ProtoWriter,
  message: ProtoInit<SendStreamResponse>,
): void {
  if (message.batchId) writer.uint64(8, message.batchId)
  if (message.results !== undefined)
    for (const item of message.results) writeNestedDispatchResult(writer, 18, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeDispatchResult(writer: ProtoWriter, message: ProtoInit<DispatchResult>): void {
  if (message.receivers) writer.uint32(8, message.receivers)
  if (message.refusal !== undefined) writeNestedRefusal(writer, 18, message.refusal)
}

/** Appends the fields of a message, without a length before them. */
export function writeListClientsRequest(
  writer: ProtoWriter,
  message: ProtoInit<ListClientsRequest>,
): void {
  if (message.mask) writer.string(10, message.mask)
}

/** Appends the fields of a message, without a length before them. */
export function writeListClientsResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListClientsResponse>,
): void {
  if (message.clients !== undefined)
    for (const item of message.clients) writeNestedClientInfo(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeClientInfo(writer: ProtoWriter, message: ProtoInit<ClientInfo>): void {
  if (message.id) writer.uint64(8, message.id)
  if (message.name) writer.string(18, message.name)
  if (message.user) writer.string(26, message.user)
  if (message.protocol) writer.string(34, message.protocol)
  if (message.transport) writer.string(42, message.transport)
  if (message.source) writer.string(50, message.source)
  if (message.listener) writer.string(58, message.listener)
  if (message.connectedAtMs) writer.uint64(64, message.connectedAtMs)
  if (message.receivedFrames) writer.uint64(72, message.receivedFrames)
  if (message.receivedBytes) writer.uint64(80, message.receivedBytes)
  if (message.sentFrames) writer.uint64(88, message.sentFrames)
  if (message.sentBytes) writer.uint64(96, message.sentBytes)
  if (message.subscriptions) writer.uint64(104, message.subscriptions)
  if (message.instances) writer.uint64(112, message.instances)
  if (message.queuedBytes) writer.uint64(120, message.queuedBytes)
  if (message.congested) writer.bool(128, message.congested)
}

/** Appends the fields of a message, without a length before them. */
export function writeQueueMessage(writer: ProtoWriter, message: ProtoInit<QueueMessage>): void {
  if (message.id) writer.string(10, message.id)
  if (message.queue) writer.string(18, message.queue)
  if (message.topic) writer.string(26, message.topic)
  if (message.source !== undefined) writeNestedNodeId(writer, 34, message.source)
  if (message.target !== undefined) writeNestedNodeId(writer, 42, message.target)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(50, message.payload)
  if (message.headers !== undefined) writer.stringMap(58, message.headers)
  if (message.createdAtMs) writer.uint64(64, message.createdAtMs)
  if (message.sequence) writer.uint64(72, message.sequence)
  if (message.attempts) writer.uint32(80, message.attempts)
}

/** Appends the fields of a message, without a length before them. */
export function writeOutgoingQueueMessage(
  writer: ProtoWriter,
  message: ProtoInit<OutgoingQueueMessage>,
): void {
  if (message.queue) writer.string(10, message.queue)
  if (message.topic) writer.string(18, message.topic)
  if (message.target !== undefined) writeNestedNodeId(writer, 26, message.target)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(34, message.payload)
  if (message.headers !== undefined) writer.stringMap(42, message.headers)
}

/** Appends the fields of a message, without a length before them. */
export function writeEnqueueRequest(writer: ProtoWriter, message: ProtoInit<EnqueueRequest>): void {
  if (message.messages !== undefined)
    for (const item of message.messages) writeNestedOutgoingQueueMessage(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeEnqueueResponse(
  writer: ProtoWriter,
  message: ProtoInit<EnqueueResponse>,
): void {
  if (message.messages !== undefined)
    for (const item of message.messages) writeNestedEnqueued(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeEnqueued(writer: ProtoWriter, message: ProtoInit<Enqueued>): void {
  if (message.id) writer.string(10, message.id)
  if (message.sequence) writer.uint64(16, message.sequence)
}

/** Appends the fields of a message, without a length before them. */
export function writeConsumeRequest(writer: ProtoWriter, message: ProtoInit<ConsumeRequest>): void {
  if (message.queue) writer.string(10, message.queue)
  if (message.maxInFlight) writer.uint32(16, message.maxInFlight)
  if (message.leaseMs) writer.uint32(24, message.leaseMs)
}

/** Appends the fields of a message, without a length before them. */
export function writeConsumeResponse(
  writer: ProtoWriter,
  message: ProtoInit<ConsumeResponse>,
): void {
  if (message.message !== undefined) writeNestedQueueMessage(writer, 10, message.message)
  if (message.leaseId) writer.string(18, message.leaseId)
  if (message.leaseUntilMs) writer.uint64(24, message.leaseUntilMs)
}

/** Appends the fields of a message, without a length before them. */
export function writeSettleRequest(writer: ProtoWriter, message: ProtoInit<SettleRequest>): void {
  if (message.settlements !== undefined)
    for (const item of message.settlements) writeNestedSettlement(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeSettlement(writer: ProtoWriter, message: ProtoInit<Settlement>): void {
  if (message.queue) writer.string(10, message.queue)
  if (message.leaseId) writer.string(18, message.leaseId)
  switch (message.action?.case) {
    case 'acknowledge':
      writeNestedAcknowledge(writer, 26, message.action.value)
      break
    case 'release':
      writeNestedRelease(writer, 34, message.action.value)
      break
    case 'extend':
      writeNestedExtend(writer, 42, message.action.value)
      break
    case undefined:
      break
  }
}

/** Appends the fields of a message, without a length before them. */
export function writeAcknowledge(_writer: ProtoWriter, _message: ProtoInit<Acknowledge>): void {}

/** Appends the fields of a message, without a length before them. */
export function writeRelease(writer: ProtoWriter, message: ProtoInit<Release>): void {
  if (message.delayMs) writer.uint32(8, message.delayMs)
}

/** Appends the fields of a message, without a length before them. */
export function writeExtend(writer: ProtoWriter, message: ProtoInit<Extend>): void {
  if (message.leaseMs) writer.uint32(8, message.leaseMs)
}

/** Appends the fields of a message, without a length before them. */
export function writeSettleResponse(writer: ProtoWriter, message: ProtoInit<SettleResponse>): void {
  if (message.accepted !== undefined && message.accepted.length > 0)
    writer.packedBools(10, message.accepted)
}

/** Appends the fields of a message, without a length before them. */
export function writeListQueuesRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<ListQueuesRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeListQueuesResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListQueuesResponse>,
): void {
  if (message.queues !== undefined)
    for (const item of message.queues) writeNestedQueueInfo(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeQueueInfo(writer: ProtoWriter, message: ProtoInit<QueueInfo>): void {
  if (message.queue) writer.string(10, message.queue)
  if (message.depth) writer.uint64(16, message.depth)
  if (message.leased) writer.uint64(24, message.leased)
  if (message.lastSequence) writer.uint64(32, message.lastSequence)
  if (message.oldestAtMs) writer.uint64(40, message.oldestAtMs)
  if (message.consumers) writer.uint32(48, message.consumers)
  if (message.forwarding !== undefined) writeNestedQueueForwarding(writer, 58, message.forwarding)
}

/** Appends the fields of a message, without a length before them. */
export function writeQueueForwarding(
  writer: ProtoWriter,
  message: ProtoInit<QueueForwarding>,
): void {
  if (message.target) writer.string(10, message.target)
  if (message.queue) writer.string(18, message.queue)
  if (message.state) writer.string(26, message.state)
  if (message.attempts) writer.uint32(32, message.attempts)
  if (message.lastError) writer.string(42, message.lastError)
}

/** Appends the fields of a message, without a length before them. */
export function writePurgeQueueRequest(
  writer: ProtoWriter,
  message: ProtoInit<PurgeQueueRequest>,
): void {
  if (message.queue) writer.string(10, message.queue)
}

/** Appends the fields of a message, without a length before them. */
export function writePurgeQueueResponse(
  writer: ProtoWriter,
  message: ProtoInit<PurgeQueueResponse>,
): void {
  if (message.removed) writer.uint64(8, message.removed)
}

/** Appends the fields of a message, without a length before them. */
export function writeGetStatusRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<GetStatusRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeGetStatusResponse(
  writer: ProtoWriter,
  message: ProtoInit<GetStatusResponse>,
): void {
  if (message.node !== undefined) writeNestedNodeId(writer, 10, message.node)
  if (message.version) writer.string(18, message.version)
  if (message.storage) writer.string(26, message.storage)
  if (message.durability) writer.string(34, message.durability)
  if (message.epoch) writer.string(42, message.epoch)
  if (message.dataFolder) writer.string(50, message.dataFolder)
  if (message.startedAtMs) writer.uint64(56, message.startedAtMs)
  if (message.ready) writer.bool(64, message.ready)
  if (message.error) writer.string(74, message.error)
  if (message.logs) writer.uint64(80, message.logs)
  if (message.lastSequence) writer.uint64(88, message.lastSequence)
  if (message.storedBytes) writer.uint64(96, message.storedBytes)
  if (message.lastCommitAgeMs) writer.uint64(104, message.lastCommitAgeMs)
  if (message.damagedRecords) writer.uint64(112, message.damagedRecords)
  if (message.subscriptions) writer.uint64(120, message.subscriptions)
  if (message.queues) writer.uint64(128, message.queues)
  if (message.listeners !== undefined)
    for (const item of message.listeners) writeNestedListener(writer, 138, item)
  if (message.residentBytes) writer.uint64(144, message.residentBytes)
  if (message.freeDiskBytes) writer.uint64(152, message.freeDiskBytes)
  if (message.historyLogs) writer.uint64(160, message.historyLogs)
  if (message.historyBytes) writer.uint64(168, message.historyBytes)
}

/** Appends the fields of a message, without a length before them. */
export function writeListener(writer: ProtoWriter, message: ProtoInit<Listener>): void {
  if (message.protocol) writer.string(10, message.protocol)
  if (message.address) writer.string(18, message.address)
  if (message.tls) writer.bool(24, message.tls)
}

/** Appends the fields of a message, without a length before them. */
export function writeGetMetricsRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<GetMetricsRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeGetMetricsResponse(
  writer: ProtoWriter,
  message: ProtoInit<GetMetricsResponse>,
): void {
  if (message.text) writer.string(10, message.text)
}

/** Appends the fields of a message, without a length before them. */
export function writeBackupRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<BackupRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeBackupResponse(writer: ProtoWriter, message: ProtoInit<BackupResponse>): void {
  if (message.chunk !== undefined && message.chunk.length > 0) writer.bytes(10, message.chunk)
}

/** Appends the fields of a message, without a length before them. */
export function writeVerifyRequest(writer: ProtoWriter, message: ProtoInit<VerifyRequest>): void {
  if (message.repair) writer.bool(8, message.repair)
}

/** Appends the fields of a message, without a length before them. */
export function writeVerifyResponse(writer: ProtoWriter, message: ProtoInit<VerifyResponse>): void {
  if (message.recordsChecked) writer.uint64(8, message.recordsChecked)
  if (message.damaged !== undefined)
    for (const item of message.damaged) writeNestedDamagedRange(writer, 18, item)
  if (message.done) writer.bool(24, message.done)
  if (message.repaired) writer.uint64(32, message.repaired)
}

/** Appends the fields of a message, without a length before them. */
export function writeWhoAmIRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<WhoAmIRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeWhoAmIResponse(writer: ProtoWriter, message: ProtoInit<WhoAmIResponse>): void {
  if (message.user) writer.string(10, message.user)
  if (message.groups !== undefined) for (const item of message.groups) writer.string(18, item)
  if (message.method) writer.string(26, message.method)
  if (message.open) writer.bool(32, message.open)
}

/** Appends the fields of a message, without a length before them. */
export function writeExplainRequest(writer: ProtoWriter, message: ProtoInit<ExplainRequest>): void {
  if (message.user) writer.string(10, message.user)
  if (message.clientName) writer.string(18, message.clientName)
  if (message.action) writer.string(26, message.action)
  if (message.resource) writer.string(34, message.resource)
}

/** Appends the fields of a message, without a length before them. */
export function writeExplainResponse(
  writer: ProtoWriter,
  message: ProtoInit<ExplainResponse>,
): void {
  if (message.allowed) writer.bool(8, message.allowed)
  if (message.rule) writer.string(18, message.rule)
  if (message.user) writer.string(26, message.user)
  if (message.groups !== undefined) for (const item of message.groups) writer.string(34, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeExplainTopicRequest(
  writer: ProtoWriter,
  message: ProtoInit<ExplainTopicRequest>,
): void {
  if (message.topic) writer.string(10, message.topic)
}

/** Appends the fields of a message, without a length before them. */
export function writeExplainTopicResponse(
  writer: ProtoWriter,
  message: ProtoInit<ExplainTopicResponse>,
): void {
  if (message.receivers !== undefined)
    for (const item of message.receivers) writeNestedTopicReceiver(writer, 10, item)
  if (message.store) writer.string(18, message.store)
}

/** Appends the fields of a message, without a length before them. */
export function writeTopicReceiver(writer: ProtoWriter, message: ProtoInit<TopicReceiver>): void {
  if (message.name) writer.string(10, message.name)
  if (message.user) writer.string(18, message.user)
  if (message.protocol) writer.string(26, message.protocol)
  if (message.source) writer.string(34, message.source)
  if (message.filters !== undefined) for (const item of message.filters) writer.string(42, item)
  if (message.receives) writer.bool(48, message.receives)
  if (message.reason) writer.string(58, message.reason)
}

/** Appends the fields of a message, without a length before them. */
export function writeReloadRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<ReloadRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeReloadResponse(writer: ProtoWriter, message: ProtoInit<ReloadResponse>): void {
  if (message.notes !== undefined) for (const item of message.notes) writer.string(10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeAddUserRequest(writer: ProtoWriter, message: ProtoInit<AddUserRequest>): void {
  if (message.name) writer.string(10, message.name)
  if (message.password) writer.string(18, message.password)
  if (message.groups !== undefined) for (const item of message.groups) writer.string(26, item)
  if (message.challenge) writer.bool(32, message.challenge)
  if (message.replace) writer.bool(40, message.replace)
}

/** Appends the fields of a message, without a length before them. */
export function writeAddUserResponse(
  writer: ProtoWriter,
  message: ProtoInit<AddUserResponse>,
): void {
  if (message.closed) writer.bool(8, message.closed)
}

/** Appends the fields of a message, without a length before them. */
export function writeListUsersRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<ListUsersRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeListUsersResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListUsersResponse>,
): void {
  if (message.users !== undefined)
    for (const item of message.users) writeNestedUserInfo(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeUserInfo(writer: ProtoWriter, message: ProtoInit<UserInfo>): void {
  if (message.name) writer.string(10, message.name)
  if (message.groups !== undefined) for (const item of message.groups) writer.string(18, item)
  if (message.configured) writer.bool(24, message.configured)
  if (message.methods !== undefined) for (const item of message.methods) writer.string(34, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeRevokeUserRequest(
  writer: ProtoWriter,
  message: ProtoInit<RevokeUserRequest>,
): void {
  if (message.name) writer.string(10, message.name)
}

/** Appends the fields of a message, without a length before them. */
export function writeRevokeUserResponse(
  writer: ProtoWriter,
  message: ProtoInit<RevokeUserResponse>,
): void {
  if (message.tokens) writer.uint32(8, message.tokens)
}

/** Appends the fields of a message, without a length before them. */
export function writeAddTokenRequest(
  writer: ProtoWriter,
  message: ProtoInit<AddTokenRequest>,
): void {
  if (message.user) writer.string(10, message.user)
  if (message.groups !== undefined) for (const item of message.groups) writer.string(18, item)
  if (message.lifetimeMs) writer.uint64(24, message.lifetimeMs)
  if (message.note) writer.string(34, message.note)
}

/** Appends the fields of a message, without a length before them. */
export function writeAddTokenResponse(
  writer: ProtoWriter,
  message: ProtoInit<AddTokenResponse>,
): void {
  if (message.token) writer.string(10, message.token)
  if (message.id) writer.string(18, message.id)
  if (message.closed) writer.bool(24, message.closed)
}

/** Appends the fields of a message, without a length before them. */
export function writeListTokensRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<ListTokensRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeListTokensResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListTokensResponse>,
): void {
  if (message.tokens !== undefined)
    for (const item of message.tokens) writeNestedTokenInfo(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeTokenInfo(writer: ProtoWriter, message: ProtoInit<TokenInfo>): void {
  if (message.id) writer.string(10, message.id)
  if (message.user) writer.string(18, message.user)
  if (message.groups !== undefined) for (const item of message.groups) writer.string(26, item)
  if (message.createdAtMs) writer.uint64(32, message.createdAtMs)
  if (message.expiresAtMs) writer.uint64(40, message.expiresAtMs)
  if (message.note) writer.string(50, message.note)
}

/** Appends the fields of a message, without a length before them. */
export function writeRevokeTokenRequest(
  writer: ProtoWriter,
  message: ProtoInit<RevokeTokenRequest>,
): void {
  if (message.id) writer.string(10, message.id)
}

/** Appends the fields of a message, without a length before them. */
export function writeRevokeTokenResponse(
  _writer: ProtoWriter,
  _message: ProtoInit<RevokeTokenResponse>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeVerifyAuditRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<VerifyAuditRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeVerifyAuditResponse(
  writer: ProtoWriter,
  message: ProtoInit<VerifyAuditResponse>,
): void {
  if (message.lines) writer.uint64(8, message.lines)
  if (message.lastNumber) writer.uint64(16, message.lastNumber)
  if (message.lastHash) writer.string(26, message.lastHash)
  if (message.faults !== undefined) for (const item of message.faults) writer.string(34, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeTailAuditRequest(
  writer: ProtoWriter,
  message: ProtoInit<TailAuditRequest>,
): void {
  if (message.lines) writer.uint32(8, message.lines)
}

/** Appends the fields of a message, without a length before them. */
export function writeTailAuditResponse(
  writer: ProtoWriter,
  message: ProtoInit<TailAuditResponse>,
): void {
  if (message.lines !== undefined) for (const item of message.lines) writer.string(10, item)
}

let widthNodeId = 1

/** Appends a message as a field of another. */
export function writeNestedNodeId(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<NodeId>,
): void {
  const start = writer.begin(tag, widthNodeId)
  writeNodeId(writer, message)
  widthNodeId = writer.end(start, widthNodeId)
}

let widthMessage = 1

/** Appends a message as a field of another. */
export function writeNestedMessage(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Message>,
): void {
  const start = writer.begin(tag, widthMessage)
  writeMessage(writer, message)
  widthMessage = writer.end(start, widthMessage)
}

let widthOutgoingMessage = 1

/** Appends a message as a field of another. */
export function writeNestedOutgoingMessage(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<OutgoingMessage>,
): void {
  const start = writer.begin(tag, widthOutgoingMessage)
  writeOutgoingMessage(writer, message)
  widthOutgoingMessage = writer.end(start, widthOutgoingMessage)
}

let widthPublishResult = 1

/** Appends a message as a field of another. */
export function writeNestedPublishResult(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<PublishResult>,
): void {
  const start = writer.begin(tag, widthPublishResult)
  writePublishResult(writer, message)
  widthPublishResult = writer.end(start, widthPublishResult)
}

let widthRefusal = 1

/** Appends a message as a field of another. */
export function writeNestedRefusal(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Refusal>,
): void {
  const start = writer.begin(tag, widthRefusal)
  writeRefusal(writer, message)
  widthRefusal = writer.end(start, widthRefusal)
}

let widthStart = 1

/** Appends a message as a field of another. */
export function writeNestedStart(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Start>,
): void {
  const start = writer.begin(tag, widthStart)
  writeStart(writer, message)
  widthStart = writer.end(start, widthStart)
}

let widthNow = 1

/** Appends a message as a field of another. */
export function writeNestedNow(writer: ProtoWriter, tag: number, message: ProtoInit<Now>): void {
  const start = writer.begin(tag, widthNow)
  writeNow(writer, message)
  widthNow = writer.end(start, widthNow)
}

let widthEarliest = 1

/** Appends a message as a field of another. */
export function writeNestedEarliest(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Earliest>,
): void {
  const start = writer.begin(tag, widthEarliest)
  writeEarliest(writer, message)
  widthEarliest = writer.end(start, widthEarliest)
}

let widthLast = 1

/** Appends a message as a field of another. */
export function writeNestedLast(writer: ProtoWriter, tag: number, message: ProtoInit<Last>): void {
  const start = writer.begin(tag, widthLast)
  writeLast(writer, message)
  widthLast = writer.end(start, widthLast)
}

let widthPosition = 1

/** Appends a message as a field of another. */
export function writeNestedPosition(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Position>,
): void {
  const start = writer.begin(tag, widthPosition)
  writePosition(writer, message)
  widthPosition = writer.end(start, widthPosition)
}

let widthDamagedRange = 1

/** Appends a message as a field of another. */
export function writeNestedDamagedRange(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<DamagedRange>,
): void {
  const start = writer.begin(tag, widthDamagedRange)
  writeDamagedRange(writer, message)
  widthDamagedRange = writer.end(start, widthDamagedRange)
}

let widthLogInfo = 1

/** Appends a message as a field of another. */
export function writeNestedLogInfo(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<LogInfo>,
): void {
  const start = writer.begin(tag, widthLogInfo)
  writeLogInfo(writer, message)
  widthLogInfo = writer.end(start, widthLogInfo)
}

let widthCallResult = 1

/** Appends a message as a field of another. */
export function writeNestedCallResult(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<CallResult>,
): void {
  const start = writer.begin(tag, widthCallResult)
  writeCallResult(writer, message)
  widthCallResult = writer.end(start, widthCallResult)
}

let widthCallFailure = 1

/** Appends a message as a field of another. */
export function writeNestedCallFailure(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<CallFailure>,
): void {
  const start = writer.begin(tag, widthCallFailure)
  writeCallFailure(writer, message)
  widthCallFailure = writer.end(start, widthCallFailure)
}

let widthRegistration = 1

/** Appends a message as a field of another. */
export function writeNestedRegistration(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Registration>,
): void {
  const start = writer.begin(tag, widthRegistration)
  writeRegistration(writer, message)
  widthRegistration = writer.end(start, widthRegistration)
}

let widthCallAnswer = 1

/** Appends a message as a field of another. */
export function writeNestedCallAnswer(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<CallAnswer>,
): void {
  const start = writer.begin(tag, widthCallAnswer)
  writeCallAnswer(writer, message)
  widthCallAnswer = writer.end(start, widthCallAnswer)
}

let widthRegistered = 1

/** Appends a message as a field of another. */
export function writeNestedRegistered(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Registered>,
): void {
  const start = writer.begin(tag, widthRegistered)
  writeRegistered(writer, message)
  widthRegistered = writer.end(start, widthRegistered)
}

let widthInvocation = 1

/** Appends a message as a field of another. */
export function writeNestedInvocation(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Invocation>,
): void {
  const start = writer.begin(tag, widthInvocation)
  writeInvocation(writer, message)
  widthInvocation = writer.end(start, widthInvocation)
}

let widthCancellation = 1

/** Appends a message as a field of another. */
export function writeNestedCancellation(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Cancellation>,
): void {
  const start = writer.begin(tag, widthCancellation)
  writeCancellation(writer, message)
  widthCancellation = writer.end(start, widthCancellation)
}

let widthJoined = 1

/** Appends a message as a field of another. */
export function writeNestedJoined(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Joined>,
): void {
  const start = writer.begin(tag, widthJoined)
  writeJoined(writer, message)
  widthJoined = writer.end(start, widthJoined)
}

let widthReceivedMessage = 1

/** Appends a message as a field of another. */
export function writeNestedReceivedMessage(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<ReceivedMessage>,
): void {
  const start = writer.begin(tag, widthReceivedMessage)
  writeReceivedMessage(writer, message)
  widthReceivedMessage = writer.end(start, widthReceivedMessage)
}

let widthPresenceChange = 1

/** Appends a message as a field of another. */
export function writeNestedPresenceChange(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<PresenceChange>,
): void {
  const start = writer.begin(tag, widthPresenceChange)
  writePresenceChange(writer, message)
  widthPresenceChange = writer.end(start, widthPresenceChange)
}

let widthClientJoined = 1

/** Appends a message as a field of another. */
export function writeNestedClientJoined(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<ClientJoined>,
): void {
  const start = writer.begin(tag, widthClientJoined)
  writeClientJoined(writer, message)
  widthClientJoined = writer.end(start, widthClientJoined)
}

let widthClientLeft = 1

/** Appends a message as a field of another. */
export function writeNestedClientLeft(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<ClientLeft>,
): void {
  const start = writer.begin(tag, widthClientLeft)
  writeClientLeft(writer, message)
  widthClientLeft = writer.end(start, widthClientLeft)
}

let widthClientReplaced = 1

/** Appends a message as a field of another. */
export function writeNestedClientReplaced(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<ClientReplaced>,
): void {
  const start = writer.begin(tag, widthClientReplaced)
  writeClientReplaced(writer, message)
  widthClientReplaced = writer.end(start, widthClientReplaced)
}

let widthDispatch = 1

/** Appends a message as a field of another. */
export function writeNestedDispatch(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Dispatch>,
): void {
  const start = writer.begin(tag, widthDispatch)
  writeDispatch(writer, message)
  widthDispatch = writer.end(start, widthDispatch)
}

let widthDispatchResult = 1

/** Appends a message as a field of another. */
export function writeNestedDispatchResult(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<DispatchResult>,
): void {
  const start = writer.begin(tag, widthDispatchResult)
  writeDispatchResult(writer, message)
  widthDispatchResult = writer.end(start, widthDispatchResult)
}

let widthClientInfo = 1

/** Appends a message as a field of another. */
export function writeNestedClientInfo(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<ClientInfo>,
): void {
  const start = writer.begin(tag, widthClientInfo)
  writeClientInfo(writer, message)
  widthClientInfo = writer.end(start, widthClientInfo)
}

let widthQueueMessage = 1

/** Appends a message as a field of another. */
export function writeNestedQueueMessage(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<QueueMessage>,
): void {
  const start = writer.begin(tag, widthQueueMessage)
  writeQueueMessage(writer, message)
  widthQueueMessage = writer.end(start, widthQueueMessage)
}

let widthOutgoingQueueMessage = 1

/** Appends a message as a field of another. */
export function writeNestedOutgoingQueueMessage(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<OutgoingQueueMessage>,
): void {
  const start = writer.begin(tag, widthOutgoingQueueMessage)
  writeOutgoingQueueMessage(writer, message)
  widthOutgoingQueueMessage = writer.end(start, widthOutgoingQueueMessage)
}

let widthEnqueued = 1

/** Appends a message as a field of another. */
export function writeNestedEnqueued(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Enqueued>,
): void {
  const start = writer.begin(tag, widthEnqueued)
  writeEnqueued(writer, message)
  widthEnqueued = writer.end(start, widthEnqueued)
}

let widthSettlement = 1

/** Appends a message as a field of another. */
export function writeNestedSettlement(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Settlement>,
): void {
  const start = writer.begin(tag, widthSettlement)
  writeSettlement(writer, message)
  widthSettlement = writer.end(start, widthSettlement)
}

let widthAcknowledge = 1

/** Appends a message as a field of another. */
export function writeNestedAcknowledge(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Acknowledge>,
): void {
  const start = writer.begin(tag, widthAcknowledge)
  writeAcknowledge(writer, message)
  widthAcknowledge = writer.end(start, widthAcknowledge)
}

let widthRelease = 1

/** Appends a message as a field of another. */
export function writeNestedRelease(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Release>,
): void {
  const start = writer.begin(tag, widthRelease)
  writeRelease(writer, message)
  widthRelease = writer.end(start, widthRelease)
}

let widthExtend = 1

/** Appends a message as a field of another. */
export function writeNestedExtend(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Extend>,
): void {
  const start = writer.begin(tag, widthExtend)
  writeExtend(writer, message)
  widthExtend = writer.end(start, widthExtend)
}

let widthQueueInfo = 1

/** Appends a message as a field of another. */
export function writeNestedQueueInfo(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<QueueInfo>,
): void {
  const start = writer.begin(tag, widthQueueInfo)
  writeQueueInfo(writer, message)
  widthQueueInfo = writer.end(start, widthQueueInfo)
}

let widthQueueForwarding = 1

/** Appends a message as a field of another. */
export function writeNestedQueueForwarding(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<QueueForwarding>,
): void {
  const start = writer.begin(tag, widthQueueForwarding)
  writeQueueForwarding(writer, message)
  widthQueueForwarding = writer.end(start, widthQueueForwarding)
}

let widthListener = 1

/** Appends a message as a field of another. */
export function writeNestedListener(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<Listener>,
): void {
  const start = writer.begin(tag, widthListener)
  writeListener(writer, message)
  widthListener = writer.end(start, widthListener)
}

let widthTopicReceiver = 1

/** Appends a message as a field of another. */
export function writeNestedTopicReceiver(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<TopicReceiver>,
): void {
  const start = writer.begin(tag, widthTopicReceiver)
  writeTopicReceiver(writer, message)
  widthTopicReceiver = writer.end(start, widthTopicReceiver)
}

let widthUserInfo = 1

/** Appends a message as a field of another. */
export function writeNestedUserInfo(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<UserInfo>,
): void {
  const start = writer.begin(tag, widthUserInfo)
  writeUserInfo(writer, message)
  widthUserInfo = writer.end(start, widthUserInfo)
}

let widthTokenInfo = 1

/** Appends a message as a field of another. */
export function writeNestedTokenInfo(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<TokenInfo>,
): void {
  const start = writer.begin(tag, widthTokenInfo)
  writeTokenInfo(writer, message)
  widthTokenInfo = writer.end(start, widthTokenInfo)
}

function readNodeId(reader: ProtoReader, end: number, previous: NodeId | undefined): NodeId {
  let tenantId = previous?.tenantId ?? ''
  let blName = previous?.blName ?? ''
  let deviceId = previous?.deviceId ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        tenantId = reader.string(end)
        break
      case 18:
        blName = reader.string(end)
        break
      case 26:
        deviceId = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { tenantId, blName, deviceId }
}

function readMessage(reader: ProtoReader, end: number, previous: Message | undefined): Message {
  let id = previous?.id ?? ''
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  let headId = previous?.headId ?? 0
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  let createdAtMs = previous?.createdAtMs ?? 0
  let deleted = previous?.deleted ?? false
  let sequence = previous?.sequence ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        id = reader.string(end)
        break
      case 18:
        topic = reader.string(end)
        break
      case 26:
        origin = readNodeId(reader, reader.nested(end), origin)
        break
      case 32:
        headId = reader.uint64()
        break
      case 42:
        payload = reader.bytes(end)
        break
      case 50:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      case 56:
        createdAtMs = reader.uint64()
        break
      case 64:
        deleted = reader.bool()
        break
      case 72:
        sequence = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return {
    id,
    topic,
    origin,
    headId,
    payload,
    headers: headers ?? emptyStringMap,
    createdAtMs,
    deleted,
    sequence,
  }
}

function readOutgoingMessage(
  reader: ProtoReader,
  end: number,
  previous: OutgoingMessage | undefined,
): OutgoingMessage {
  let topic = previous?.topic ?? ''
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  let publishId = previous?.publishId ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      case 18:
        payload = reader.bytes(end)
        break
      case 26:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      case 34:
        publishId = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic, payload, headers: headers ?? emptyStringMap, publishId }
}

function readPublishStreamRequest(
  reader: ProtoReader,
  end: number,
  previous: PublishStreamRequest | undefined,
): PublishStreamRequest {
  let batchId = previous?.batchId ?? 0
  const messages: OutgoingMessage[] = previous === undefined ? [] : [...previous.messages]
  let live = previous?.live ?? false
  let realtime = previous?.realtime ?? false
  let from = previous?.from ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        batchId = reader.uint64()
        break
      case 18:
        messages.push(readOutgoingMessage(reader, reader.nested(end), undefined))
        break
      case 24:
        live = reader.bool()
        break
      case 32:
        realtime = reader.bool()
        break
      case 42:
        from = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { batchId, messages, live, realtime, from }
}

function readPublishStreamResponse(
  reader: ProtoReader,
  end: number,
  previous: PublishStreamResponse | undefined,
): PublishStreamResponse {
  let batchId = previous?.batchId ?? 0
  const results: PublishResult[] = previous === undefined ? [] : [...previous.results]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        batchId = reader.uint64()
        break
      case 18:
        results.push(readPublishResult(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { batchId, results }
}

function readPublishResult(
  reader: ProtoReader,
  end: number,
  previous: PublishResult | undefined,
): PublishResult {
  let headId = previous?.headId ?? 0
  let id = previous?.id ?? ''
  let createdAtMs = previous?.createdAtMs ?? 0
  let duplicate = previous?.duplicate ?? false
  let refusal = previous?.refusal
  let sequence = previous?.sequence ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        headId = reader.uint64()
        break
      case 18:
        id = reader.string(end)
        break
      case 24:
        createdAtMs = reader.uint64()
        break
      case 32:
        duplicate = reader.bool()
        break
      case 42:
        refusal = readRefusal(reader, reader.nested(end), refusal)
        break
      case 48:
        sequence = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { headId, id, createdAtMs, duplicate, refusal, sequence }
}

function readRefusal(reader: ProtoReader, end: number, previous: Refusal | undefined): Refusal {
  let code = previous?.code ?? 0
  let reason = previous?.reason ?? ''
  let message = previous?.message ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        code = reader.uint32()
        break
      case 18:
        reason = reader.string(end)
        break
      case 26:
        message = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { code, reason, message }
}

function readSubscribeRequest(
  reader: ProtoReader,
  end: number,
  previous: SubscribeRequest | undefined,
): SubscribeRequest {
  let filter = previous?.filter ?? ''
  let origin = previous?.origin
  let start = previous?.start
  let maxBatch = previous?.maxBatch ?? 0
  let headsOnly = previous?.headsOnly ?? false
  let storedOnly = previous?.storedOnly ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        filter = reader.string(end)
        break
      case 18:
        origin = readNodeId(reader, reader.nested(end), origin)
        break
      case 26:
        start = readStart(reader, reader.nested(end), start)
        break
      case 32:
        maxBatch = reader.uint32()
        break
      case 40:
        headsOnly = reader.bool()
        break
      case 48:
        storedOnly = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { filter, origin, start, maxBatch, headsOnly, storedOnly }
}

function readStart(reader: ProtoReader, end: number, previous: Start | undefined): Start {
  let at: Start['at'] = previous?.at
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        at = {
          case: 'now',
          value: readNow(reader, reader.nested(end), at?.case === 'now' ? at.value : undefined),
        }
        break
      case 18:
        at = {
          case: 'earliest',
          value: readEarliest(
            reader,
            reader.nested(end),
            at?.case === 'earliest' ? at.value : undefined,
          ),
        }
        break
      case 26:
        at = {
          case: 'last',
          value: readLast(reader, reader.nested(end), at?.case === 'last' ? at.value : undefined),
        }
        break
      case 34:
        at = {
          case: 'after',
          value: readPosition(
            reader,
            reader.nested(end),
            at?.case === 'after' ? at.value : undefined,
          ),
        }
        break
      case 40:
        at = { case: 'headId', value: reader.uint64() }
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { at }
}

function readNow(reader: ProtoReader, end: number, _previous: Now | undefined): Now {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readEarliest(reader: ProtoReader, end: number, _previous: Earliest | undefined): Earliest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readLast(reader: ProtoReader, end: number, _previous: Last | undefined): Last {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readPosition(reader: ProtoReader, end: number, previous: Position | undefined): Position {
  let epoch = previous?.epoch ?? ''
  let sequence = previous?.sequence ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        epoch = reader.string(end)
        break
      case 16:
        sequence = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { epoch, sequence }
}

function readSubscribeResponse(
  reader: ProtoReader,
  end: number,
  previous: SubscribeResponse | undefined,
): SubscribeResponse {
  const messages: Message[] = previous === undefined ? [] : [...previous.messages]
  let position = previous?.position
  let caughtUp = previous?.caughtUp ?? false
  const damaged: DamagedRange[] = previous === undefined ? [] : [...previous.damaged]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        messages.push(readMessage(reader, reader.nested(end), undefined))
        break
      case 18:
        position = readPosition(reader, reader.nested(end), position)
        break
      case 24:
        caughtUp = reader.bool()
        break
      case 34:
        damaged.push(readDamagedRange(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { messages, position, caughtUp, damaged }
}

function readDamagedRange(
  reader: ProtoReader,
  end: number,
  previous: DamagedRange | undefined,
): DamagedRange {
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  let fromHeadId = previous?.fromHeadId ?? 0
  let toHeadId = previous?.toHeadId ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      case 18:
        origin = readNodeId(reader, reader.nested(end), origin)
        break
      case 24:
        fromHeadId = reader.uint64()
        break
      case 32:
        toHeadId = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic, origin, fromHeadId, toHeadId }
}

function readListLogsRequest(
  reader: ProtoReader,
  end: number,
  previous: ListLogsRequest | undefined,
): ListLogsRequest {
  let filter = previous?.filter ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        filter = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { filter }
}

function readListLogsResponse(
  reader: ProtoReader,
  end: number,
  previous: ListLogsResponse | undefined,
): ListLogsResponse {
  const logs: LogInfo[] = previous === undefined ? [] : [...previous.logs]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        logs.push(readLogInfo(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { logs }
}

function readLogInfo(reader: ProtoReader, end: number, previous: LogInfo | undefined): LogInfo {
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  let headId = previous?.headId ?? 0
  let trimmedTo = previous?.trimmedTo ?? 0
  let storedBytes = previous?.storedBytes ?? 0
  let lastSequence = previous?.lastSequence ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      case 18:
        origin = readNodeId(reader, reader.nested(end), origin)
        break
      case 24:
        headId = reader.uint64()
        break
      case 32:
        trimmedTo = reader.uint64()
        break
      case 40:
        storedBytes = reader.uint64()
        break
      case 48:
        lastSequence = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic, origin, headId, trimmedTo, storedBytes, lastSequence }
}

function readSendRequest(
  reader: ProtoReader,
  end: number,
  previous: SendRequest | undefined,
): SendRequest {
  let target = previous?.target ?? ''
  let payload = previous?.payload ?? emptyBytes
  let realtime = previous?.realtime ?? false
  let from = previous?.from ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        target = reader.string(end)
        break
      case 18:
        payload = reader.bytes(end)
        break
      case 24:
        realtime = reader.bool()
        break
      case 34:
        from = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { target, payload, realtime, from }
}

function readSendResponse(
  reader: ProtoReader,
  end: number,
  _previous: SendResponse | undefined,
): SendResponse {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readBroadcastRequest(
  reader: ProtoReader,
  end: number,
  previous: BroadcastRequest | undefined,
): BroadcastRequest {
  let mask = previous?.mask ?? ''
  let payload = previous?.payload ?? emptyBytes
  let realtime = previous?.realtime ?? false
  let from = previous?.from ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        mask = reader.string(end)
        break
      case 18:
        payload = reader.bytes(end)
        break
      case 24:
        realtime = reader.bool()
        break
      case 34:
        from = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { mask, payload, realtime, from }
}

function readBroadcastResponse(
  reader: ProtoReader,
  end: number,
  previous: BroadcastResponse | undefined,
): BroadcastResponse {
  let receivers = previous?.receivers ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        receivers = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { receivers }
}

function readCallRequest(
  reader: ProtoReader,
  end: number,
  previous: CallRequest | undefined,
): CallRequest {
  let procedure = previous?.procedure ?? ''
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  let timeoutMs = previous?.timeoutMs ?? 0
  let from = previous?.from ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        procedure = reader.string(end)
        break
      case 18:
        payload = reader.bytes(end)
        break
      case 26:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      case 32:
        timeoutMs = reader.uint32()
        break
      case 42:
        from = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { procedure, payload, headers: headers ?? emptyStringMap, timeoutMs, from }
}

function readCallResponse(
  reader: ProtoReader,
  end: number,
  previous: CallResponse | undefined,
): CallResponse {
  let outcome: CallResponse['outcome'] = previous?.outcome
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        outcome = {
          case: 'result',
          value: readCallResult(
            reader,
            reader.nested(end),
            outcome?.case === 'result' ? outcome.value : undefined,
          ),
        }
        break
      case 18:
        outcome = {
          case: 'failure',
          value: readCallFailure(
            reader,
            reader.nested(end),
            outcome?.case === 'failure' ? outcome.value : undefined,
          ),
        }
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { outcome }
}

function readCallResult(
  reader: ProtoReader,
  end: number,
  previous: CallResult | undefined,
): CallResult {
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        payload = reader.bytes(end)
        break
      case 18:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { payload, headers: headers ?? emptyStringMap }
}

function readCallFailure(
  reader: ProtoReader,
  end: number,
  previous: CallFailure | undefined,
): CallFailure {
  let name = previous?.name ?? ''
  let message = previous?.message ?? ''
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        name = reader.string(end)
        break
      case 18:
        message = reader.string(end)
        break
      case 26:
        payload = reader.bytes(end)
        break
      case 34:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { name, message, payload, headers: headers ?? emptyStringMap }
}

function readRegisterRequest(
  reader: ProtoReader,
  end: number,
  previous: RegisterRequest | undefined,
): RegisterRequest {
  let registration = previous?.registration
  const answers: CallAnswer[] = previous === undefined ? [] : [...previous.answers]
  let withdraw = previous?.withdraw ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        registration = readRegistration(reader, reader.nested(end), registration)
        break
      case 18:
        answers.push(readCallAnswer(reader, reader.nested(end), undefined))
        break
      case 24:
        withdraw = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { registration, answers, withdraw }
}

function readRegistration(
  reader: ProtoReader,
  end: number,
  previous: Registration | undefined,
): Registration {
  const procedures: string[] = previous === undefined ? [] : [...previous.procedures]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        procedures.push(reader.string(end))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { procedures }
}

function readCallAnswer(
  reader: ProtoReader,
  end: number,
  previous: CallAnswer | undefined,
): CallAnswer {
  let id = previous?.id ?? 0
  let outcome: CallAnswer['outcome'] = previous?.outcome
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        id = reader.uint64()
        break
      case 18:
        outcome = {
          case: 'result',
          value: readCallResult(
            reader,
            reader.nested(end),
            outcome?.case === 'result' ? outcome.value : undefined,
          ),
        }
        break
      case 26:
        outcome = {
          case: 'failure',
          value: readCallFailure(
            reader,
            reader.nested(end),
            outcome?.case === 'failure' ? outcome.value : undefined,
          ),
        }
        break
      case 34:
        outcome = {
          case: 'refusal',
          value: readRefusal(
            reader,
            reader.nested(end),
            outcome?.case === 'refusal' ? outcome.value : undefined,
          ),
        }
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { id, outcome }
}

function readRegisterResponse(
  reader: ProtoReader,
  end: number,
  previous: RegisterResponse | undefined,
): RegisterResponse {
  let registered = previous?.registered
  const invocations: Invocation[] = previous === undefined ? [] : [...previous.invocations]
  const cancellations: Cancellation[] = previous === undefined ? [] : [...previous.cancellations]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        registered = readRegistered(reader, reader.nested(end), registered)
        break
      case 18:
        invocations.push(readInvocation(reader, reader.nested(end), undefined))
        break
      case 26:
        cancellations.push(readCancellation(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { registered, invocations, cancellations }
}

function readRegistered(
  reader: ProtoReader,
  end: number,
  _previous: Registered | undefined,
): Registered {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readInvocation(
  reader: ProtoReader,
  end: number,
  previous: Invocation | undefined,
): Invocation {
  let id = previous?.id ?? 0
  let procedure = previous?.procedure ?? ''
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  let caller = previous?.caller ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        id = reader.uint64()
        break
      case 18:
        procedure = reader.string(end)
        break
      case 26:
        payload = reader.bytes(end)
        break
      case 34:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      case 42:
        caller = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { id, procedure, payload, headers: headers ?? emptyStringMap, caller }
}

function readCancellation(
  reader: ProtoReader,
  end: number,
  previous: Cancellation | undefined,
): Cancellation {
  let id = previous?.id ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        id = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { id }
}

function readJoinRequest(
  reader: ProtoReader,
  end: number,
  previous: JoinRequest | undefined,
): JoinRequest {
  let name = previous?.name ?? ''
  let replace = previous?.replace ?? false
  let presence = previous?.presence ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        name = reader.string(end)
        break
      case 16:
        replace = reader.bool()
        break
      case 26:
        presence = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { name, replace, presence }
}

function readJoinResponse(
  reader: ProtoReader,
  end: number,
  previous: JoinResponse | undefined,
): JoinResponse {
  let joined = previous?.joined
  const messages: ReceivedMessage[] = previous === undefined ? [] : [...previous.messages]
  const presence: PresenceChange[] = previous === undefined ? [] : [...previous.presence]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        joined = readJoined(reader, reader.nested(end), joined)
        break
      case 18:
        messages.push(readReceivedMessage(reader, reader.nested(end), undefined))
        break
      case 26:
        presence.push(readPresenceChange(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { joined, messages, presence }
}

function readJoined(reader: ProtoReader, end: number, _previous: Joined | undefined): Joined {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readReceivedMessage(
  reader: ProtoReader,
  end: number,
  previous: ReceivedMessage | undefined,
): ReceivedMessage {
  let sender = previous?.sender ?? ''
  let payload = previous?.payload ?? emptyBytes
  let broadcast = previous?.broadcast ?? false
  let realtime = previous?.realtime ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        sender = reader.string(end)
        break
      case 18:
        payload = reader.bytes(end)
        break
      case 24:
        broadcast = reader.bool()
        break
      case 32:
        realtime = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { sender, payload, broadcast, realtime }
}

function readPresenceChange(
  reader: ProtoReader,
  end: number,
  previous: PresenceChange | undefined,
): PresenceChange {
  let name = previous?.name ?? ''
  let secondary = previous?.secondary ?? false
  let protocol = previous?.protocol ?? ''
  let change: PresenceChange['change'] = previous?.change
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        name = reader.string(end)
        break
      case 16:
        secondary = reader.bool()
        break
      case 26:
        protocol = reader.string(end)
        break
      case 34:
        change = {
          case: 'joined',
          value: readClientJoined(
            reader,
            reader.nested(end),
            change?.case === 'joined' ? change.value : undefined,
          ),
        }
        break
      case 42:
        change = {
          case: 'left',
          value: readClientLeft(
            reader,
            reader.nested(end),
            change?.case === 'left' ? change.value : undefined,
          ),
        }
        break
      case 50:
        change = {
          case: 'replaced',
          value: readClientReplaced(
            reader,
            reader.nested(end),
            change?.case === 'replaced' ? change.value : undefined,
          ),
        }
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { name, secondary, protocol, change }
}

function readClientJoined(
  reader: ProtoReader,
  end: number,
  _previous: ClientJoined | undefined,
): ClientJoined {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readClientLeft(
  reader: ProtoReader,
  end: number,
  previous: ClientLeft | undefined,
): ClientLeft {
  let reason = previous?.reason ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        reason = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { reason }
}

function readClientReplaced(
  reader: ProtoReader,
  end: number,
  _previous: ClientReplaced | undefined,
): ClientReplaced {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readSendStreamRequest(
  reader: ProtoReader,
  end: number,
  previous: SendStreamRequest | undefined,
): SendStreamRequest {
  let batchId = previous?.batchId ?? 0
  const messages: Dispatch[] = previous === undefined ? [] : [...previous.messages]
  let from = previous?.from ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        batchId = reader.uint64()
        break
      case 18:
        messages.push(readDispatch(reader, reader.nested(end), undefined))
        break
      case 26:
        from = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { batchId, messages, from }
}

function readDispatch(reader: ProtoReader, end: number, previous: Dispatch | undefined): Dispatch {
  let payload = previous?.payload ?? emptyBytes
  let realtime = previous?.realtime ?? false
  let to: Dispatch['to'] = previous?.to
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        to = { case: 'target', value: reader.string(end) }
        break
      case 18:
        to = { case: 'mask', value: reader.string(end) }
        break
      case 26:
        payload = reader.bytes(end)
        break
      case 32:
        realtime = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { payload, realtime, to }
}

function readSendStreamResponse(
  reader: ProtoReader,
  end: number,
  previous: SendStreamResponse | undefined,
): SendStreamResponse {
  let batchId = previous?.batchId ?? 0
  const results: DispatchResult[] = previous === undefined ? [] : [...previous.results]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        batchId = reader.uint64()
        break
      case 18:
        results.push(readDispatchResult(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { batchId, results }
}

function readDispatchResult(
  reader: ProtoReader,
  end: number,
  previous: DispatchResult | undefined,
): DispatchResult {
  let receivers = previous?.receivers ?? 0
  let refusal = previous?.refusal
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        receivers = reader.uint32()
        break
      case 18:
        refusal = readRefusal(reader, reader.nested(end), refusal)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { receivers, refusal }
}

function readListClientsRequest(
  reader: ProtoReader,
  end: number,
  previous: ListClientsRequest | undefined,
): ListClientsRequest {
  let mask = previous?.mask ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        mask = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { mask }
}

function readListClientsResponse(
  reader: ProtoReader,
  end: number,
  previous: ListClientsResponse | undefined,
): ListClientsResponse {
  const clients: ClientInfo[] = previous === undefined ? [] : [...previous.clients]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        clients.push(readClientInfo(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { clients }
}

function readClientInfo(
  reader: ProtoReader,
  end: number,
  previous: ClientInfo | undefined,
): ClientInfo {
  let id = previous?.id ?? 0
  let name = previous?.name ?? ''
  let user = previous?.user ?? ''
  let protocol = previous?.protocol ?? ''
  let transport = previous?.transport ?? ''
  let source = previous?.source ?? ''
  let listener = previous?.listener ?? ''
  let connectedAtMs = previous?.connectedAtMs ?? 0
  let receivedFrames = previous?.receivedFrames ?? 0
  let receivedBytes = previous?.receivedBytes ?? 0
  let sentFrames = previous?.sentFrames ?? 0
  let sentBytes = previous?.sentBytes ?? 0
  let subscriptions = previous?.subscriptions ?? 0
  let instances = previous?.instances ?? 0
  let queuedBytes = previous?.queuedBytes ?? 0
  let congested = previous?.congested ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        id = reader.uint64()
        break
      case 18:
        name = reader.string(end)
        break
      case 26:
        user = reader.string(end)
        break
      case 34:
        protocol = reader.string(end)
        break
      case 42:
        transport = reader.string(end)
        break
      case 50:
        source = reader.string(end)
        break
      case 58:
        listener = reader.string(end)
        break
      case 64:
        connectedAtMs = reader.uint64()
        break
      case 72:
        receivedFrames = reader.uint64()
        break
      case 80:
        receivedBytes = reader.uint64()
        break
      case 88:
        sentFrames = reader.uint64()
        break
      case 96:
        sentBytes = reader.uint64()
        break
      case 104:
        subscriptions = reader.uint64()
        break
      case 112:
        instances = reader.uint64()
        break
      case 120:
        queuedBytes = reader.uint64()
        break
      case 128:
        congested = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return {
    id,
    name,
    user,
    protocol,
    transport,
    source,
    listener,
    connectedAtMs,
    receivedFrames,
    receivedBytes,
    sentFrames,
    sentBytes,
    subscriptions,
    instances,
    queuedBytes,
    congested,
  }
}

function readQueueMessage(
  reader: ProtoReader,
  end: number,
  previous: QueueMessage | undefined,
): QueueMessage {
  let id = previous?.id ?? ''
  let queue = previous?.queue ?? ''
  let topic = previous?.topic ?? ''
  let source = previous?.source
  let target = previous?.target
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  let createdAtMs = previous?.createdAtMs ?? 0
  let sequence = previous?.sequence ?? 0
  let attempts = previous?.attempts ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        id = reader.string(end)
        break
      case 18:
        queue = reader.string(end)
        break
      case 26:
        topic = reader.string(end)
        break
      case 34:
        source = readNodeId(reader, reader.nested(end), source)
        break
      case 42:
        target = readNodeId(reader, reader.nested(end), target)
        break
      case 50:
        payload = reader.bytes(end)
        break
      case 58:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      case 64:
        createdAtMs = reader.uint64()
        break
      case 72:
        sequence = reader.uint64()
        break
      case 80:
        attempts = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return {
    id,
    queue,
    topic,
    source,
    target,
    payload,
    headers: headers ?? emptyStringMap,
    createdAtMs,
    sequence,
    attempts,
  }
}

function readOutgoingQueueMessage(
  reader: ProtoReader,
  end: number,
  previous: OutgoingQueueMessage | undefined,
): OutgoingQueueMessage {
  let queue = previous?.queue ?? ''
  let topic = previous?.topic ?? ''
  let target = previous?.target
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        queue = reader.string(end)
        break
      case 18:
        topic = reader.string(end)
        break
      case 26:
        target = readNodeId(reader, reader.nested(end), target)
        break
      case 34:
        payload = reader.bytes(end)
        break
      case 42:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { queue, topic, target, payload, headers: headers ?? emptyStringMap }
}

function readEnqueueRequest(
  reader: ProtoReader,
  end: number,
  previous: EnqueueRequest | undefined,
): EnqueueRequest {
  const messages: OutgoingQueueMessage[] = previous === undefined ? [] : [...previous.messages]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        messages.push(readOutgoingQueueMessage(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { messages }
}

function readEnqueueResponse(
  reader: ProtoReader,
  end: number,
  previous: EnqueueResponse | undefined,
): EnqueueResponse {
  const messages: Enqueued[] = previous === undefined ? [] : [...previous.messages]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        messages.push(readEnqueued(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { messages }
}

function readEnqueued(reader: ProtoReader, end: number, previous: Enqueued | undefined): Enqueued {
  let id = previous?.id ?? ''
  let sequence = previous?.sequence ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        id = reader.string(end)
        break
      case 16:
        sequence = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { id, sequence }
}

function readConsumeRequest(
  reader: ProtoReader,
  end: number,
  previous: ConsumeRequest | undefined,
): ConsumeRequest {
  let queue = previous?.queue ?? ''
  let maxInFlight = previous?.maxInFlight ?? 0
  let leaseMs = previous?.leaseMs ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        queue = reader.string(end)
        break
      case 16:
        maxInFlight = reader.uint32()
        break
      case 24:
        leaseMs = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { queue, maxInFlight, leaseMs }
}

function readConsumeResponse(
  reader: ProtoReader,
  end: number,
  previous: ConsumeResponse | undefined,
): ConsumeResponse {
  let message = previous?.message
  let leaseId = previous?.leaseId ?? ''
  let leaseUntilMs = previous?.leaseUntilMs ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message = readQueueMessage(reader, reader.nested(end), message)
        break
      case 18:
        leaseId = reader.string(end)
        break
      case 24:
        leaseUntilMs = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { message, leaseId, leaseUntilMs }
}

function readSettleRequest(
  reader: ProtoReader,
  end: number,
  previous: SettleRequest | undefined,
): SettleRequest {
  const settlements: Settlement[] = previous === undefined ? [] : [...previous.settlements]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        settlements.push(readSettlement(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { settlements }
}

function readSettlement(
  reader: ProtoReader,
  end: number,
  previous: Settlement | undefined,
): Settlement {
  let queue = previous?.queue ?? ''
  let leaseId = previous?.leaseId ?? ''
  let action: Settlement['action'] = previous?.action
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        queue = reader.string(end)
        break
      case 18:
        leaseId = reader.string(end)
        break
      case 26:
        action = {
          case: 'acknowledge',
          value: readAcknowledge(
            reader,
            reader.nested(end),
            action?.case === 'acknowledge' ? action.value : undefined,
          ),
        }
        break
      case 34:
        action = {
          case: 'release',
          value: readRelease(
            reader,
            reader.nested(end),
            action?.case === 'release' ? action.value : undefined,
          ),
        }
        break
      case 42:
        action = {
          case: 'extend',
          value: readExtend(
            reader,
            reader.nested(end),
            action?.case === 'extend' ? action.value : undefined,
          ),
        }
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { queue, leaseId, action }
}

function readAcknowledge(
  reader: ProtoReader,
  end: number,
  _previous: Acknowledge | undefined,
): Acknowledge {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readRelease(reader: ProtoReader, end: number, previous: Release | undefined): Release {
  let delayMs = previous?.delayMs ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        delayMs = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { delayMs }
}

function readExtend(reader: ProtoReader, end: number, previous: Extend | undefined): Extend {
  let leaseMs = previous?.leaseMs ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        leaseMs = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { leaseMs }
}

function readSettleResponse(
  reader: ProtoReader,
  end: number,
  previous: SettleResponse | undefined,
): SettleResponse {
  const accepted: boolean[] = previous === undefined ? [] : [...previous.accepted]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        accepted.push(reader.bool())
        break
      case 10: {
        const stop = reader.nested(end)
        while (reader.position < stop) accepted.push(reader.bool())
        reader.check(stop)
        break
      }
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { accepted }
}

function readListQueuesRequest(
  reader: ProtoReader,
  end: number,
  _previous: ListQueuesRequest | undefined,
): ListQueuesRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readListQueuesResponse(
  reader: ProtoReader,
  end: number,
  previous: ListQueuesResponse | undefined,
): ListQueuesResponse {
  const queues: QueueInfo[] = previous === undefined ? [] : [...previous.queues]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        queues.push(readQueueInfo(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { queues }
}

function readQueueInfo(
  reader: ProtoReader,
  end: number,
  previous: QueueInfo | undefined,
): QueueInfo {
  let queue = previous?.queue ?? ''
  let depth = previous?.depth ?? 0
  let leased = previous?.leased ?? 0
  let lastSequence = previous?.lastSequence ?? 0
  let oldestAtMs = previous?.oldestAtMs ?? 0
  let consumers = previous?.consumers ?? 0
  let forwarding = previous?.forwarding
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        queue = reader.string(end)
        break
      case 16:
        depth = reader.uint64()
        break
      case 24:
        leased = reader.uint64()
        break
      case 32:
        lastSequence = reader.uint64()
        break
      case 40:
        oldestAtMs = reader.uint64()
        break
      case 48:
        consumers = reader.uint32()
        break
      case 58:
        forwarding = readQueueForwarding(reader, reader.nested(end), forwarding)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { queue, depth, leased, lastSequence, oldestAtMs, consumers, forwarding }
}

function readQueueForwarding(
  reader: ProtoReader,
  end: number,
  previous: QueueForwarding | undefined,
): QueueForwarding {
  let target = previous?.target ?? ''
  let queue = previous?.queue ?? ''
  let state = previous?.state ?? ''
  let attempts = previous?.attempts ?? 0
  let lastError = previous?.lastError ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        target = reader.string(end)
        break
      case 18:
        queue = reader.string(end)
        break
      case 26:
        state = reader.string(end)
        break
      case 32:
        attempts = reader.uint32()
        break
      case 42:
        lastError = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { target, queue, state, attempts, lastError }
}

function readPurgeQueueRequest(
  reader: ProtoReader,
  end: number,
  previous: PurgeQueueRequest | undefined,
): PurgeQueueRequest {
  let queue = previous?.queue ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        queue = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { queue }
}

function readPurgeQueueResponse(
  reader: ProtoReader,
  end: number,
  previous: PurgeQueueResponse | undefined,
): PurgeQueueResponse {
  let removed = previous?.removed ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        removed = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { removed }
}

function readGetStatusRequest(
  reader: ProtoReader,
  end: number,
  _previous: GetStatusRequest | undefined,
): GetStatusRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readGetStatusResponse(
  reader: ProtoReader,
  end: number,
  previous: GetStatusResponse | undefined,
): GetStatusResponse {
  let node = previous?.node
  let version = previous?.version ?? ''
  let storage = previous?.storage ?? ''
  let durability = previous?.durability ?? ''
  let epoch = previous?.epoch ?? ''
  let dataFolder = previous?.dataFolder ?? ''
  let startedAtMs = previous?.startedAtMs ?? 0
  let ready = previous?.ready ?? false
  let error = previous?.error ?? ''
  let logs = previous?.logs ?? 0
  let lastSequence = previous?.lastSequence ?? 0
  let storedBytes = previous?.storedBytes ?? 0
  let lastCommitAgeMs = previous?.lastCommitAgeMs ?? 0
  let damagedRecords = previous?.damagedRecords ?? 0
  let subscriptions = previous?.subscriptions ?? 0
  let queues = previous?.queues ?? 0
  const listeners: Listener[] = previous === undefined ? [] : [...previous.listeners]
  let residentBytes = previous?.residentBytes ?? 0
  let freeDiskBytes = previous?.freeDiskBytes ?? 0
  let historyLogs = previous?.historyLogs ?? 0
  let historyBytes = previous?.historyBytes ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        node = readNodeId(reader, reader.nested(end), node)
        break
      case 18:
        version = reader.string(end)
        break
      case 26:
        storage = reader.string(end)
        break
      case 34:
        durability = reader.string(end)
        break
      case 42:
        epoch = reader.string(end)
        break
      case 50:
        dataFolder = reader.string(end)
        break
      case 56:
        startedAtMs = reader.uint64()
        break
      case 64:
        ready = reader.bool()
        break
      case 74:
        error = reader.string(end)
        break
      case 80:
        logs = reader.uint64()
        break
      case 88:
        lastSequence = reader.uint64()
        break
      case 96:
        storedBytes = reader.uint64()
        break
      case 104:
        lastCommitAgeMs = reader.uint64()
        break
      case 112:
        damagedRecords = reader.uint64()
        break
      case 120:
        subscriptions = reader.uint64()
        break
      case 128:
        queues = reader.uint64()
        break
      case 138:
        listeners.push(readListener(reader, reader.nested(end), undefined))
        break
      case 144:
        residentBytes = reader.uint64()
        break
      case 152:
        freeDiskBytes = reader.uint64()
        break
      case 160:
        historyLogs = reader.uint64()
        break
      case 168:
        historyBytes = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return {
    node,
    version,
    storage,
    durability,
    epoch,
    dataFolder,
    startedAtMs,
    ready,
    error,
    logs,
    lastSequence,
    storedBytes,
    lastCommitAgeMs,
    damagedRecords,
    subscriptions,
    queues,
    listeners,
    residentBytes,
    freeDiskBytes,
    historyLogs,
    historyBytes,
  }
}

function readListener(reader: ProtoReader, end: number, previous: Listener | undefined): Listener {
  let protocol = previous?.protocol ?? ''
  let address = previous?.address ?? ''
  let tls = previous?.tls ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        protocol = reader.string(end)
        break
      case 18:
        address = reader.string(end)
        break
      case 24:
        tls = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { protocol, address, tls }
}

function readGetMetricsRequest(
  reader: ProtoReader,
  end: number,
  _previous: GetMetricsRequest | undefined,
): GetMetricsRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readGetMetricsResponse(
  reader: ProtoReader,
  end: number,
  previous: GetMetricsResponse | undefined,
): GetMetricsResponse {
  let text = previous?.text ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        text = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { text }
}

function readBackupRequest(
  reader: ProtoReader,
  end: number,
  _previous: BackupRequest | undefined,
): BackupRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readBackupResponse(
  reader: ProtoReader,
  end: number,
  previous: BackupResponse | undefined,
): BackupResponse {
  let chunk = previous?.chunk ?? emptyBytes
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        chunk = reader.bytes(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { chunk }
}

function readVerifyRequest(
  reader: ProtoReader,
  end: number,
  previous: VerifyRequest | undefined,
): VerifyRequest {
  let repair = previous?.repair ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        repair = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { repair }
}

function readVerifyResponse(
  reader: ProtoReader,
  end: number,
  previous: VerifyResponse | undefined,
): VerifyResponse {
  let recordsChecked = previous?.recordsChecked ?? 0
  const damaged: DamagedRange[] = previous === undefined ? [] : [...previous.damaged]
  let done = previous?.done ?? false
  let repaired = previous?.repaired ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        recordsChecked = reader.uint64()
        break
      case 18:
        damaged.push(readDamagedRange(reader, reader.nested(end), undefined))
        break
      case 24:
        done = reader.bool()
        break
      case 32:
        repaired = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { recordsChecked, damaged, done, repaired }
}

function readWhoAmIRequest(
  reader: ProtoReader,
  end: number,
  _previous: WhoAmIRequest | undefined,
): WhoAmIRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readWhoAmIResponse(
  reader: ProtoReader,
  end: number,
  previous: WhoAmIResponse | undefined,
): WhoAmIResponse {
  let user = previous?.user ?? ''
  const groups: string[] = previous === undefined ? [] : [...previous.groups]
  let method = previous?.method ?? ''
  let open = previous?.open ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        user = reader.string(end)
        break
      case 18:
        groups.push(reader.string(end))
        break
      case 26:
        method = reader.string(end)
        break
      case 32:
        open = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { user, groups, method, open }
}

function readExplainRequest(
  reader: ProtoReader,
  end: number,
  previous: ExplainRequest | undefined,
): ExplainRequest {
  let user = previous?.user ?? ''
  let clientName = previous?.clientName ?? ''
  let action = previous?.action ?? ''
  let resource = previous?.resource ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        user = reader.string(end)
        break
      case 18:
        clientName = reader.string(end)
        break
      case 26:
        action = reader.string(end)
        break
      case 34:
        resource = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { user, clientName, action, resource }
}

function readExplainResponse(
  reader: ProtoReader,
  end: number,
  previous: ExplainResponse | undefined,
): ExplainResponse {
  let allowed = previous?.allowed ?? false
  let rule = previous?.rule ?? ''
  let user = previous?.user ?? ''
  const groups: string[] = previous === undefined ? [] : [...previous.groups]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        allowed = reader.bool()
        break
      case 18:
        rule = reader.string(end)
        break
      case 26:
        user = reader.string(end)
        break
      case 34:
        groups.push(reader.string(end))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { allowed, rule, user, groups }
}

function readExplainTopicRequest(
  reader: ProtoReader,
  end: number,
  previous: ExplainTopicRequest | undefined,
): ExplainTopicRequest {
  let topic = previous?.topic ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic }
}

function readExplainTopicResponse(
  reader: ProtoReader,
  end: number,
  previous: ExplainTopicResponse | undefined,
): ExplainTopicResponse {
  const receivers: TopicReceiver[] = previous === undefined ? [] : [...previous.receivers]
  let store = previous?.store ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        receivers.push(readTopicReceiver(reader, reader.nested(end), undefined))
        break
      case 18:
        store = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { receivers, store }
}

function readTopicReceiver(
  reader: ProtoReader,
  end: number,
  previous: TopicReceiver | undefined,
): TopicReceiver {
  let name = previous?.name ?? ''
  let user = previous?.user ?? ''
  let protocol = previous?.protocol ?? ''
  let source = previous?.source ?? ''
  const filters: string[] = previous === undefined ? [] : [...previous.filters]
  let receives = previous?.receives ?? false
  let reason = previous?.reason ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        name = reader.string(end)
        break
      case 18:
        user = reader.string(end)
        break
      case 26:
        protocol = reader.string(end)
        break
      case 34:
        source = reader.string(end)
        break
      case 42:
        filters.push(reader.string(end))
        break
      case 48:
        receives = reader.bool()
        break
      case 58:
        reason = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { name, user, protocol, source, filters, receives, reason }
}

function readReloadRequest(
  reader: ProtoReader,
  end: number,
  _previous: ReloadRequest | undefined,
): ReloadRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readReloadResponse(
  reader: ProtoReader,
  end: number,
  previous: ReloadResponse | undefined,
): ReloadResponse {
  const notes: string[] = previous === undefined ? [] : [...previous.notes]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        notes.push(reader.string(end))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { notes }
}

function readAddUserRequest(
  reader: ProtoReader,
  end: number,
  previous: AddUserRequest | undefined,
): AddUserRequest {
  let name = previous?.name ?? ''
  let password = previous?.password ?? ''
  const groups: string[] = previous === undefined ? [] : [...previous.groups]
  let challenge = previous?.challenge ?? false
  let replace = previous?.replace ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        name = reader.string(end)
        break
      case 18:
        password = reader.string(end)
        break
      case 26:
        groups.push(reader.string(end))
        break
      case 32:
        challenge = reader.bool()
        break
      case 40:
        replace = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { name, password, groups, challenge, replace }
}

function readAddUserResponse(
  reader: ProtoReader,
  end: number,
  previous: AddUserResponse | undefined,
): AddUserResponse {
  let closed = previous?.closed ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        closed = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { closed }
}

function readListUsersRequest(
  reader: ProtoReader,
  end: number,
  _previous: ListUsersRequest | undefined,
): ListUsersRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readListUsersResponse(
  reader: ProtoReader,
  end: number,
  previous: ListUsersResponse | undefined,
): ListUsersResponse {
  const users: UserInfo[] = previous === undefined ? [] : [...previous.users]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        users.push(readUserInfo(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { users }
}

function readUserInfo(reader: ProtoReader, end: number, previous: UserInfo | undefined): UserInfo {
  let name = previous?.name ?? ''
  const groups: string[] = previous === undefined ? [] : [...previous.groups]
  let configured = previous?.configured ?? false
  const methods: string[] = previous === undefined ? [] : [...previous.methods]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        name = reader.string(end)
        break
      case 18:
        groups.push(reader.string(end))
        break
      case 24:
        configured = reader.bool()
        break
      case 34:
        methods.push(reader.string(end))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { name, groups, configured, methods }
}

function readRevokeUserRequest(
  reader: ProtoReader,
  end: number,
  previous: RevokeUserRequest | undefined,
): RevokeUserRequest {
  let name = previous?.name ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        name = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { name }
}

function readRevokeUserResponse(
  reader: ProtoReader,
  end: number,
  previous: RevokeUserResponse | undefined,
): RevokeUserResponse {
  let tokens = previous?.tokens ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        tokens = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { tokens }
}

function readAddTokenRequest(
  reader: ProtoReader,
  end: number,
  previous: AddTokenRequest | undefined,
): AddTokenRequest {
  let user = previous?.user ?? ''
  const groups: string[] = previous === undefined ? [] : [...previous.groups]
  let lifetimeMs = previous?.lifetimeMs ?? 0
  let note = previous?.note ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        user = reader.string(end)
        break
      case 18:
        groups.push(reader.string(end))
        break
      case 24:
        lifetimeMs = reader.uint64()
        break
      case 34:
        note = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { user, groups, lifetimeMs, note }
}

function readAddTokenResponse(
  reader: ProtoReader,
  end: number,
  previous: AddTokenResponse | undefined,
): AddTokenResponse {
  let token = previous?.token ?? ''
  let id = previous?.id ?? ''
  let closed = previous?.closed ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        token = reader.string(end)
        break
      case 18:
        id = reader.string(end)
        break
      case 24:
        closed = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { token, id, closed }
}

function readListTokensRequest(
  reader: ProtoReader,
  end: number,
  _previous: ListTokensRequest | undefined,
): ListTokensRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readListTokensResponse(
  reader: ProtoReader,
  end: number,
  previous: ListTokensResponse | undefined,
): ListTokensResponse {
  const tokens: TokenInfo[] = previous === undefined ? [] : [...previous.tokens]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        tokens.push(readTokenInfo(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { tokens }
}

function readTokenInfo(
  reader: ProtoReader,
  end: number,
  previous: TokenInfo | undefined,
): TokenInfo {
  let id = previous?.id ?? ''
  let user = previous?.user ?? ''
  const groups: string[] = previous === undefined ? [] : [...previous.groups]
  let createdAtMs = previous?.createdAtMs ?? 0
  let expiresAtMs = previous?.expiresAtMs ?? 0
  let note = previous?.note ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        id = reader.string(end)
        break
      case 18:
        user = reader.string(end)
        break
      case 26:
        groups.push(reader.string(end))
        break
      case 32:
        createdAtMs = reader.uint64()
        break
      case 40:
        expiresAtMs = reader.uint64()
        break
      case 50:
        note = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { id, user, groups, createdAtMs, expiresAtMs, note }
}

function readRevokeTokenRequest(
  reader: ProtoReader,
  end: number,
  previous: RevokeTokenRequest | undefined,
): RevokeTokenRequest {
  let id = previous?.id ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        id = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { id }
}

function readRevokeTokenResponse(
  reader: ProtoReader,
  end: number,
  _previous: RevokeTokenResponse | undefined,
): RevokeTokenResponse {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readVerifyAuditRequest(
  reader: ProtoReader,
  end: number,
  _previous: VerifyAuditRequest | undefined,
): VerifyAuditRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readVerifyAuditResponse(
  reader: ProtoReader,
  end: number,
  previous: VerifyAuditResponse | undefined,
): VerifyAuditResponse {
  let lines = previous?.lines ?? 0
  let lastNumber = previous?.lastNumber ?? 0
  let lastHash = previous?.lastHash ?? ''
  const faults: string[] = previous === undefined ? [] : [...previous.faults]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        lines = reader.uint64()
        break
      case 16:
        lastNumber = reader.uint64()
        break
      case 26:
        lastHash = reader.string(end)
        break
      case 34:
        faults.push(reader.string(end))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { lines, lastNumber, lastHash, faults }
}

function readTailAuditRequest(
  reader: ProtoReader,
  end: number,
  previous: TailAuditRequest | undefined,
): TailAuditRequest {
  let lines = previous?.lines ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        lines = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { lines }
}

function readTailAuditResponse(
  reader: ProtoReader,
  end: number,
  previous: TailAuditResponse | undefined,
): TailAuditResponse {
  const lines: string[] = previous === undefined ? [] : [...previous.lines]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        lines.push(reader.string(end))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { lines }
}

const sharedWriter = new ProtoWriter()
