/**
 * Live traffic between daemons: publications that are not stored, direct messages, broadcasts and calls, over whatever
 * links are up (ADR 20). Here is what comes and goes with links, what this node tells about itself, and what leaves;
 * what arrives is read by mesh-intake.ts.
 */

import type { Clock, Timer } from '../../core/clock.ts'
import type { LiveBus } from '../../core/live-bus.ts'
import { LiveClient, linkProtocol } from '../../core/live-client.ts'
import type { Callee } from '../../core/calls.ts'
import type { Publication } from '../../core/live.ts'
import type { Logger } from '../../core/logger.ts'
import type { RemoteSide } from '../../core/remote-side.ts'
import type { BusError } from '../../model/errors.ts'
import { daemonIdentity, type Identity } from '../../model/identity.ts'
import { noHeaders } from '../../model/message.ts'
import { nodeKey } from '../../model/node-id.ts'
import type { LiveChannel, LiveReceiver, LiveTraffic } from '../live-channel.ts'
import { LiveCounters } from './live-counters.ts'
import { LocalOffer } from './local-offer.ts'
import { MeshMap } from './mesh-map.ts'
import { MeshEar } from './mesh-ear.ts'
import { MeshIntake, type QueueTraffic } from './mesh-intake.ts'
import { filterOfItem, type MeshNode } from './mesh-node.ts'
import * as records from './mesh-records.ts'
import { MeshLink, MeshRoutes } from './mesh-routes.ts'
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
  readonly intake: MeshIntake
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
      receive: (frame) => running.intake.receive(link, frame),
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
    const { bus, clock, logger } = this.#options
    this.#incarnation = Math.max(this.#incarnation + 1, Math.floor(clock.now()))
    const { registry } = bus
    const inbox = new MeshEar((publication) => this.#publish(publication))
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
    const intake = new MeshIntake({
      bus,
      logger,
      map,
      routes,
      clients,
      calls,
      feeder,
      queues: () => this.queues,
      isRunning: () => this.#running?.map === map,
      findWays: () => this.#findWays(),
      tellAll: (node, links, except) => this.#tellAll(node, links, except),
      outlive: (incarnation) => {
        this.#incarnation = incarnation + 1
        map.own.incarnation = this.#incarnation
        this.#tellAll(map.own, routes.links())
      },
    })
    return { map, routes, offer, clients, calls, ear, feeder, intake }
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
}
