/**
 * Reads what other daemons send over links, keeps the picture of the mesh, and gives each record to whoever it is for:
 * the bus here, or the next node on the way. Everything is checked; what no daemon of ours says costs the link.
 */

import type { LiveBus } from '../../core/live-bus.ts'
import type { LiveClient } from '../../core/live-client.ts'
import type { Logger } from '../../core/logger.ts'
import { ProtocolError } from '../../model/errors.ts'
import { isReservedTopic } from '../../model/message.ts'
import { ByteReader } from './byte-reader.ts'
import type { MeshMap } from './mesh-map.ts'
import { type MeshNode, mostItems, readNodeId } from './mesh-node.ts'
import * as records from './mesh-records.ts'
import type { MeshLink, MeshRoutes } from './mesh-routes.ts'
import { RecentIds } from './recent-ids.ts'
import type { RemoteCalls } from './remote-calls.ts'
import type { RemoteClients } from './remote-clients.ts'

const { kinds } = records

export interface MeshIntakeParts {
  readonly bus: LiveBus
  readonly logger: Logger
  readonly map: MeshMap
  readonly routes: MeshRoutes
  readonly clients: RemoteClients
  readonly calls: RemoteCalls
  /** On whose behalf publications of other nodes are delivered. */
  readonly feeder: LiveClient
  readonly queues: () => QueueTraffic | undefined
  /** False once the last link is down. */
  readonly isRunning: () => boolean
  readonly findWays: () => void
  /** Tells all about a node. */
  readonly tellAll: (node: MeshNode, links: Iterable<MeshLink>, except?: MeshLink) => void
  /** Begins another life of this node, which is later than one that others remember. */
  readonly outlive: (incarnation: number) => void
}

/** What moves messages of queues between nodes. */
export interface QueueTraffic {
  /** A queue message of another node; the reader is borrowed. */
  takeForward(reader: ByteReader, origin: MeshNode): void
  /** What became of one that was sent there. */
  takeForwarded(reader: ByteReader, origin: MeshNode): void
}

export class MeshIntake {
  readonly #parts: MeshIntakeParts
  #saidFull = false

  constructor(parts: MeshIntakeParts) {
    this.#parts = parts
  }

  /** Reads a frame. What is not one costs the link. */
  receive(link: MeshLink, frame: Uint8Array): void {
    try {
      const reader = new ByteReader(frame, 0, frame.length)
      while (!reader.isAtEnd) {
        const start = reader.skip()
        const end = reader.position
        this.#parts.routes.counters.receivedRecords += 1
        this.#parts.routes.counters.receivedBytes += end - start
        this.#record(link, frame, start, end)
        // The link may have been closed in between.
        if (!this.#parts.isRunning()) return
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      link.channel.fail(error)
    }
  }

  #record(link: MeshLink, bytes: Uint8Array, start: number, end: number): void {
    const reader = new ByteReader(bytes, start, end)
    const kind = reader.byte()
    switch (kind) {
      case kinds.hello:
        reader.number()
        return
      case kinds.snapshot:
        this.#takeSnapshot(link, reader)
        return
      case kinds.change:
        this.#takeChange(link, reader, bytes.subarray(start, end))
        return
      case kinds.publication:
      case kinds.broadcast:
        this.#takeSpread(link, kind, reader, start)
        return
      default:
        if (kind <= kinds.forwarded) this.#takeRouted(kind, reader, start)
    }
  }

  #takeSnapshot(link: MeshLink, reader: ByteReader): void {
    const node = this.#nodeTold(reader)
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
    if (!this.#isNews(node, incarnation, version)) return
    if (incarnation !== node.incarnation) node.recent = new RecentIds()
    node.incarnation = incarnation
    node.version = version
    this.#parts.map.replace(node, collected)
    this.#parts.tellAll(node, this.#parts.routes.links(), link)
    this.#parts.findWays()
  }

  #takeChange(link: MeshLink, reader: ByteReader, record: Uint8Array): void {
    const node = this.#nodeTold(reader)
    const incarnation = reader.number()
    const version = reader.number()
    if (node === undefined || !this.#isNews(node, incarnation, version)) return
    if (incarnation !== node.incarnation || version !== node.version + 1) {
      throw new ProtocolError(`news of ${node.text} are missing`)
    }
    const added = records.readItems(reader)
    const gone = records.readItems(reader)
    if (node.items.size + added.length > mostItems) {
      throw new ProtocolError('a node tells too much about itself')
    }
    node.version = version
    this.#parts.map.change(node, added, gone)
    this.#parts.routes.flood(record, link)
    if (added.some(isLink) || gone.some(isLink)) this.#parts.findWays()
    else this.#parts.clients.changed()
  }

  /** The node that a record is about; undefined: there is no room for more. */
  #nodeTold(reader: ByteReader): MeshNode | undefined {
    const start = reader.skip()
    const { map } = this.#parts
    const known = map.byBytes(reader.bytes, start, reader.position)
    if (known !== undefined) return known
    const node = map.open(readNodeId(reader.bytes, start, reader.position))
    if (node === undefined && !this.#saidFull) {
      this.#saidFull = true
      this.#parts.logger.warn('mesh_full', {})
    }
    return node
  }

  #isNews(node: MeshNode, incarnation: number, version: number): boolean {
    const { own } = this.#parts.map
    if (node !== own) {
      if (incarnation !== node.incarnation) return incarnation > node.incarnation
      return version > node.version
    }
    const isOurs = incarnation === own.incarnation && version <= own.version
    if (incarnation >= own.incarnation && !isOurs) {
      // Others remember a life of this node that its clock puts in the future: only a later one is believed.
      this.#parts.outlive(incarnation)
    }
    return false
  }

  #takeSpread(link: MeshLink, kind: number, reader: ByteReader, start: number): void {
    const { map, routes, clients } = this.#parts
    const { counters } = this.#parts.routes
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
      for (const client of this.#parts.bus.registry.matching(mask)) {
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
    const { bus } = this.#parts
    const { position } = reader
    bus.publishRemote(
      this.#parts.feeder,
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

  #takeRouted(kind: number, reader: ByteReader, start: number): void {
    const { map, routes, clients, calls } = this.#parts
    const { bytes, end } = reader
    const hops = reader.byte()
    const targetStart = reader.skip()
    const target = map.byBytes(bytes, targetStart, reader.position)
    const originStart = reader.skip()
    const origin = map.byBytes(bytes, originStart, reader.position)
    if (target === undefined || origin === undefined || origin === map.own) {
      this.#parts.routes.counters.undeliverable += 1
      return
    }
    if (target !== map.own) {
      if (hops <= 1) this.#parts.routes.counters.hopLimit += 1
      const isDroppable = kind === kinds.message
      const isSent = hops > 1 && routes.send(target, bytes, start, end, isDroppable, hops - 1)
      if (isSent) this.#parts.routes.counters.relayed += 1
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
        this.#parts.queues()?.takeForward(reader, origin)
        return
      case kinds.forwarded:
        this.#parts.queues()?.takeForwarded(reader, origin)
    }
  }
}

function isLink(item: string): boolean {
  return item.startsWith('n')
}
