/**
 * All sessions by client id (spec/mqtt 4.6, 5, 9): who has one, who takes one over, what becomes of it when its
 * connection ends, its will, its end. What is kept is a note of the store; a connection gets its CONNACK when the
 * notes about it are on disk.
 *
 * What concerns one client id happens in turn. What others can see of the end of a connection, its will and the place
 * of its session, happens at once; only what is written about it waits for its turn.
 */

import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { LogStore, NoteChange } from '../../core/log-store.ts'
import type { Logger } from '../../core/logger.ts'
import { BusError, toBusError } from '../../model/errors.ts'
import { anonymous, type Identity } from '../../model/identity.ts'
import type { MqttAdministration, MqttSessionSummary } from '../mqtt-administration.ts'
import { type AbsentSession, AbsentSessions } from './absent-sessions.ts'
import { keptFrom, type KeptMessage } from './kept-message.ts'
import { OutgoingProperties } from './message-properties.ts'
import type { Version, Will } from './packets.ts'
import type { MqttCounters } from './counters.ts'
import type { SessionContext } from './session-context.ts'
import { busNameOf } from './session-name.ts'
import {
  groupTable,
  noWindow,
  readSessionNote,
  readWindowNote,
  receivedNote,
  receivedTable,
  type SessionRecord,
  sessionNote,
  sessionTable,
  windowNote,
  windowTable,
} from './session-notes.ts'
import { MqttSession } from './session.ts'
import { Groups } from './shared-groups.ts'
import type { Subscription } from './subscriptions.ts'
import { SystemTopics } from './system-topics.ts'
import { TakeOvers } from './take-overs.ts'
import { Wills } from './wills.ts'
import type { InFlight } from './window.ts'

/** A connection as the one that has a session, or had it. */
export interface SessionOwner {
  readonly version: Version
  readonly will: Will | undefined
  readonly identity: Identity
  /** Another connection has taken its session. It says so to its client and closes; nothing more is done for it. */
  takenOver(): void
}

export interface OpenRequest {
  readonly clientId: string
  readonly cleanStart: boolean
  /** Seconds; Infinity: for ever. */
  readonly expirySeconds: number
  /** Sessions belong to users: whoever else names this client id gets none. False: users are not known here. */
  readonly isOwned: boolean
}

export interface SessionsOptions {
  readonly bus: Bus
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: MqttCounters
  /** Of the daemon. */
  readonly version: string
}

/** How a connection ended: its will is sent, or dropped. */
export type EndKind = 'lost' | 'disconnected'

interface Connected {
  readonly session: MqttSession
  readonly owner: SessionOwner
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #connected = new Map<string, Connected>()
  readonly #absent = new AbsentSessions()
  /** Those that have just gone away and are not written yet. */
  readonly #parting = new Map<string, MqttSession>()
  /** What is known of sessions that are away and whose will waits for its time. */
  readonly #pendingWills = new Map<string, SessionRecord>()
  /** Client ids about which there is a note. */
  readonly #isNoted = new Set<string>()
  readonly #groups: Groups
  readonly #wills: Wills
  readonly #takeOvers: TakeOvers
  readonly systemTopics: SystemTopics
  readonly #context: SessionContext
  readonly #removeHolds: () => void
  #loading: Promise<void> | undefined
  /** Work about one client id, one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(options: SessionsOptions) {
    this.#options = options
    const { bus, clock, counters } = options
    const readAgain = (place: Pick<InFlight, 'topic' | 'sequence'>) => this.#readAgain(place)
    const onError = (error: unknown) => this.#failed(error)
    this.#wills = new Wills(options)
    this.#takeOvers = new TakeOvers(clock, (client) =>
      options.logger.warn('mqtt_take_over_loop', { client }),
    )
    this.systemTopics = new SystemTopics({ ...options, sessions: () => this })
    this.#groups = new Groups({ bus, counters, readAgain, onError })
    this.#context = {
      clock,
      limits: bus.limits,
      counters,
      groups: this.#groups,
      properties: new OutgoingProperties(),
      notes: {
        windowOf: (session) => windowNote(session, bus.status().epoch),
        write: (changes) => this.#write(changes),
        failed: onError,
      },
      lastSequence: () => bus.store?.lastSequence ?? 0,
      readAgain,
      systemTopics: (filter) => this.systemTopics.match(filter),
      droppedFor: (client) =>
        options.logger.warn('mqtt_messages_dropped', {
          client,
          reason: 'it is behind, and a rule keeps these messages from being stored',
        }),
      forgetRetained: (topic) => this.#wills.forgetRetained(topic),
    }
    this.#removeHolds = bus.addHolds(() => [this.#absent, this.#groups])
  }

  /** With and without a connection. */
  get size(): number {
    return this.#connected.size + this.#absent.size
  }

  get connected(): number {
    return this.#connected.size
  }

  isKnown(clientId: string): boolean {
    return this.#connected.has(clientId) || this.#absent.get(clientId) !== undefined
  }

  /**
   * Gives a connection the session of its client id, a new one or the one that was kept. Resolves when what has to be
   * on disk is.
   * @throws BusError `permission_denied/name_taken` when it is the session of another user; `resource_exhausted/takeover_loop`; `unavailable` while the store is not open; `resource_exhausted`; what the store reports
   */
  async open(
    request: OpenRequest,
    owner: SessionOwner,
  ): Promise<{ readonly session: MqttSession; readonly isPresent: boolean }> {
    await this.prepare()
    return this.#inTurn(request.clientId, () => this.#open(request, owner))
  }

  /** What a session asks for has changed: resolves when it is on disk. */
  async save(session: MqttSession, subscriptions: Iterable<Subscription>): Promise<void> {
    const held = this.#connected.get(session.clientId)
    if (held?.session !== session || !session.isDurable) return
    const record = { ...recordOf(session, held.owner), subscriptions: [...subscriptions] }
    const notes = [session.windowNote(), ...this.#groups.notesOf(session)]
    await this.#write([sessionNote(session.clientId, record), ...notes])
  }

  /** The connection of a session has ended; does nothing when another one has the session. */
  async ended(session: MqttSession, owner: SessionOwner, kind: EndKind): Promise<void> {
    const { clientId, expirySeconds, isDurable } = session
    if (this.#connected.get(clientId)?.owner !== owner) return
    this.#connected.delete(clientId)
    session.detach(isDurable)
    const nowMs = this.#options.clock.now()
    const will = kind === 'lost' ? owner.will : undefined
    const delaySeconds = Math.min(will?.properties.willDelay ?? 0, expirySeconds)
    if (will !== undefined && delaySeconds === 0) {
      void this.#wills.publish(will, { clientId, identity: owner.identity })
    }
    if (isDurable) {
      const isPending = will !== undefined && delaySeconds > 0
      const willDueAtMs = isPending ? nowMs + delaySeconds * 1_000 : undefined
      const record = recordOf(session, owner, {
        disconnectedAtMs: nowMs,
        willDueAtMs,
        will: isPending ? will : undefined,
      })
      this.#goAway(clientId, record, session.position, session.window.values())
      this.#parting.set(clientId, session)
      await this.#inTurn(clientId, () => this.#writeAbsence(session, record))
    } else await this.#inTurn(clientId, () => this.#forget(clientId))
  }

  /** Notes down what has changed, ends what is over. Called about every second. */
  async tick(): Promise<void> {
    this.#takeOvers.tick()
    const changes: NoteChange[] = []
    for (const { session } of this.#connected.values()) {
      if (session.isDurable && session.isChanged) changes.push(session.windowNote())
    }
    changes.push(...this.#groups.notes())
    await this.#write(changes).catch((error: unknown) => this.#failed(error))
    const nowMs = this.#options.clock.now()
    for (const due of this.#absent.due(nowMs)) {
      await this.#inTurn(due.clientId, async () => {
        // It may have come back, and even gone away again.
        if (this.#absent.get(due.clientId) !== due) return
        if (due.expiresAtMs <= nowMs) await this.#expire(due)
        else await this.#sendPendingWill(due)
      }).catch((error: unknown) => this.#failed(error))
    }
  }

  /** Of those that are kept and have no connection. */
  absentIds(): string[] {
    return [...this.#absent.values()].map(({ clientId }) => clientId)
  }

  /** All of them, in no order. */
  *summaries(): Iterable<MqttSessionSummary> {
    for (const each of this.#connected.values()) yield this.#connectedSummary(each)
    for (const each of this.#absent.values()) yield this.#absentSummary(each)
  }

  /** One of them with its subscriptions; undefined: there is none of this client id. */
  summary(clientId: string): ReturnType<MqttAdministration['session']> {
    const connected = this.#connected.get(clientId)
    if (connected !== undefined) {
      const subscriptions = [...connected.session.subscriptions.values()]
      return { session: this.#connectedSummary(connected), subscriptions }
    }
    const absent = this.#absent.get(clientId)
    if (absent === undefined) return undefined
    const unknown = { qos: 0, noLocal: false, retainAsPublished: false, id: 0 }
    const subscriptions = absent.filters.map((filter) => ({ filter, ...unknown }))
    return { session: this.#absentSummary(absent), subscriptions }
  }

  /** Messages of QoS 1 and 2 under way to those that are connected. */
  get inFlight(): number {
    let sum = 0
    for (const { session } of this.#connected.values()) sum += session.window.size
    return sum
  }

  /** Ends a session, with its connection if it has one. False: there is none. Resolves when nothing is left of it. */
  async remove(clientId: string): Promise<boolean> {
    await this.prepare()
    return this.#inTurn(clientId, async () => {
      const isConnected = this.#connected.has(clientId)
      const absent = this.#absent.get(clientId)
      if (isConnected) this.#takeOver(clientId, false)
      if (absent !== undefined) await this.#expire(absent)
      else if (isConnected) await this.#forget(clientId)
      return isConnected || absent !== undefined
    })
  }

  /** Loads what was kept; does nothing while the store is not open, or the second time. */
  async prepare(): Promise<void> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined
      throw error
    })
    await this.#loading
  }

  /** Resolves when everything is written. All connections have ended before. */
  async close(): Promise<void> {
    await Promise.all(this.#turns.values())
    await this.#wills.close()
    this.systemTopics.close()
    this.#removeHolds()
    if (this.#options.bus.store === undefined) return
    await this.#write(this.#groups.notes()).catch((error: unknown) => this.#failed(error))
  }

  #connectedSummary({ session, owner }: Connected): MqttSessionSummary {
    const { clientId, subscriptions, window } = session
    return {
      clientId,
      connected: true,
      version: owner.version,
      subscriptions: subscriptions.size,
      inFlight: window.size,
      expiresAtMs: 0,
      behind: Math.max(0, this.#lastSequence() - session.reached),
      hasPendingWill: false,
    }
  }

  #absentSummary({ clientId, filters, expiresAtMs, neededAfter }: AbsentSession) {
    return {
      clientId,
      connected: false,
      version: 0,
      subscriptions: filters.length,
      inFlight: 0,
      expiresAtMs: Number.isFinite(expiresAtMs) ? expiresAtMs : 0,
      behind: Math.max(0, this.#lastSequence() - neededAfter),
      hasPendingWill: this.#pendingWills.has(clientId),
    }
  }

  #lastSequence(): number {
    return this.#options.bus.store?.lastSequence ?? 0
  }

  async #open(
    { clientId, cleanStart, expirySeconds, isOwned }: OpenRequest,
    owner: SessionOwner,
  ): Promise<{ readonly session: MqttSession; readonly isPresent: boolean }> {
    if (isOwned) this.#requireOwner(clientId, owner.identity.user)
    if (expirySeconds > 0 && !this.isKnown(clientId)) this.#requireRoom()
    if (this.#connected.has(clientId)) this.#requirePeace(clientId, owner)
    const previous = this.#takeOver(clientId, !cleanStart)
    const known = previous ?? this.#parting.get(clientId)
    const found = cleanStart ? undefined : (known ?? (await this.#read(clientId)))
    // Before it is over, since afterwards nobody has the places of its groups.
    if (found === undefined) await this.#giveBackAll(clientId)
    this.#parting.delete(clientId)
    // A session that ends takes its will with it by sending it.
    const pending = this.#endAbsence(clientId, found !== undefined)
    if (found === undefined && pending !== undefined) void this.#publishPending(clientId, pending)
    const session = found ?? new MqttSession(clientId, this.#context)
    session.expirySeconds = expirySeconds
    this.#connected.set(clientId, { session, owner })
    try {
      await this.#writeOpened(session, owner, found !== undefined)
    } catch (error) {
      this.#connected.delete(clientId)
      if (found !== undefined && session.isDurable) {
        const disconnectedAtMs = this.#options.clock.now()
        const record = recordOf(session, owner, { disconnectedAtMs, will: undefined })
        this.#goAway(clientId, record, session.position, session.window.values())
        this.#parting.set(clientId, session)
      }
      throw error
    }
    return { session, isPresent: found !== undefined }
  }

  /**
   * What was made by nobody in particular, before there were users perhaps, is anybody's who is known.
   * @throws BusError
   */
  #requireOwner(clientId: string, user: string): void {
    const connected = this.#connected.get(clientId)?.owner.identity.user
    const holder = connected ?? this.#absent.get(clientId)?.user
    if (holder === undefined || holder === user || holder === anonymous.user) return
    const text = `the client id ${JSON.stringify(clientId)} belongs to another user`
    throw new BusError('permission_denied', 'name_taken', text)
  }

  /** @throws BusError `resource_exhausted/takeover_loop` */
  #requirePeace(clientId: string, { identity }: SessionOwner): void {
    try {
      this.#takeOvers.count(clientId)
    } catch (error) {
      const { message } = toBusError(error)
      this.#options.bus.connectRefused(identity, busNameOf(clientId), message)
      throw error
    }
  }

  /** Sessions that are kept are as many as clients may be connected. @throws BusError */
  #requireRoom(): void {
    const { clients } = this.#options.bus.limits
    if (this.size < clients) return
    const text = `there are ${this.size} MQTT sessions, the limit is ${clients}`
    throw new BusError('resource_exhausted', 'quota_exceeded', text)
  }

  async #writeOpened(session: MqttSession, owner: SessionOwner, isFound: boolean): Promise<void> {
    const { clientId, isDurable } = session
    const isNoted = this.#isNoted.has(clientId)
    const isWritten = isDurable || owner.will !== undefined
    // Of most connections nothing is kept, and nothing ever was.
    if (!isWritten && !isNoted) return
    const changes = isNoted && !(isFound && isDurable) ? await this.#removal(clientId) : []
    if (isWritten) changes.push(sessionNote(clientId, recordOf(session, owner)))
    if (isDurable) changes.push(session.windowNote())
    await this.#write(changes)
    if (isWritten) this.#isNoted.add(clientId)
    else this.#isNoted.delete(clientId)
  }

  /** Ends the connection that has this client id, if there is one. Answers its session when that goes on. */
  #takeOver(clientId: string, resumes: boolean): MqttSession | undefined {
    const previous = this.#connected.get(clientId)
    if (previous === undefined) return undefined
    const { session, owner } = previous
    const isKept = resumes && session.isDurable
    this.#connected.delete(clientId)
    // First, since the place it has reached is known only while its client is there.
    session.detach(isKept)
    const { will, version, identity } = owner
    owner.takenOver()
    const delay = will?.properties.willDelay ?? 0
    const isDropped = version === 5 && delay > 0 && isKept
    if (will !== undefined && !isDropped) void this.#wills.publish(will, { clientId, identity })
    return isKept ? session : undefined
  }

  /** A session is kept and has no connection. */
  #goAway(
    clientId: string,
    record: SessionRecord,
    position: number,
    inFlight: Iterable<InFlight>,
  ): void {
    const { expirySeconds, disconnectedAtMs = 0, subscriptions, willDueAtMs, user } = record
    if (record.will !== undefined) this.#pendingWills.set(clientId, record)
    const filters = subscriptions.map(({ filter }) => filter)
    for (const filter of filters) if (isShared(filter)) this.#groups.sessionIsAway(filter)
    let neededAfter = position
    for (const { sequence } of inFlight) {
      if (sequence > 0) neededAfter = Math.min(neededAfter, sequence - 1)
    }
    const expiresAtMs = disconnectedAtMs + expirySeconds * 1_000
    const times = { expiresAtMs, willDueAtMs: willDueAtMs ?? Infinity }
    this.#absent.add({ clientId, user, ...times, neededAfter, filters })
  }

  /** A session is not away any more. Answers what was known of it when it had a will. */
  #endAbsence(clientId: string, resumes: boolean): SessionRecord | undefined {
    const pending = this.#pendingWills.get(clientId)
    this.#pendingWills.delete(clientId)
    for (const filter of this.#absent.delete(clientId)?.filters ?? []) {
      if (isShared(filter)) this.#groups.sessionIsBack(filter, resumes)
    }
    return pending
  }

  async #writeAbsence(session: MqttSession, record: SessionRecord): Promise<void> {
    const { clientId } = session
    // Somebody has it again, and has written that.
    if (this.#parting.get(clientId) !== session) return
    const notes = [session.windowNote(), ...this.#groups.notes()]
    await this.#write([sessionNote(clientId, record), ...notes])
    this.#isNoted.add(clientId)
    if (this.#parting.get(clientId) === session) this.#parting.delete(clientId)
  }

  /** Nothing is kept of this client any more. */
  async #forget(clientId: string): Promise<void> {
    if (this.isKnown(clientId) || !this.#isNoted.has(clientId)) return
    await this.#write(await this.#removal(clientId))
    this.#isNoted.delete(clientId)
  }

  async #expire({ clientId }: AbsentSession): Promise<void> {
    await this.#giveBackAll(clientId)
    const removal = await this.#removal(clientId)
    const pending = this.#endAbsence(clientId, false)
    this.#parting.delete(clientId)
    if (pending === undefined) await this.#write(removal)
    else await this.#publishPending(clientId, pending, removal)
    this.#isNoted.delete(clientId)
  }

  async #sendPendingWill(due: AbsentSession): Promise<void> {
    const { clientId } = due
    this.#absent.add({ ...due, willDueAtMs: Infinity })
    const record = this.#pendingWills.get(clientId)
    this.#pendingWills.delete(clientId)
    if (record?.will === undefined) return
    const sent = { ...record, will: undefined, willDueAtMs: undefined }
    await this.#publishPending(clientId, record, [sessionNote(clientId, sent)])
  }

  async #publishPending(
    clientId: string,
    { will, user, groups = [] }: SessionRecord,
    notes: readonly NoteChange[] = [],
  ): Promise<void> {
    const isKnown = user !== anonymous.user
    const identity: Identity = isKnown ? { user, groups, method: 'challenge' } : anonymous
    if (will === undefined) await this.#write(notes)
    else await this.#wills.publish(will, { clientId, identity }, notes)
  }

  /** What a session that is away and ends had under way for groups goes to other members. */
  async #giveBackAll(clientId: string): Promise<void> {
    const isMember = this.#absent.get(clientId)?.filters.some(isShared) === true
    if (!isMember) return
    const session = this.#parting.get(clientId) ?? (await this.#read(clientId))
    for (const inFlight of session?.window.values() ?? []) {
      if (inFlight.group !== undefined && inFlight.qos === 1) this.#groups.giveBack(inFlight)
    }
  }

  /** The session that was kept under this id; undefined: there is none. */
  async #read(clientId: string): Promise<MqttSession | undefined> {
    if (this.#absent.get(clientId) === undefined) return undefined
    const store = this.#store()
    const [value, window] = await Promise.all([
      store.note(sessionTable, clientId),
      store.note(windowTable, clientId),
    ])
    const record = value && readSessionNote({ value })
    if (record === undefined) return undefined
    const session = new MqttSession(clientId, this.#context)
    for await (const { key } of store.notes(receivedTable(clientId))) {
      session.received.load(Number(key))
    }
    const kept = window && readWindowNote(window)
    const isSameHistory = kept?.epoch === store.epoch
    for (const subscription of record.subscriptions) {
      // Places of another history mean nothing here: it goes on with what comes from now on.
      session.restore(isSameHistory ? subscription : { ...subscription, since: session.position })
    }
    if (kept === undefined || !isSameHistory) return session
    session.position = kept.position
    for (const inFlight of kept.inFlight) session.window.load(inFlight)
    return session
  }

  async #load(): Promise<void> {
    const store = this.#store()
    for await (const { key, value } of store.notes(groupTable)) this.#groups.load(key, value)
    const windows = new Map<string, { position: number; inFlight: readonly InFlight[] }>()
    for await (const { key, value } of store.notes(windowTable)) {
      const window = readWindowNote(value)
      if (window?.epoch !== store.epoch) continue
      windows.set(key, window)
      for (const inFlight of window.inFlight) this.#groups.loadInFlight(inFlight)
    }
    const nowMs = this.#options.clock.now()
    const changes: NoteChange[] = []
    for await (const note of store.notes(sessionTable)) {
      const record = readSessionNote(note)
      const { key } = note
      if (record === undefined || this.#isNoted.has(key)) continue
      this.#isNoted.add(key)
      const seen = record.disconnectedAtMs === undefined ? asLost(record, nowMs) : record
      if (seen !== record) changes.push(sessionNote(key, seen))
      const { position = store.lastSequence, inFlight = [] } = windows.get(key) ?? {}
      this.#goAway(key, seen, position, inFlight)
    }
    this.#groups.loaded()
    await this.#write(changes)
  }

  /** What takes all notes about a client away. */
  async #removal(clientId: string): Promise<NoteChange[]> {
    const changes = [sessionNote(clientId, undefined), noWindow(clientId)]
    for await (const { key } of this.#store().notes(receivedTable(clientId))) {
      changes.push(receivedNote(clientId, Number(key), false))
    }
    return changes
  }

  async #readAgain({
    topic,
    sequence,
  }: Pick<InFlight, 'topic' | 'sequence'>): Promise<KeptMessage | undefined> {
    if (sequence === 0) return undefined
    const page = await this.#store().readFeed(sequence - 1, (log) => log.topic === topic, {
      messages: 1,
    })
    const [message] = page.messages
    if (message?.sequence !== sequence || message.deleted) return undefined
    return keptFrom(message)
  }

  /** Runs one after the other what concerns one client id. */
  #inTurn<Result>(clientId: string, task: () => Promise<Result>): Promise<Result> {
    const before = this.#turns.get(clientId)
    const turn = before === undefined ? task() : before.then(task)
    const settled = turn.then(
      () => undefined,
      () => undefined,
    )
    this.#turns.set(clientId, settled)
    void settled.then(() => {
      if (this.#turns.get(clientId) === settled) this.#turns.delete(clientId)
    })
    return turn
  }

  #store(): LogStore {
    const { store } = this.#options.bus
    if (store !== undefined) return store
    throw new BusError('unavailable', 'starting', 'the store is being opened; try again')
  }

  async #write(changes: readonly NoteChange[]): Promise<void> {
    if (changes.length > 0) await this.#store().writeNotes(changes)
  }

  #failed(error: unknown): void {
    this.#options.logger.warn('mqtt_session_not_saved', { reason: toBusError(error).reason })
  }
}

/** What is written about a session; of one that is connected unless `change` says otherwise. */
function recordOf(
  { expirySeconds, subscriptions }: MqttSession,
  { version, will, identity }: SessionOwner,
  change: Partial<Pick<SessionRecord, 'disconnectedAtMs' | 'willDueAtMs' | 'will'>> = {},
): SessionRecord {
  const kept = { expirySeconds, subscriptions: [...subscriptions.values()] }
  return {
    version,
    user: identity.user,
    ...(identity.groups.length > 0 && { groups: identity.groups }),
    will,
    disconnectedAtMs: undefined,
    willDueAtMs: undefined,
    ...kept,
    ...change,
  }
}

/** A session whose connection ended with the daemon. */
function asLost(record: SessionRecord, nowMs: number): SessionRecord {
  const { will, expirySeconds } = record
  const delay = Math.min(will?.properties.willDelay ?? 0, expirySeconds)
  const willDueAtMs = will === undefined ? undefined : nowMs + delay * 1_000
  return { ...record, disconnectedAtMs: nowMs, willDueAtMs }
}

function isShared(filter: string): boolean {
  return filter.startsWith('$share/')
}
