/**
 * All sessions by client id (spec/mqtt 4.6, 5, 9): who has one, who takes one over, what becomes of it when its
 * connection ends, its will, its end. What is kept is a note of the store; a connection gets its CONNACK when the
 * notes about it are on disk.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { LogStore, NoteChange } from '../../core/log-store.ts'
import type { Logger } from '../../core/logger.ts'
import { BusError, toBusError } from '../../model/errors.ts'
import { anonymous } from '../../model/identity.ts'
import { noHeaders } from '../../model/message.ts'
import { AbsentSessions } from './absent-sessions.ts'
import { keptFrom, type KeptMessage } from './kept-message.ts'
import { headersOf } from './message-properties.ts'
import { encodeProperties } from './packet-writer.ts'
import type { Version, Will } from './packets.ts'
import type { MqttCounters, SessionContext } from './session-context.ts'
import {
  groupTable,
  noWindow,
  readSessionNote,
  readWindowNote,
  type SessionRecord,
  sessionNote,
  sessionTable,
  windowNote,
  windowTable,
} from './session-notes.ts'
import { MqttSession } from './session.ts'
import { Groups } from './shared-groups.ts'
import type { InFlight } from './window.ts'

/** A connection as the one that has a session, or had it. */
export interface SessionOwner {
  readonly version: Version
  readonly will: Will | undefined
  readonly user: string
  /** Another connection has taken its session. It says so to its client and closes; nothing more is done for it. */
  takenOver(): void
}

export interface OpenRequest {
  readonly clientId: string
  readonly cleanStart: boolean
  /** Seconds; Infinity: for ever. */
  readonly expirySeconds: number
}

export interface SessionsOptions {
  readonly bus: Bus
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: MqttCounters
}

/** How a connection ended: its will is sent, or dropped. */
export type EndKind = 'lost' | 'disconnected'

export class Sessions {
  readonly #options: SessionsOptions
  readonly #connected = new Map<string, { readonly session: MqttSession; owner: SessionOwner }>()
  readonly #absent = new AbsentSessions()
  /** Wills of sessions that are away, by client id. */
  readonly #records = new Map<string, SessionRecord>()
  readonly #groups: Groups
  readonly #context: SessionContext
  readonly #removeHolds: () => void
  /** Publishes wills. */
  #publisher: BusClient | undefined
  #loading: Promise<void> | undefined
  /** Opening and ending of one client id, one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(options: SessionsOptions) {
    this.#options = options
    const { bus, clock, counters } = options
    this.#groups = new Groups({
      bus,
      counters,
      note: (change) => this.#writeSoon([change]),
      onError: (error) => this.#failed(error),
    })
    this.#context = {
      clock,
      counters,
      groups: this.#groups,
      notes: {
        windowOf: (session) => windowNote(session, bus.status().epoch),
        write: (changes) => this.#write(changes),
        failed: (error) => this.#failed(error),
      },
      readAgain: (inFlight) => this.#readAgain(inFlight),
      forgetRetained: (topic) => this.#forgetRetained(topic),
    }
    this.#removeHolds = bus.addHolds(() => [this.#absent])
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
   * @throws BusError `unavailable` while the store is not open; what the store reports
   */
  async open(
    { clientId, cleanStart, expirySeconds }: OpenRequest,
    owner: SessionOwner,
  ): Promise<{ readonly session: MqttSession; readonly isPresent: boolean }> {
    await this.#load()
    return this.#inTurn(clientId, async () => {
      const previous = this.#connected.get(clientId)
      const resumes = !cleanStart
      if (previous !== undefined) this.#takeOver(clientId, previous, resumes)
      const kept = previous?.session.isDurable === true ? previous.session : undefined
      const found = resumes ? (kept ?? (await this.#read(clientId))) : undefined
      this.#endAbsence(clientId, resumes)
      const session = found ?? new MqttSession(clientId, this.#context)
      session.expirySeconds = expirySeconds
      this.#connected.set(clientId, { session, owner })
      const isWritten = session.isDurable || owner.will !== undefined
      const changes = isWritten ? [this.#note(session, owner, undefined, undefined)] : []
      if (found === undefined) {
        if (!isWritten) changes.push(sessionNote(clientId, undefined))
        changes.push(noWindow(clientId))
      }
      // Of most connections nothing was ever kept.
      if (isWritten || !cleanStart || kept !== undefined || this.#isNoted.has(clientId)) {
        await this.#write(changes)
      }
      if (isWritten) this.#isNoted.add(clientId)
      else this.#isNoted.delete(clientId)
      return { session, isPresent: found !== undefined }
    })
  }

  /** Client ids about which there is a note. */
  readonly #isNoted = new Set<string>()

  /** What a session asks for has changed: resolves when it is on disk, at once when it is not kept. */
  async save(session: MqttSession): Promise<void> {
    const held = this.#connected.get(session.clientId)
    if (held?.session !== session || !session.isDurable) return
    await this.#write([this.#note(session, held.owner, undefined, undefined)])
  }

  /** The connection of a session has ended; does nothing when another one has the session. */
  async ended(session: MqttSession, owner: SessionOwner, kind: EndKind): Promise<void> {
    const { clientId } = session
    const held = this.#connected.get(clientId)
    if (held?.owner !== owner) return
    this.#connected.delete(clientId)
    // At once, since the place it has reached is known only while its client is there.
    this.#detach(session)
    await this.#inTurn(clientId, () => this.#end(session, owner, kind))
  }

  /** Notes down what has changed, ends what is over. Called about every second. */
  async tick(): Promise<void> {
    const changes: NoteChange[] = []
    for (const { session } of this.#connected.values()) {
      if (session.isDurable && session.isChanged) changes.push(session.windowNote())
    }
    if (changes.length > 0) await this.#write(changes).catch((error) => this.#failed(error))
    const nowMs = this.#options.clock.now()
    for (const { clientId, expiresAtMs } of this.#absent.due(nowMs)) {
      await this.#inTurn(clientId, async () => {
        if (this.#absent.get(clientId) === undefined) return
        this.#sendWill(clientId)
        if (expiresAtMs <= nowMs) await this.#remove(clientId)
        else await this.#willIsSent(clientId)
      }).catch((error: unknown) => this.#failed(error))
    }
  }

  close(): void {
    this.#removeHolds()
    this.#publisher?.close()
  }

  #takeOver(
    clientId: string,
    previous: { readonly session: MqttSession; readonly owner: SessionOwner },
    resumes: boolean,
  ): void {
    const { session, owner } = previous
    this.#connected.delete(clientId)
    // First, since the place it has reached is known only while its client is there.
    this.#detach(session)
    owner.takenOver()
    const { will } = owner
    if (will === undefined) return
    const delay = will.properties.willDelay ?? 0
    const isDropped = owner.version === 5 && delay > 0 && resumes && session.isDurable
    if (!isDropped) this.#publishWill(will)
  }

  async #end(session: MqttSession, owner: SessionOwner, kind: EndKind): Promise<void> {
    const { clientId, expirySeconds } = session
    const nowMs = this.#options.clock.now()
    const will = kind === 'lost' ? owner.will : undefined
    const delaySeconds = Math.min(will?.properties.willDelay ?? 0, expirySeconds)
    const willDueAtMs =
      will === undefined || delaySeconds === 0 ? undefined : nowMs + delaySeconds * 1_000
    if (will !== undefined && willDueAtMs === undefined) this.#publishWill(will)
    if (!session.isDurable) {
      if (this.#isNoted.has(clientId)) await this.#remove(clientId)
      return
    }
    const pending = willDueAtMs === undefined ? undefined : will
    const record = this.#record(session, { ...owner, will: pending }, nowMs, willDueAtMs)
    this.#goAway(clientId, record, session.position)
    await this.#write([sessionNote(clientId, record), session.windowNote()])
    this.#isNoted.add(clientId)
  }

  #goAway(clientId: string, record: SessionRecord, position: number): void {
    const { expirySeconds, disconnectedAtMs = 0, subscriptions, willDueAtMs } = record
    if (record.will !== undefined) this.#records.set(clientId, record)
    const filters = subscriptions.map(({ filter }) => filter)
    for (const filter of filters)
      if (filter.startsWith('$share/')) this.#groups.countAbsent(filter, 1)
    this.#absent.add({
      clientId,
      expiresAtMs: disconnectedAtMs + expirySeconds * 1_000,
      willDueAtMs: willDueAtMs ?? Infinity,
      position,
      filters,
    })
  }

  /** A session that was away is taken up again, or replaced by a new one. */
  #endAbsence(clientId: string, resumes: boolean): void {
    const absent = this.#absent.delete(clientId)
    if (absent === undefined) return
    // A session that ends takes its will with it by sending it.
    if (!resumes) this.#sendWill(clientId)
    this.#records.delete(clientId)
    for (const filter of absent.filters) {
      if (filter.startsWith('$share/')) this.#groups.countAbsent(filter, -1)
    }
  }

  /** Takes a session from its connection; what it had for groups goes to other members. */
  #detach(session: MqttSession): void {
    for (const inFlight of session.detach()) {
      const { group, message, sequence } = inFlight
      if (group === undefined) continue
      if (message !== undefined) this.#groups.giveBack(group, message, sequence)
      else {
        void this.#readAgain(inFlight).then((read) => {
          if (read !== undefined) this.#groups.giveBack(group, read, sequence)
        })
      }
    }
  }

  async #remove(clientId: string): Promise<void> {
    this.#endAbsence(clientId, true)
    this.#isNoted.delete(clientId)
    await this.#write([sessionNote(clientId, undefined), noWindow(clientId)])
  }

  #sendWill(clientId: string): void {
    const will = this.#records.get(clientId)?.will
    if (will !== undefined) this.#publishWill(will)
    this.#records.delete(clientId)
  }

  async #willIsSent(clientId: string): Promise<void> {
    const absent = this.#absent.delete(clientId)
    if (absent !== undefined) this.#absent.add({ ...absent, willDueAtMs: Infinity })
    const value = await this.#store().note(sessionTable, clientId)
    const record = value && readSessionNote({ value })
    if (record === undefined) return
    await this.#write([
      sessionNote(clientId, { ...record, will: undefined, willDueAtMs: undefined }),
    ])
  }

  #publishWill({ topic, payload, qos, retain, properties }: Will): void {
    const { bus, clock, logger } = this.#options
    const { messageExpiry = -1, willDelay: _delay, ...passedOn } = properties
    const encoded = encodeProperties(passedOn)
    const traits = { qos, retain, properties: encoded, messageExpiry }
    const headers = headersOf(traits, clock.now())
    const failed = (error: unknown) =>
      logger.warn('mqtt_will_refused', { topic, reason: toBusError(error).reason })
    try {
      const client = (this.#publisher ??= bus.connect(anonymous, {
        protocol: 'mqtt',
        transport: 'internal',
      }))
      if (qos === 0) {
        const bytes = Buffer.from(topic)
        const all = Buffer.concat([bytes, payload])
        client.live.publish(
          all,
          0,
          bytes.length,
          bytes.length,
          all.length,
          false,
          undefined,
          headers,
        )
        if (retain) client.retained.set({ topic, payload, headers }).catch(failed)
        return
      }
      client.publish([{ topic, payload, headers, history: true, retain }]).then(([outcome]) => {
        if (outcome?.kind === 'rejected') failed(outcome.error)
      }, failed)
    } catch (error) {
      failed(error)
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
    for (const subscription of record.subscriptions) session.restore(subscription)
    const kept = window && readWindowNote(window)
    if (kept?.epoch !== store.epoch) {
      // Places of another history mean nothing here: it goes on with what comes from now on.
      session.position = store.lastSequence
      return session
    }
    session.position = kept.position
    for (const inFlight of kept.inFlight) session.window.load(inFlight)
    for (const id of kept.received) session.received.add(id)
    return session
  }

  /** Once, when the store is open. */
  #load(): Promise<void> {
    this.#loading ??= this.#loadAll().catch((error: unknown) => {
      this.#loading = undefined
      throw error
    })
    return this.#loading
  }

  async #loadAll(): Promise<void> {
    const store = this.#store()
    const positions = new Map<string, number>()
    for await (const { key, value } of store.notes(windowTable)) {
      const window = readWindowNote(value)
      if (window?.epoch === store.epoch) positions.set(key, window.position)
    }
    for await (const { key, value } of store.notes(groupTable)) this.#groups.load(key, value)
    const nowMs = this.#options.clock.now()
    const changes: NoteChange[] = []
    for await (const note of store.notes(sessionTable)) {
      const record = readSessionNote(note)
      if (record === undefined) continue
      const { key } = note
      this.#isNoted.add(key)
      const seen = record.disconnectedAtMs === undefined ? asLost(record, nowMs) : record
      if (seen !== record) changes.push(sessionNote(key, seen))
      this.#goAway(key, seen, positions.get(key) ?? store.lastSequence)
    }
    if (changes.length > 0) await this.#write(changes)
  }

  /** Whether the store is there, so that sessions can be loaded before anybody comes. */
  async prepare(): Promise<void> {
    if (this.#options.bus.store !== undefined) await this.#load()
  }

  #note(
    session: MqttSession,
    owner: SessionOwner,
    disconnectedAtMs: number | undefined,
    willDueAtMs: number | undefined,
  ): NoteChange {
    const record = this.#record(session, owner, disconnectedAtMs, willDueAtMs)
    return sessionNote(session.clientId, record)
  }

  #record(
    session: MqttSession,
    { version, will, user }: Pick<SessionOwner, 'version' | 'will' | 'user'>,
    disconnectedAtMs: number | undefined,
    willDueAtMs: number | undefined,
  ): SessionRecord {
    const { expirySeconds, subscriptions } = session
    const kept = { expirySeconds, subscriptions: [...subscriptions.values()].map(plain) }
    return { version, user, will, disconnectedAtMs, willDueAtMs, ...kept }
  }

  async #readAgain({ topic, sequence }: InFlight): Promise<KeptMessage | undefined> {
    if (sequence === 0) return undefined
    const page = await this.#store().readFeed(sequence - 1, (log) => log.topic === topic, {
      messages: 1,
    })
    const [message] = page.messages
    if (message?.sequence !== sequence || message.deleted) return undefined
    return keptFrom(message)
  }

  #forgetRetained(topic: string): void {
    const { bus } = this.#options
    const client = (this.#publisher ??= bus.connect(anonymous, {
      protocol: 'mqtt',
      transport: 'internal',
    }))
    const nothing = { topic, payload: new Uint8Array(0), headers: noHeaders }
    client.retained.set(nothing).catch((error: unknown) => this.#failed(error))
  }

  /** Runs one after the other what concerns one client id. */
  #inTurn<Result>(clientId: string, task: () => Promise<Result>): Promise<Result> {
    const before = this.#turns.get(clientId) ?? Promise.resolve()
    const turn = before.then(task, task)
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

  #writeSoon(changes: readonly NoteChange[]): void {
    this.#write(changes).catch((error: unknown) => this.#failed(error))
  }

  #failed(error: unknown): void {
    this.#options.logger.warn('mqtt_session_not_saved', { reason: toBusError(error).reason })
  }
}

/** A session whose connection ended with the daemon. */
function asLost(record: SessionRecord, nowMs: number): SessionRecord {
  const { will, expirySeconds } = record
  const delay = Math.min(will?.properties.willDelay ?? 0, expirySeconds)
  const willDueAtMs = will === undefined ? undefined : nowMs + delay * 1_000
  return { ...record, disconnectedAtMs: nowMs, willDueAtMs }
}

function plain({
  filter,
  qos,
  noLocal,
  retainAsPublished,
  id,
  since,
}: SessionRecord['subscriptions'][number]) {
  return { filter, qos, noLocal, retainAsPublished, id, since }
}
