/**
 * Who is there, by name (spec/busrt 4.1 to 4.4, for every protocol alike). A name belongs to one client
 * at a time; a client `a%%x` is a secondary of `a`: it can only join while `a` is there and ends with it.
 * Names that begin with `.` are the daemon's own.
 */

import { ByteTable } from '../base/byte-table.ts'
import { BusError } from '../model/errors.ts'
import { daemonIdentity, type Identity } from '../model/identity.ts'
import { isExactMask, nameMatches } from '../model/name-mask.ts'
import { utf8Length } from '../model/name.ts'
import type { Subject } from './access.ts'
import type { ClientInfo, JoinOptions, PresenceEvent } from './live.ts'
import type { LiveBus } from './live-bus.ts'
import { type ClientNames, LiveClient } from './live-client.ts'

const secondaryMark = '%%'
const rememberedMasks = 1_000
const takeoversMost = 5
const takeoverWindowMs = 10_000
/** Longer ones are looked through every time. */
const rememberedMaskLength = 1_000
const encoder = new TextEncoder()

export class ClientRegistry {
  readonly #bus: LiveBus
  readonly #byBytes = new ByteTable<LiveClient>()
  readonly #named = new Map<string, LiveClient>()
  readonly #clients = new Set<LiveClient>()
  /** Resolved masks; forgotten when anybody comes or goes. */
  readonly #masks = new Map<string, readonly LiveClient[]>()
  readonly #listeners = new Set<(event: PresenceEvent) => void>()
  #nextId = 1

  /** Changes whenever a name comes or goes. */
  version = 0

  constructor(bus: LiveBus) {
    this.#bus = bus
  }

  /** All clients, with and without a name. */
  get size(): number {
    return this.#clients.size
  }

  get clients(): Iterable<LiveClient> {
    return this.#clients
  }

  byBytes(bytes: Uint8Array, start: number, end: number): LiveClient | undefined {
    return this.#byBytes.get(bytes, start, end)
  }

  /** As `byBytes`; when nobody here has the name, the one at another node for whom it stands. */
  find(bytes: Uint8Array, start: number, end: number): LiveClient | undefined {
    return this.byBytes(bytes, start, end) ?? this.#bus.remote?.find(bytes, start, end)
  }

  /** Names of other nodes came or went: whoever remembers a look-up looks again. */
  remoteChanged(): void {
    this.version += 1
  }

  byName(name: string): LiveClient | undefined {
    return this.#named.get(name)
  }

  /** Every named client the mask matches. Do not change the list. */
  matching(mask: string): readonly LiveClient[] {
    if (isExactMask(mask)) {
      const client = this.byName(mask)
      return client === undefined ? [] : [client]
    }
    const known = this.#masks.get(mask)
    if (known !== undefined) return known
    const found: LiveClient[] = []
    for (const [name, client] of this.#named) if (nameMatches(mask, name)) found.push(client)
    if (mask.length > rememberedMaskLength) return found
    if (this.#masks.size >= rememberedMasks) this.#masks.clear()
    this.#masks.set(mask, found)
    return found
  }

  /**
   * @throws BusError `already_exists/name_taken`, `not_found/primary_missing`, `invalid_argument/name_…`,
   *   `permission_denied`, `resource_exhausted/quota_exceeded`, `resource_exhausted/takeover_loop`
   */
  join(identity: Identity, join: JoinOptions): LiveClient {
    const { limits } = this.#bus
    const name = join.name ?? ''
    if (this.#clients.size >= limits.clients && identity !== daemonIdentity) {
      const text = `${this.#clients.size} clients are connected, which is the limit`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    const subject = { identity, name, ruleName: join.ruleName }
    if (name === '') this.#bus.requireAccess(subject, 'connect', '')
    const names = name === '' ? nameless : this.#claim(subject)
    const replaced = name === '' ? undefined : this.#replaced(identity, name, join, names)
    const usage = this.#bus.usages.begin(identity)
    const client = new LiveClient(this.#bus, this.#nextId++, identity, join, names)
    if (usage !== undefined) {
      client.usage = usage
      usage.connections += 1
    }
    this.#clients.add(client)
    if (name === '') return client
    this.#add(client)
    // Last, since whoever is told may act at once, and come back with the same name.
    if (replaced !== undefined) {
      this.#countTakeover(client, replaced)
      this.#end(replaced, replacedError(name), false)
    }
    if (!client.isClosed) this.#tell(client, replaced === undefined ? 'joined' : 'replaced')
    return client
  }

  /** Takes a client out, its secondaries first. Does nothing the second time. */
  leave(client: LiveClient, reason?: BusError): void {
    if (client.isClosed) return
    if (reason?.reason === 'slow_client') this.#bus.counters.slowClientsDisconnected += 1
    this.#remove(client)
    for (const secondary of client.secondaries ?? []) {
      const text = `${client.name}, whose secondary this is, has left`
      this.#end(secondary, new BusError('cancelled', 'primary_missing', text), true)
    }
    if (client.name !== '') this.#tell(client, 'left', reason)
  }

  /** Ends a client that did not ask for it, with its secondaries. */
  end(client: LiveClient, error: BusError): void {
    this.#end(client, error, true)
  }

  /** Called after the fact, in order. Listeners must not throw. */
  onPresence(listener: (event: PresenceEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #claim(subject: Subject): ClientNames {
    const { identity, name } = subject
    const bytes = encoder.encode(name)
    if (name.includes('\0')) {
      throw new BusError('invalid_argument', 'name_contains_nul', 'client name contains NUL byte')
    }
    if (bytes.length > this.#bus.limits.clientNameBytes) {
      const text = `client name is too long (${utf8Length(name)} bytes, limit ${this.#bus.limits.clientNameBytes})`
      throw new BusError('invalid_argument', 'name_too_long', text)
    }
    if (/\p{Surrogate}/u.test(name)) {
      const text = 'client name is not valid Unicode'
      throw new BusError('invalid_argument', 'name_not_unicode', text)
    }
    if (name.startsWith('.') && identity !== daemonIdentity) {
      const text = 'client names that begin with "." belong to the daemon'
      throw new BusError('invalid_argument', 'reserved_name', text)
    }
    this.#bus.requireAccess(subject, 'connect', name)
    const mark = name.indexOf(secondaryMark)
    if (mark === -1) return { name, bytes, primary: undefined }
    const primary = this.byName(name.slice(0, mark))
    if (primary === undefined) {
      const text = `${JSON.stringify(name.slice(0, mark))}, whose secondary this would be, is not here`
      throw new BusError('not_found', 'primary_missing', text)
    }
    return { name, bytes, primary }
  }

  /** Whom the newcomer takes the name from. @throws BusError `already_exists/name_taken` */
  #replaced(
    identity: Identity,
    name: string,
    join: JoinOptions,
    names: ClientNames,
  ): LiveClient | undefined {
    const holder = this.byName(name)
    if (holder === undefined) return undefined
    if (join.replace === true && names.primary === undefined) {
      if (this.#mayReplace(identity, holder)) {
        this.#requirePeace(identity, name, holder)
        return holder
      }
      const text = `a client of another user is connected as ${JSON.stringify(name)}`
      throw new BusError('already_exists', 'name_taken', text)
    }
    const text = `a client named ${JSON.stringify(name)} is connected already`
    throw new BusError('already_exists', 'name_taken', text)
  }

  /** A name is taken over by the user that has it, and by administrators; on an open daemon by anybody. */
  #mayReplace(identity: Identity, holder: LiveClient): boolean {
    const { user, method } = holder.identity
    const isSame = user === identity.user && (method === 'none') === (identity.method === 'none')
    return (
      this.#bus.access.isOpen || isSame || this.#bus.maySee({ identity, name: '' }, 'admin', '')
    )
  }

  /**
   * Two clients of one name that take it from each other again and again are held up.
   * @throws BusError `resource_exhausted/takeover_loop`
   */
  #requirePeace(identity: Identity, name: string, { takeovers, takenSince }: LiveClient): void {
    const isRecent = this.#bus.clock.monotonic() - takenSince <= takeoverWindowMs
    if (takeovers < takeoversMost || !isRecent) return
    const text = `${JSON.stringify(name)} was taken over ${takeoversMost} times within ${takeoverWindowMs / 1_000} s: two clients use one name; wait`
    this.#bus.access.refused?.({ identity, name }, 'connect', name, text)
    throw new BusError('resource_exhausted', 'takeover_loop', text)
  }

  /** How often the name went from one to the other lately, the last time included. */
  #countTakeover(client: LiveClient, from: LiveClient): void {
    const now = this.#bus.clock.monotonic()
    const isRecent = from.takeovers > 0 && now - from.takenSince <= takeoverWindowMs
    client.takeovers = isRecent ? from.takeovers + 1 : 1
    client.takenSince = isRecent ? from.takenSince : now
  }

  #add(client: LiveClient): void {
    this.#named.set(client.name, client)
    this.#byBytes.set(client)
    this.#namesChanged()
    if (client.primary !== undefined) (client.primary.secondaries ??= new Set()).add(client)
  }

  #remove(client: LiveClient): void {
    this.#clients.delete(client)
    if (this.#named.get(client.name) === client) {
      this.#named.delete(client.name)
      this.#byBytes.delete(client)
      this.#namesChanged()
    }
    client.primary?.secondaries?.delete(client)
    this.#bus.countDeparted(client)
    client.detach()
    if (client.usage !== undefined) this.#bus.usages.end(client.identity, client.usage)
  }

  /** @param isTold whether others are told that it left; of one that is replaced they are told that */
  #end(client: LiveClient, error: BusError, isTold: boolean): void {
    if (client.isClosed) return
    this.#remove(client)
    for (const secondary of client.secondaries ?? []) this.#end(secondary, error, true)
    if (isTold && client.name !== '') this.#tell(client, 'left', error)
    client.inbox?.end(error)
    this.#bus.ended(client, error)
  }

  #namesChanged(): void {
    this.version += 1
    this.#masks.clear()
  }

  #tell(client: LiveClient, kind: PresenceEvent['kind'], reason?: BusError): void {
    const secondary = client.primary !== undefined
    const event = { kind, name: client.name, secondary, protocol: client.join.protocol, reason }
    for (const listener of this.#listeners) listener(event)
  }
}

const nameless: ClientNames = { name: '', bytes: new Uint8Array(0), primary: undefined }

function replacedError(name: string): BusError {
  return new BusError('aborted', 'replaced', `another client took the name ${JSON.stringify(name)}`)
}

/** A client as listings show it. `queuedBytes` is asked of its inbox. */
export function clientInfo(client: LiveClient, logSubscriptions: number): ClientInfo {
  const { join } = client
  return {
    id: client.id,
    name: client.name,
    user: client.identity.user,
    protocol: join.protocol,
    transport: join.transport ?? join.protocol,
    source: join.source,
    listener: join.listener,
    connectedAtMs: client.connectedAtMs,
    receivedFrames: client.receivedFrames,
    receivedBytes: client.receivedBytes,
    sentFrames: client.sentFrames,
    sentBytes: client.sentBytes,
    subscriptions: client.subscriptionCount + logSubscriptions,
    instances: 1 + (client.secondaries?.size ?? 0),
    queuedBytes: client.inbox?.queuedBytes ?? 0,
    congested: client.isCongested,
  }
}
