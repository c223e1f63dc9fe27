/**
 * What passes through the bus without being stored: direct messages, broadcasts to names, live
 * publications, calls. The shapes are those of the fast path (architecture 6): bytes are handed on as
 * `bytes, start, end` and are borrowed for the call, nothing is allocated per message, and whoever
 * keeps bytes copies them. That is why arguments stand in a row here instead of in objects.
 */

import type { BusError } from '../model/errors.ts'
import type { Identity } from '../model/identity.ts'
import type { Headers, StoredMessage } from '../model/message.ts'
import type { LevelFilter } from '../model/level-filter.ts'
import type { TextFilter } from '../model/text-filter.ts'
import type { SlowReaderPolicy } from '../model/topic-rule.ts'
import type {
  Callee,
  CallRequest,
  CallSink,
  Offer,
  OfferOptions,
  OpenCall,
  ProcedureDirectory,
} from './calls.ts'

/**
 * What became of a direct message. `sent`: handed to the client. `unknown`: nobody has that name.
 * `denied`: a rule forbids it. `full`: the receiver has no room and does not make senders wait.
 */
export type SendOutcome = 'sent' | 'unknown' | 'denied' | 'full'

/** What became of a publication that asked for no acknowledgement. */
export type PublishOutcome = 'published' | 'denied' | 'refused'

/** Whoever a frame comes from, as receivers are told. */
export interface Sender {
  /** Full name; empty for a client without one. */
  readonly name: string
  /** The name in UTF-8. */
  readonly nameBytes: Uint8Array
}

/** Another client, as `find` returned it. */
export interface Peer extends Sender {
  readonly isClosed: boolean
  /** It has no room; who sends to it is paused. */
  readonly isCongested: boolean
}

/** A topic somebody published on or subscribed to, in both of its forms. */
export interface TopicText {
  readonly name: string
  /** The name in UTF-8. */
  readonly bytes: Uint8Array
}

/**
 * A publication on its way to receivers. One object is reused for many of them: it and its bytes are
 * valid during the call only.
 */
export interface Publication {
  readonly topic: TopicText
  readonly sender: Sender
  /** The payload is `bytes[start..end)`. */
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  readonly headers: Headers
  /** The publisher asked for delivery without delay. */
  readonly realtime: boolean
  /** Published at this daemon; false: another node did, and it was replicated or came by a link. */
  readonly isLocal: boolean
  /** Place in the commit order; 0 when the publication is not stored. */
  readonly sequence: number
  /** Its publisher asked for an acknowledgement; so did that of what is stored, unless its headers say otherwise. */
  readonly isAcknowledged: boolean
  /** Clients it is offered to; an adapter that has many of them may encode it once. */
  readonly fanOut: number
  /** Another number for each publication, so that what was encoded for one is not taken for the next. */
  readonly serial: number
  /** The publication as a message of its own that may be kept; made once, however many ask. */
  toMessage(): StoredMessage
}

/**
 * Where the bus puts what is for a client. An adapter's session implements it. It takes everything it
 * is given; when that becomes too much it says so with `LiveOperations.congested`, and the bus stops
 * those who feed it.
 */
export interface Inbox {
  /** A direct message to this client alone. */
  message(sender: Sender, bytes: Uint8Array, start: number, end: number, realtime: boolean): void
  /** A message to all whose name matches a mask; this client is one of them. */
  broadcast(sender: Sender, bytes: Uint8Array, start: number, end: number, realtime: boolean): void
  /** A publication that a filter of this client matches; once, however many match. */
  publication(publication: Publication): void
  /** Stop reading from this client: somebody it feeds has no room. */
  pause(): void
  /** Go on reading. */
  resume(): void
  /** Bytes that wait to be read by the other side. */
  readonly queuedBytes: number
  /** The bus ends this client (replaced, primary gone, shutdown, too slow); nothing follows. */
  end(error: BusError): void
}

/** Somebody whom a publication concerns, as a publisher that chooses among them sees it. */
export interface PublishReceiver {
  readonly name: string
  readonly identity: Identity
  readonly inbox: Inbox | undefined
}

/** How a client joins the bus. */
export interface JoinOptions {
  /**
   * Unique over all protocols, compared byte for byte; 1 to `limits.clientNameBytes` bytes. Absent or
   * empty: the client can send but not be addressed. A name `a%%x` is a secondary of `a`, which must
   * be there, and ends with it.
   */
  readonly name?: string | undefined
  /** What rules write `%c`; default: the name. */
  readonly ruleName?: string | undefined
  /** Takes the name over: the client that has it is ended. Never for a secondary. */
  readonly replace?: boolean | undefined
  readonly inbox?: Inbox | undefined
  /** `grpc`, `busrt`, `in-process` … */
  readonly protocol: string
  /** Finer than the protocol where people are shown it: `local_ipc`, `tcp`, `websocket`, `internal`. */
  readonly transport?: string | undefined
  /** `ip:port` of the other side; undefined where there is none. */
  readonly source?: string | undefined
  /** Address text of the listener it came by. */
  readonly listener?: string | undefined
  /**
   * What becomes of publications that are not stored while it has no room, whatever rules say of their topics: for
   * protocols that promise their publishers never to wait for a subscriber.
   */
  readonly slowReader?: SlowReaderPolicy | undefined
  /**
   * Clients see the procedures of their own space alone; what bridges serve is seen in all. Absent: the space of
   * everybody, as every protocol has it that knows no realms.
   */
  readonly callSpace?: string | undefined
}

/** The part of a client handle that moves what is not stored. */
export interface LiveOperations extends Sender {
  /** Frames and bytes this client gave to the bus and got from it; adapters count, the bus shows. */
  receivedFrames: number
  receivedBytes: number
  sentFrames: number
  sentBytes: number

  /**
   * Sends to the client whose full name is the UTF-8 in `bytes[nameStart..nameEnd)`; the payload is
   * `bytes[start..end)`. The sender may be its own target.
   */
  send(
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    start: number,
    end: number,
    realtime: boolean,
  ): SendOutcome

  /**
   * The client of that name; undefined: nobody has it. The answer holds as long as `namesVersion` does, so an
   * adapter may remember it and spare the look-up.
   */
  find(bytes: Uint8Array, nameStart: number, nameEnd: number): Peer | undefined
  /** Changes whenever a name comes or goes. */
  readonly namesVersion: number
  /** As `send`, to a client that was found before. */
  sendTo(peer: Peer, bytes: Uint8Array, start: number, end: number, realtime: boolean): SendOutcome
  /** What `send` answers for a name that nobody has, as `find` said: `unknown`, or `denied`. */
  sendToNobody(bytes: Uint8Array, nameStart: number, nameEnd: number): SendOutcome

  /** Why nobody was found by a name: `not_found/unknown_client`, or `failed_precondition/ambiguous_name`. */
  whyUnknown(name: string): BusError

  /**
   * To every client whose full name matches, the sender included; those at other nodes too, where they are looked up
   * by their name there. Returns how many took it.
   * @param mask chunks separated by `.`; `?` is one chunk, a `*` the rest, at least one
   * @throws BusError `permission_denied`
   */
  broadcast(mask: string, bytes: Uint8Array, start: number, end: number, realtime: boolean): number

  /**
   * Publishes without acknowledgement on the topic whose name is the UTF-8 in
   * `bytes[topicStart..topicEnd)`. Not stored, unless a topic rule says `always`: then it is handed to
   * the store, and reaches subscribers after its commit. `refused`: reserved, or too large by rule.
   * @param only deliver to the client of this name and to its secondaries, or to those the function chooses, and never
   *   store; absent: to all
   * @param headers default none; not copied
   */
  publish(
    bytes: Uint8Array,
    topicStart: number,
    topicEnd: number,
    start: number,
    end: number,
    realtime: boolean,
    only?: string | ((receiver: PublishReceiver) => boolean),
    headers?: Headers,
  ): PublishOutcome

  /**
   * As `publish`, for a publication whose publisher waits for an acknowledgement: where a topic rule keeps it from being
   * stored it was routed when this returns, without a promise. `stored`: nothing was done, since `BusClient.publish` has
   * to do it, or to say what is wrong with it.
   */
  publishUnstored(
    bytes: Uint8Array,
    topicStart: number,
    topicEnd: number,
    start: number,
    end: number,
    headers: Headers,
  ): PublishOutcome | 'stored'

  /** @throws BusError `permission_denied`, `resource_exhausted` (subscriptions per client) */
  subscribe(filter: LiveFilter): void
  /**
   * Subscribes, and delivers first what is stored after a place in the commit order, then what follows, without
   * gap or repeat. One such replay at a time and client.
   * @throws BusError as `subscribe`; `resource_exhausted/quota_exceeded` while another replay is under way
   */
  subscribeFrom(filter: LevelFilter, after: number): void
  /**
   * Delivers what is stored after a place in the commit order and matches any of its filters, before it goes on live:
   * how somebody who was away continues. To be called in the turn in which the filters are set up.
   * @throws BusError `unavailable/starting`; `resource_exhausted/quota_exceeded` while it reads from the store already
   */
  continueAfter(sequence: number): void
  /** By the same kind and text; false when there was none. */
  unsubscribe(filter: LiveFilter): boolean
  /** No publication whose topic matches is delivered to this client, whatever its subscriptions. */
  exclude(filter: LevelFilter): void
  unexclude(filter: LevelFilter): boolean

  /**
   * The newest message of every topic that the filter matches and that is remembered, stored or not, oldest first by
   * the time when it was accepted; topics that this client may not fetch are left out. In the same turn as `subscribe`
   * it makes a snapshot to which what is delivered next follows without gap or repeat.
   */
  lastValues(filter: LiveFilter): StoredMessage[]
  /**
   * Forgets the newest messages of the topics that match; nothing is deleted from logs. Topics that this client may
   * not delete from are left out. Returns how many there were.
   */
  forgetLast(filter: LiveFilter): number
  /** Topics that have a last value and match, and that this client may fetch, by name. */
  knownTopics(filter: LiveFilter): TopicText[]

  /**
   * Pauses this client until the other one has room. Sending does that by itself, except for the daemon's own
   * clients: what they send is mostly an answer.
   */
  waitFor(peer: Peer): void

  /**
   * Stored publications wait (true), or go on (false), while those that are not stored are delivered all the same: for
   * protocols in which the one kind is bounded by a window and the other is not. They are read from the store later.
   */
  holdStored(isHeld: boolean): void
  /** Place in the commit order up to which this client was offered everything that its filters match. */
  readonly offeredTo: number

  /** The inbox has no room (true), or has room again (false). While true, senders to it are paused. */
  congested(isCongested: boolean): void
}

/** What a live subscription matches by; each protocol keeps its own kind (architecture 5). */
export type LiveFilter = LevelFilter | TextFilter

/** A client as listings show it. */
export interface ClientInfo {
  /** Unique in the life of the daemon. */
  readonly id: number
  /** Empty: it has none. */
  readonly name: string
  readonly user: string
  readonly protocol: string
  readonly transport: string
  readonly source: string | undefined
  readonly listener: string | undefined
  readonly connectedAtMs: number
  readonly receivedFrames: number
  readonly receivedBytes: number
  readonly sentFrames: number
  readonly sentBytes: number
  /** Live filters and log subscriptions. */
  readonly subscriptions: number
  /** 1 and its secondaries; secondaries themselves have 1. */
  readonly instances: number
  /** Waiting for it to read. */
  readonly queuedBytes: number
  /** It makes those who feed it wait. */
  readonly congested: boolean
}

/** Somebody with a name came or went. Told after the fact, in order. */
export interface PresenceEvent {
  readonly kind: 'joined' | 'left' | 'replaced'
  readonly name: string
  /** It is the secondary of another. */
  readonly secondary: boolean
  readonly protocol: string
  /** Why it left; undefined when it simply closed. */
  readonly reason: BusError | undefined
}

/** One call of a procedure, as its callee sees it. */
export interface Invocation {
  readonly procedure: string
  /** Belongs to the callee. */
  readonly payload: Uint8Array
  readonly headers: Headers
  /** Name of the caller; empty when it has none. */
  readonly caller: string
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

export interface CallResult {
  readonly payload: Uint8Array
  readonly headers: Headers
}

export type CallHandler = (invocation: Invocation) => Promise<CallResult>

export interface CallOptions {
  readonly procedure: string
  readonly payload: Uint8Array
  readonly headers: Headers
  /** Default and most: `limits.callTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Procedures of all protocols, in one registry keyed by the procedure's name (spec/wamp 13.7). */
export interface CallOperations {
  /**
   * @throws BusError `already_exists/procedure_taken`, `permission_denied`, `invalid_argument`
   */
  register(procedure: string, handler: CallHandler): { close(): void }
  /**
   * Rejects with `unimplemented/no_such_procedure`, `deadline_exceeded/timed_out`, `cancelled`,
   * `unavailable/callee_gone`, `resource_exhausted` (calls in flight), or what the callee failed with;
   * an error of the application itself is `unknown/application_error`, a `CallError`.
   */
  call(options: CallOptions): Promise<CallResult>
  /**
   * As `register`, with all that registrations can be; a shared one that this client has is given again.
   * @throws BusError as `register`
   */
  offer(options: OfferOptions, callee: Callee): Offer
  /**
   * As `call`, without a promise. The callee may have answered before this returns.
   * @param callerTag of the new call
   * @throws BusError for what `call` rejects with before anybody is asked: `no_such_procedure`, `permission_denied`,
   *   `resource_exhausted`; `unavailable/callee_busy`, `unavailable/no_available_callee`,
   *   `unimplemented/callee_lacks_feature` when nobody who offers the procedure can serve it
   */
  begin(request: CallRequest, sink: CallSink, callerTag: number): OpenCall
  /** Ends what this client offers, serves and has called, in this order, as `BusClient.close` does. */
  end(): void
  /** What is registered in the call space of this client. */
  readonly directory: ProcedureDirectory
}

/**
 * Serves all procedures that begin with `prefix` and that nobody registered: how an adapter lets its
 * own kind of callee be called from everywhere.
 */
export interface CallBridge {
  readonly prefix: string
  call(invocation: Invocation): Promise<CallResult>
}
