/**
 * Live traffic between daemons: publications that are not stored, direct messages, broadcasts and calls, over whatever
 * links are up (ADR 20). It reads frames, keeps the picture of the mesh, and gives each record to whoever it is for:
 * the bus here, or the next node on the way.
 */

import type { Clock, Timer } from '../../core/clock.ts'
import type { LiveBus } from '../../core/live-bus.ts'
import { LiveClient, linkProtocol } from '../../core/live-client.ts'
import type { Callee } from '../../core/calls.ts'
import type { Inbox, Publication } from '../../core/live.ts'
import type { Logger } from '../../core/logger.ts'
import type { RemoteSide } from '../../core/remote-side.ts'
import { type BusError, ProtocolError } from '../../model/errors.ts'
import { daemonIdentity, type Identity } from '../../model/identity.ts'
import { isReservedTopic, noHeaders } from '../../model/message.ts'
import { nodeKey } from '../../model/node-id.ts'
import type { LiveChannel, LiveReceiver, LiveTraffic } from '../live-channel.ts'
import { ByteReader } from './byte-reader.ts'
import { LiveCounters } from './live-counters.ts'
import { LocalOffer } from './local-offer.ts'
import { MeshMap } from './mesh-map.ts'
import { filterOfItem, type MeshNode, mostItems, readNodeId } from './mesh-node.ts'
import * as records from './mesh-records.ts'
import { MeshLink, MeshRoutes } from './mesh-routes.ts'
import { RecentIds } from './recent-ids.ts'
import { RemoteCalls } from './remote-calls.ts'
import { RemoteClients, userOf } from './remote-clients.ts'

const { kinds } = records
/** Changes of what this node tells are told together. */
const tellAfterMs = 5
/** How long whoever feeds a link that has no room waits for it. */
export const waitMs = 100
/** Publications of a node are numbered from its incarnation on, so that no number comes twice, also after a restart. */
const sequencesPerMs = 1_000

export interface LiveMeshOptions {
  readonly bus: LiveBus
  readonly clock: Clock
  readonly logger: Logger
}

/** A node of the mesh as people see it. */
export interface MeshNodeInfo {
  readonly node: string
  readonly hops: number
  readonly clients: number
  readonly procedures: number
  readonly filters: number
}

/** What exists while at least one link is up. */
interface Running {
  readonly map: MeshMap
  readonly routes: MeshRoutes
  readonly offer: LocalOffer
  readonly clients: RemoteClients
  readonly calls: RemoteCalls
  /** Subscribes to what other nodes want. */
  readonly ear: LiveClient
  /** On whose behalf publications of other nodes are delivered. */
  readonly feeder: LiveClient
}

export class LiveMesh implements LiveTraffic, RemoteSide {
  readonly counters = new LiveCounters()
  readonly #options: LiveMeshOptions
  #running: Running | undefined
  #incarnation = 0
  #nextSequence = 0
  #telling: Timer | undefined
  #forgetting: Timer | undefined
  #waiting: Timer | undefined
  #saidFull = false
  /** Told of every node that became reachable. */
  onReachable: ((node: MeshNode) => void) | undefined
  /** Takes records of queues between nodes. */
  queues: QueueTraffic | undefined

  constructor(options: LiveMeshOptions) {
    this.#options = options
  }

  get routes(): MeshRoutes | undefined {
    return this.#running?.routes
  }

  /** How somebody of another node is seen by rules; undefined while no link is up. */
  identityOf(user: string, node: MeshNode): Identity | undefined {
    return this.#running?.clients.identityOf(user, node)
  }

  /** Calls to and from other nodes that are under way. */
  get callsInFlight(): number {
    return this.#running?.calls.size ?? 0
  }

  /** Other nodes that can be reached. */
  get reachableCount(): number {
    let count = 0
    for (const _ of this.#running?.map.reachable() ?? []) count += 1
    return count
  }

  /** The other nodes that can be reached, the nearest first. */
  nodes(): MeshNodeInfo[] {
    const infos: MeshNodeInfo[] = []
    for (const { text, hops, items } of this.#running?.map.reachable() ?? []) {
      const count = (letter: string) => [...items].filter((item) => item.startsWith(letter)).length
      const filters = count('f') + count('e')
      infos.push({ node: text, hops, clients: count('c'), procedures: count('p'), filters })
    }
    return infos.sort((one, two) => one.hops - two.hops || (one.node < two.node ? -1 : 1))
  }

  open(channel: LiveChannel): LiveReceiver {
    const running = (this.#running ??= this.#start())
    const { map, routes } = running
    const link = new MeshLink(channel, nodeKey(channel.peer), this.counters)
    const isFirst = routes.add(link)
    map.open(channel.peer)
    const hello = records.helloRecord()
    link.outbox.add(hello, 0, hello.length, false)
    // With our own first: the peer learns who tells it the rest.
    for (const node of map.nodes) if (node.incarnation > 0) this.#tellAll(node, [link])
    if (isFirst) this.#change([`n${link.key}`], [])
    this.#findWays()
    return {
      receive: (frame) => this.#receive(link, frame),
      onRoom: () => {
        link.outbox.resume()
        this.#hasRoom(running)
      },
      close: () => this.#closed(running, link),
    }
  }

  find(bytes: Uint8Array, start: number, end: number): LiveClient | undefined {
    return this.#running?.clients.find(bytes, start, end)
  }

  whyUnknown(name: string): BusError | undefined {
    return this.#running?.clients.whyUnknown(name)
  }

  callee(procedure: string): Callee | undefined {
    return this.#running?.calls.find(procedure)
  }

  broadcast(
    sender: LiveClient,
    mask: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): number {
    const running = this.#running
    // What the daemon itself says is for those who are here.
    if (running === undefined || sender.isElsewhere || sender.isDaemon) return 0
    const { map, routes } = running
    const { nodes, clients } = map.matching(mask)
    if (nodes.length === 0) return 0
    this.#tellNow()
    const record = records.beginSpread(kinds.broadcast, map.own, this.#sequence())
    const meta = { realtime, isAcknowledged: false, user: userOf(sender), headers: noHeaders }
    records.writeFlags(meta)
    record.text(mask).text(sender.name)
    records.writeMeta(meta)
    record.raw(bytes, start, end)
    routes.spread(nodes, undefined, record.view(), 0, record.length)
    return clients
  }

  /** Ends all links. */
  close(): void {
    const running = this.#running
    if (running === undefined) return
    for (const link of Array.from(running.routes.links())) this.#closed(running, link)
  }

  #start(): Running {
    const { bus, clock } = this.#options
    this.#incarnation = Math.max(this.#incarnation + 1, Math.floor(clock.now()))
    const { registry } = bus
    const inbox = new Ear((publication) => this.#publish(publication))
    const ear = registry.join(daemonIdentity, { protocol: linkProtocol, inbox })
    const feeder = registry.join(daemonIdentity, { protocol: linkProtocol })
    const map = new MeshMap({
      own: bus.node,
      onFilter: (item, isThere) => this.#listen(ear, item, isThere),
      onChange: () => this.#running?.clients.changed(),
    })
    map.own.incarnation = this.#incarnation
    map.own.version = 1
    const routes = new MeshRoutes(map, this.counters)
    routes.onFull = () => this.#waitForRoom()
    routes.tellNews = () => this.#tellNow()
    const clients = new RemoteClients(bus, routes)
    const calls = new RemoteCalls(bus, routes, clients)
    const offer = new LocalOffer(bus, () => this.#tellSoon())
    const { added } = offer.take()
    map.change(map.own, added, [])
    bus.remote = this
    return { map, routes, offer, clients, calls, ear, feeder }
  }

  #closed(running: Running, link: MeshLink): void {
    link.outbox.close()
    const { routes, offer, calls, ear, feeder } = running
    if (this.#running !== running) return
    if (routes.remove(link)) this.#change([], [`n${link.key}`])
    if (routes.size > 0) {
      this.#findWays()
      this.#hasRoom(running)
      return
    }
    this.#telling?.cancel()
    this.#telling = undefined
    this.#forgetting?.cancel()
    this.#waiting?.cancel()
    this.#waiting = undefined
    this.#running = undefined
    const { bus } = this.#options
    bus.remote = undefined
    offer.close()
    calls.close()
    running.clients.hasRoom()
    bus.registry.leave(ear)
    bus.registry.leave(feeder)
    bus.registry.remoteChanged()
  }

  // What this node tells of itself.

  #tellSoon(): void {
    this.#telling ??= this.#options.clock.after(tellAfterMs, () => this.#tellNow())
  }

  #tellNow(): void {
    if (this.#telling === undefined) return
    this.#telling.cancel()
    this.#telling = undefined
    const change = this.#running?.offer.take()
    if (change !== undefined) this.#change(change.added, change.gone)
  }

  #change(added: readonly string[], gone: readonly string[]): void {
    const running = this.#running
    if (running === undefined || added.length + gone.length === 0) return
    const { map, routes } = running
    map.change(map.own, added, gone)
    map.own.version += 1
    routes.flood(records.changeRecord(map.own, added, gone))
  }

  #tellAll(node: MeshNode, links: Iterable<MeshLink>, except?: MeshLink): void {
    for (const link of links) {
      if (link === except) continue
      for (const record of records.snapshotRecords(node)) {
        link.outbox.add(record, 0, record.length, false)
      }
    }
  }

  /** Subscribes to what some node wants, or not any more. */
  #listen(ear: LiveClient, item: string, isWanted: boolean): void {
    const filter = filterOfItem(item)
    if (filter === undefined) return
    if (!isWanted) {
      ear.unsubscribe(filter)
      return
    }
    try {
      ear.subscribe(filter)
    } catch {
      // It is longer than topics may be here, or they are too many: what it would match stays here.
      this.counters.denied += 1
    }
  }

  #findWays(): void {
    const running = this.#running
    if (running === undefined) return
    const { clock } = this.#options
    const { map, routes, calls } = running
    const before = new Set([...map.reachable()].map(({ key }) => key))
    map.findWays(routes.neighbours, clock.monotonic())
    calls.waysChanged()
    this.#forgetting?.cancel()
    const at = map.nextForgetAt()
    this.#forgetting = undefined
    if (at !== undefined) {
      const delay = Math.max(1, at - clock.monotonic())
      this.#forgetting = clock.after(delay, () => this.#findWays())
    }
    for (const node of map.reachable()) if (!before.has(node.key)) this.onReachable?.(node)
  }

  // Publications from here.

  #publish(publication: Publication): void {
    const running = this.#running
    // What is stored travels in logs; what came by a link was passed on before it was delivered here.
    if (running === undefined || publication.sequence !== 0 || !publication.isLocal) return
    const { topic, sender, headers, realtime, isAcknowledged } = publication
    if (sender instanceof LiveClient && sender.isDaemon) return
    const { map, routes } = running
    const nodes = map.wanting(topic.name)
    if (nodes.length === 0) return
    this.#tellNow()
    const record = records.beginSpread(kinds.publication, map.own, this.#sequence())
    const meta = { realtime, isAcknowledged, user: userOf(sender), headers }
    records.writeFlags(meta)
    record.bytes(topic.bytes).text(sender.name)
    records.writeMeta(meta)
    record.raw(publication.bytes, publication.start, publication.end)
    routes.spread(nodes, topic.name, record.view(), 0, record.length)
    if (routes.isFull) {
      running.ear.congested(true)
      this.#waitForRoom()
    }
  }

  // Links that have no room.

  #waitForRoom(): void {
    this.#waiting ??= this.#options.clock.after(waitMs, () => {
      this.#waiting = undefined
      const running = this.#running
      if (running === undefined || !running.routes.isFull) return
      running.routes.giveUp()
      running.clients.giveUp()
      running.ear.congested(false)
    })
  }

  #hasRoom({ routes, clients, ear }: Running): void {
    if (routes.isFull) return
    this.#waiting?.cancel()
    this.#waiting = undefined
    clients.hasRoom()
    ear.congested(false)
  }

  #sequence(): number {
    const least = (this.#running?.map.own.incarnation ?? 0) * sequencesPerMs
    this.#nextSequence = Math.max(this.#nextSequence + 1, least)
    return this.#nextSequence
  }

  // What comes by links.

  #receive(link: MeshLink, frame: Uint8Array): void {
    try {
      const reader = new ByteReader(frame, 0, frame.length)
      while (!reader.isAtEnd) {
        const start = reader.skip()
        const end = reader.position
        this.counters.receivedRecords += 1
        this.counters.receivedBytes += end - start
        this.#record(link, frame, start, end)
        // The link may have been closed in between.
        if (this.#running === undefined) return
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      link.channel.fail(error)
    }
  }

  #record(link: MeshLink, bytes: Uint8Array, start: number, end: number): void {
    const running = this.#running
    if (running === undefined) return
    const reader = new ByteReader(bytes, start, end)
    const kind = reader.byte()
    switch (kind) {
      case kinds.hello:
        reader.number()
        return
      case kinds.snapshot:
        this.#takeSnapshot(running, link, reader)
        return
      case kinds.change:
        this.#takeChange(running, link, reader, bytes.subarray(start, end))
        return
      case kinds.publication:
      case kinds.broadcast:
        this.#takeSpread(running, link, kind, reader, start)
        return
      default:
        if (kind <= kinds.forwarded) this.#takeRouted(running, kind, reader, start)
    }
  }

  #takeSnapshot(running: Running, link: MeshLink, reader: ByteReader): void {
    const node = this.#nodeTold(running, reader)
    const incarnation = reader.number()
    const version = reader.number()
    const part = reader.byte()
    const items = records.readItems(reader)
    if (node === undefined) return
    const key = node.key
    if ((part & 1) !== 0) link.parts.set(key, new Set())
    const collected = link.parts.get(key)
    if (collected === undefined) throw new ProtocolError('a snapshot begins in its middle')
    for (const item of items) collected.add(item)
    if (collected.size > mostItems) throw new ProtocolError('a node tells too much about itself')
    if ((part & 2) === 0) return
    link.parts.delete(key)
    if (!this.#isNews(running, node, incarnation, version)) return
    if (incarnation !== node.incarnation) node.recent = new RecentIds()
    node.incarnation = incarnation
    node.version = version
    running.map.replace(node, collected)
    this.#tellAll(node, running.routes.links(), link)
    this.#findWays()
  }

  #takeChange(running: Running, link: MeshLink, reader: ByteReader, record: Uint8Array): void {
    const node = this.#nodeTold(running, reader)
    const incarnation = reader.number()
    const version = reader.number()
    if (node === undefined || !this.#isNews(running, node, incarnation, version)) return
    if (incarnation !== node.incarnation || version !== node.version + 1) {
      throw new ProtocolError(`news of ${node.text} are missing`)
    }
    const added = records.readItems(reader)
    const gone = records.readItems(reader)
    if (node.items.size + added.length > mostItems) {
      throw new ProtocolError('a node tells too much about itself')
    }
    node.version = version
    running.map.change(node, added, gone)
    running.routes.flood(record, link)
    if (added.some(isLink) || gone.some(isLink)) this.#findWays()
    else running.clients.changed()
  }

  /** The node that a record is about; undefined: there is no room for more. */
  #nodeTold({ map }: Running, reader: ByteReader): MeshNode | undefined {
    const start = reader.skip()
    const known = map.byBytes(reader.bytes, start, reader.position)
    if (known !== undefined) return known
    const node = map.open(readNodeId(reader.bytes, start, reader.position))
    if (node === undefined && !this.#saidFull) {
      this.#saidFull = true
      this.#options.logger.warn('mesh_full', {})
    }
    return node
  }

  #isNews(running: Running, node: MeshNode, incarnation: number, version: number): boolean {
    const { own } = running.map
    if (node !== own) {
      if (incarnation !== node.incarnation) return incarnation > node.incarnation
      return version > node.version
    }
    const isOurs = incarnation === own.incarnation && version <= own.version
    if (incarnation >= own.incarnation && !isOurs) {
      // Others remember a life of this node that its clock puts in the future: only a later one is believed.
      this.#incarnation = incarnation + 1
      own.incarnation = this.#incarnation
      this.#tellAll(own, running.routes.links())
    }
    return false
  }

  #takeSpread(
    running: Running,
    link: MeshLink,
    kind: number,
    reader: ByteReader,
    start: number,
  ): void {
    const { map, routes, clients } = running
    const { counters } = this
    const { bytes, end } = reader
    const hops = reader.byte()
    const originStart = reader.skip()
    const origin = map.byBytes(bytes, originStart, reader.position)
    const sequence = reader.number()
    if (origin === undefined || origin === map.own) {
      counters[origin === undefined ? 'undeliverable' : 'duplicates'] += 1
      return
    }
    if (!origin.recent.add(sequence)) {
      counters.duplicates += 1
      return
    }
    const flags = reader.byte()
    const nameStart = reader.skip()
    const nameEnd = reader.position
    const sender = clients.senderOf(reader.text(), origin)
    const user = records.readUser(reader, flags)
    const from = { link, origin, hops: hops - 1 }
    if (kind === kinds.broadcast) {
      const mask = new ByteReader(bytes, nameStart, nameEnd).restText()
      const { nodes } = map.matching(mask)
      // First, since whoever receives it may answer.
      if (hops > 1) routes.spread(nodes, undefined, bytes, start, end, from)
      else if (nodes.length > 0) counters.hopLimit += 1
      if (!clients.isAllowed(user, origin, 'broadcast', mask)) return
      for (const client of this.#options.bus.registry.matching(mask)) {
        if (client.isCongested) counters.dropped += 1
        else client.inbox?.broadcast(sender, bytes, reader.position, end, records.isRealtime(flags))
      }
      return
    }
    const headers = records.readHeaders(reader, flags)
    const name = new ByteReader(bytes, nameStart, nameEnd).restText()
    if (name === '' || isReservedTopic(name) || !link.mayCross(name, 'in')) {
      counters.denied += 1
      return
    }
    const wanting = map.wanting(name)
    if (hops > 1) routes.spread(wanting, name, bytes, start, end, from)
    else if (wanting.length > 0) counters.hopLimit += 1
    if (!clients.isAllowed(user, origin, 'publish', name)) return
    const { bus } = this.#options
    const { position } = reader
    bus.publishRemote(
      running.feeder,
      sender,
      origin.id,
      bus.topics.byName(name),
      bytes,
      position,
      end,
      records.isRealtime(flags),
      headers,
      records.isAcknowledged(flags),
    )
  }

  #takeRouted(running: Running, kind: number, reader: ByteReader, start: number): void {
    const { map, routes, clients, calls } = running
    const { bytes, end } = reader
    const hops = reader.byte()
    const targetStart = reader.skip()
    const target = map.byBytes(bytes, targetStart, reader.position)
    const originStart = reader.skip()
    const origin = map.byBytes(bytes, originStart, reader.position)
    if (target === undefined || origin === undefined || origin === map.own) {
      this.counters.undeliverable += 1
      return
    }
    if (target !== map.own) {
      if (hops <= 1) this.counters.hopLimit += 1
      const isDroppable = kind === kinds.message
      const isSent = hops > 1 && routes.send(target, bytes, start, end, isDroppable, hops - 1)
      if (isSent) this.counters.relayed += 1
      else if (kind === kinds.call) {
        calls.refuse(origin, target, reader.number())
      }
      return
    }
    switch (kind) {
      case kinds.message:
        clients.take(reader, origin)
        return
      case kinds.call:
        calls.take(reader, origin)
        return
      case kinds.result:
        calls.takeResult(reader, origin)
        return
      case kinds.failure:
        calls.takeFailure(reader, origin)
        return
      case kinds.cancel:
        calls.takeCancel(reader, origin)
        return
      case kinds.forward:
        this.queues?.takeForward(reader, origin)
        return
      case kinds.forwarded:
        this.queues?.takeForwarded(reader, origin)
    }
  }
}

function isLink(item: string): boolean {
  return item.startsWith('n')
}

/** What moves messages of queues between nodes. */
export interface QueueTraffic {
  /** A queue message of another node; the reader is borrowed. */
  takeForward(reader: ByteReader, origin: MeshNode): void
  /** What became of one that was sent there. */
  takeForwarded(reader: ByteReader, origin: MeshNode): void
}

/** Hears the publications that other nodes want. */
class Ear implements Inbox {
  readonly queuedBytes = 0
  readonly publication: (publication: Publication) => void

  constructor(publication: (publication: Publication) => void) {
    this.publication = publication
  }

  message(): void {
    // It has no name.
  }

  broadcast(): void {
    // It has no name.
  }

  pause(): void {
    // It feeds nobody.
  }

  resume(): void {
    // It feeds nobody.
  }

  end(): void {
    // The mesh closes it.
  }
}
