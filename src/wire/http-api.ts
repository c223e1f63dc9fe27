/**
 * The JSON of the HTTP API (`/v1`): what clients send and get, shared by the daemon, the web console and tests. The
 * OpenAPI document says the same, and a test compares them with what is answered.
 *
 * Payloads are bytes. In JSON they come as text where they are well-formed UTF-8, else in base64; the payload endpoints
 * (`/v1/publish`, `/v1/call`, `/v1/send`) take and give them as they are. Head ids, sequences and times are numbers,
 * times in milliseconds since 1970; `sequence` is the place in this daemon's commit order.
 */

export interface NodeIdJson {
  readonly tenantId: string
  readonly blName: string
  readonly deviceId: string
}

/** Exactly one of `text` and `base64` is there; none when it is left out or deleted. */
export interface PayloadJson {
  readonly text?: string | undefined
  readonly base64?: string | undefined
}

export interface MessageJson extends PayloadJson {
  readonly topic: string
  readonly origin: NodeIdJson
  readonly id: string
  /** 0: not stored. */
  readonly headId: number
  readonly sequence: number
  readonly createdAtMs: number
  readonly headers: Readonly<Record<string, string>>
  readonly deleted?: boolean | undefined
}

/** Answer to `/v1/session`: who asks. */
export interface SessionJson {
  readonly user: string
  readonly groups: readonly string[]
  readonly method: string
  /** Nobody needs to log in. */
  readonly open: boolean
  /** Of a session: goes as the header `msgbus-csrf` with whatever changes something. */
  readonly csrfToken?: string | undefined
}

/** Answer to `POST /v1/publish`. */
export interface ReceiptJson {
  readonly topic: string
  /** Empty when `stored=false` was asked for: such a message has none. */
  readonly id: string
  /** 0: a topic rule keeps it from being stored, or `stored=false` was asked for. */
  readonly headId: number
  readonly sequence: number
  readonly createdAtMs: number
  /** Its publish id was seen before; this is what was stored then. */
  readonly duplicate: boolean
}

/** Answer to `POST /v1/publish` of a batch of CloudEvents: what became of each, in their order. */
export interface ReceiptsJson {
  readonly results: readonly (ReceiptJson | ErrorJson)[]
}

/** Of every answer that is not 2xx; the status follows from `code` and `reason`. */
export interface ErrorJson {
  readonly error: {
    /** One of the sixteen codes: `invalid_argument`, `not_found` … */
    readonly code: string
    /** Stable word for programs: `name_too_long`. */
    readonly reason: string
    /** For people. */
    readonly message: string
    /** Of a call that its callee answered with an error: the error's own name … */
    readonly name?: string | undefined
    /** … and whatever belongs to it. */
    readonly details?: PayloadJson | undefined
  }
}

/** Answer to `GET /v1/fetch`: stored messages of one log, ascending. */
export interface FetchJson {
  readonly topic: string
  readonly origin: NodeIdJson
  /** Deleted and trimmed ones are there without payload and headers. */
  readonly messages: readonly MessageJson[]
  /** Head id to go on with: as `from` of the next question. */
  readonly next: number
  /** Last head id of the log; 0: nothing was ever stored. */
  readonly headId: number
  /** Records that cannot be read and are left out. */
  readonly damaged: readonly DamageJson[]
}

export interface DamageJson {
  readonly topic: string
  readonly origin: NodeIdJson
  /** Both included. */
  readonly fromHead: number
  readonly toHead: number
}

/** Answer to `GET /v1/last`: the newest message of each topic that matches, oldest first. */
export interface LastValuesJson {
  readonly messages: readonly MessageJson[]
  /** There are more; the newest are here. */
  readonly more: boolean
}

/** Answer to `GET /v1/heads`: by topic, then origin. */
export interface HeadsJson {
  readonly logs: readonly LogJson[]
  /** There are more; ask again with `after` = the last topic. */
  readonly more: boolean
}

/** Answer to `DELETE /v1/messages` and `DELETE /v1/queues`: how many there were. */
export interface DeletedJson {
  readonly deleted: number
}

/** Answer to `GET /v1/queues`: by name. */
export interface QueuesJson {
  readonly queues: readonly QueueJson[]
}

/** A message in a queue; answer to `POST /v1/queues/enqueue`, and in that to `GET /v1/queues/front`. */
export interface QueueMessageJson extends PayloadJson {
  readonly queue: string
  readonly id: string
  readonly topic: string
  readonly source: NodeIdJson
  /** Three empty parts: for nobody in particular. */
  readonly target: NodeIdJson
  readonly headers: Readonly<Record<string, string>>
  readonly createdAtMs: number
  readonly sequence: number
  readonly attempts: number
}

/** Answer to `GET /v1/queues/front`. */
export interface QueueFrontJson {
  /** null: the queue is empty. */
  readonly message: QueueMessageJson | null
}

/** Answer to `POST /v1/queues/ack` and `/reject`. */
export interface SettledJson {
  /** False: the message is not the front of its queue (any more). */
  readonly settled: boolean
}

/** Answer to `GET /v1/clients`: in the order in which they came. */
export interface ClientsJson {
  readonly clients: readonly ClientJson[]
  /** There are more; ask again with `after` = the last `id`. */
  readonly more: boolean
}

/** Answer to `POST /v1/send`. */
export interface SentJson {
  readonly sent: true
}

/** Answer to `POST /v1/broadcast`. */
export interface BroadcastJson {
  readonly receivers: number
}

export interface LogJson {
  readonly topic: string
  readonly origin: NodeIdJson
  readonly headId: number
  readonly trimmedTo: number
  readonly bytes: number
  readonly lastSequence: number
}

/** One topic as the console shows it. */
export interface TopicJson {
  readonly topic: string
  /** Publications since it is remembered, all origins; for rates. */
  readonly publications: number
  /** Of all its logs together; 0 without any. */
  readonly storedBytes: number
  /** Its logs by origin; head id of each. */
  readonly logs: readonly LogJson[]
  readonly last?: MessageJson | undefined
}

/**
 * Answer to `GET /v1/topics?under=a/b&after=…&limit=…`: one level of the tree. `topics` are those whose name is `under`
 * plus one more level (all first levels without `under`); `branches` names the levels that have topics below them.
 */
export interface TopicLevelJson {
  readonly under: string
  readonly entries: readonly TopicEntryJson[]
  /** There are more; ask again with `after` = the last `level`. */
  readonly more: boolean
}

export interface TopicEntryJson {
  /** The one level: `colour` of `upper/colour`; the whole name in the answer to a search (`contains=`). */
  readonly level: string
  /** `under` and the level. */
  readonly path: string
  /** Topics below it, at any depth. */
  readonly topicsBelow: number
  /** Publications of it and everything below. */
  readonly publications: number
  /** When its path is itself a topic. */
  readonly topic?: TopicJson | undefined
}

export interface QueueJson {
  readonly queue: string
  readonly depth: number
  readonly leased: number
  readonly lastSequence: number
  readonly oldestAtMs?: number | undefined
  readonly consumers: number
  /** Present when its messages are on their way to another node. */
  readonly forwarding?:
    | {
        readonly target: string
        readonly queue: string
        readonly state: 'idle' | 'sending' | 'waiting'
        /** Failed ones since the last success. */
        readonly attempts: number
        readonly lastError: string
      }
    | undefined
}

export interface ClientJson {
  readonly id: number
  readonly name: string
  readonly user: string
  readonly protocol: string
  readonly transport: string
  readonly source?: string | undefined
  readonly listener?: string | undefined
  readonly connectedAtMs: number
  readonly receivedFrames: number
  readonly receivedBytes: number
  readonly sentFrames: number
  readonly sentBytes: number
  readonly subscriptions: number
  readonly instances: number
  readonly queuedBytes: number
  readonly congested: boolean
}

/** Answer to `GET /v1/peers`: configured peers, and how far each of their logs has come. */
export interface PeersJson {
  readonly peers: readonly PeerJson[]
}

export interface PeerJson {
  /** Endpoint text as configured; of a link that the peer has dialled, its node id. */
  readonly peer: string
  /** The connection as it is now. */
  readonly link: LinkJson
  readonly lastAttemptAtMs: number
  readonly lastSuccessAtMs: number
  readonly consecutiveFailures: number
  /** Empty after a success. */
  readonly lastError: string
  readonly logs: readonly {
    readonly topic: string
    readonly origin: NodeIdJson
    /** Head id here; and there, when it was last heard: the difference is the lag. */
    readonly localHead: number
    readonly remoteHead: number
    readonly lastSuccessAtMs: number
  }[]
}

/** A connection to a peer, or the lack of one. */
export interface LinkJson {
  /** tenant/bl/device; empty while nobody has answered. */
  readonly node: string
  readonly direction: 'outgoing' | 'incoming'
  readonly state: 'connecting' | 'up' | 'waiting' | 'cut_off'
  readonly kind: 'link' | 'v1' | 'standby' | 'none'
  readonly rttMs: number | null
  /** Messages that it has and this node lacks; and that it asked for and has not stored. */
  readonly lag: number
  readonly behind: number
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly upSinceMs: number | null
}

/** Answer to `GET /v1/rules`: topic rules in the order in which they are asked. */
export interface RulesJson {
  readonly rules: readonly RuleJson[]
  /** What holds without a rule. */
  readonly history: { readonly maxAgeMs: number | null; readonly maxBytes: number | null }
}

export interface RuleJson {
  readonly filter: string
  readonly store?: 'acked' | 'always' | 'never' | undefined
  readonly last?: boolean | undefined
  readonly maxPayloadBytes?: number | undefined
  readonly slowReader?: 'wait' | 'drop-newest' | 'drop-oldest' | undefined
  /** null: no bound. */
  readonly retention?:
    | {
        readonly maxAgeMs?: number | null | undefined
        readonly maxMessages?: number | null | undefined
        readonly maxBytes?: number | null | undefined
      }
    | undefined
}

/** Answer to `GET /v1/status`: counters grow from the start of the daemon; rates are differences. */
export interface StatusJson {
  readonly node: NodeIdJson
  readonly version: string
  readonly ready: boolean
  /** Why it is not ready; empty when it is. */
  readonly error: string
  readonly nowMs: number
  readonly startedAtMs: number
  readonly listeners: readonly {
    readonly protocol: string
    readonly address: string
    readonly tls: boolean
  }[]
  readonly store: {
    readonly engine: string
    readonly durability: string
    readonly epoch: string
    readonly dataFolder: string
    readonly logs: number
    readonly bytesOnDisk: number
    readonly lastSequence: number
    readonly lastCommitAgeMs: number | null
    readonly damagedRecords: number
    /** null: unknown. */
    readonly freeDiskBytes: number | null
  }
  readonly history: { readonly logs: number; readonly bytes: number } | null
  readonly clients: number
  readonly subscriptions: number
  readonly queues: number
  readonly topics: number
  readonly residentBytes: number
  readonly counters: {
    /** Stored for local publishers. */
    readonly published: number
    /** Handed to subscribers, live and replayed. */
    readonly delivered: number
    readonly refused: number
    readonly dropped: number
    readonly receivedFrames: number
    readonly receivedBytes: number
    readonly sentFrames: number
    readonly sentBytes: number
    readonly callsMade: number
    readonly callsFailed: number
    readonly slowClientsDisconnected: number
  }
}
