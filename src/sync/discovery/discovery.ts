/**
 * Finds other daemons of this network by multicast DNS (RFC 6762, RFC 6763) and tells them of this one. It only lists:
 * whoever answers there has proved nothing, so nobody is dialled by that.
 *
 * Service `_msgbus._tcp.local`; the TXT record says `node=tenant/bl/device`, `version` and `scheme` (http or https), the
 * SRV record host and port of the gRPC listener.
 */

import makeMdns from 'multicast-dns'
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { formatNodeId, type NodeId } from '../../model/node-id.ts'
import { type Answer, readAnswers, service } from './answers.ts'

export interface DiscoveryOptions {
  readonly node: NodeId
  readonly version: string
  /** Where others reach this daemon; undefined: nowhere, so it only listens. */
  readonly announced: { readonly port: number; readonly scheme: 'http' | 'https' } | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Tests keep to an address and a port of their own. Default: all interfaces, port 5353. */
  readonly interface?: string | undefined
  readonly port?: number | undefined
}

/** A daemon that says that it is there. */
export interface DiscoveredDaemon {
  readonly node: string
  /** `http://host:port` */
  readonly endpoint: string
  /** The endpoint with the node it is to be. */
  readonly peer: string
  readonly version: string
  readonly lastSeenMs: number
}

/** How often it asks, and tells by itself. */
export const askEveryMs = 60_000
/** Whoever was not heard for so long is not listed any more. */
export const forgetAfterMs = 180_000
export const discoveredMost = 1_000
const ttlSeconds = 120

interface Packet {
  readonly answers?: Answer[] | undefined
  readonly additionals?: Answer[] | undefined
}

interface Found extends DiscoveredDaemon {
  readonly seenAt: number
}

export class Discovery {
  readonly #options: DiscoveryOptions
  readonly #mdns: makeMdns.MulticastDNS
  readonly #instance: string
  readonly #host: string
  readonly #found = new Map<string, Found>()
  #timer: Timer | undefined
  #isClosed = false
  #lastWarning = ''
  /** Told of every daemon that is new. */
  onFound: ((daemon: DiscoveredDaemon) => void) | undefined

  constructor(options: DiscoveryOptions) {
    this.#options = options
    const { node, port, logger } = options
    const text = formatNodeId(node)
    // Labels have 63 bytes; the name says who it is to people, the hash makes it unique.
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 12)
    this.#instance = `msgbus-${digest}.${service}`
    this.#host = `${hostname().split('.')[0] ?? 'localhost'}.local`
    // A socket that is bound to one address gets no multicast.
    const place =
      options.interface === undefined ? {} : { interface: options.interface, bind: '0.0.0.0' }
    this.#mdns = makeMdns({ ...place, ...(port === undefined ? {} : { port }), loopback: true })
    const warn = (error: Error) => {
      if (error.message === this.#lastWarning) return
      this.#lastWarning = error.message
      logger.warn('discovery_problem', { message: error.message })
    }
    this.#mdns.on('error', warn)
    // Packets that cannot be read, among others.
    this.#mdns.on('warning', warn)
    this.#mdns.on('response', (packet, { address }) => this.#heard(packet, address))
    this.#mdns.on('query', ({ questions = [] }) => {
      if (questions.some(({ name, type }) => name === service && isAboutUs(type))) this.#tell()
    })
    this.#mdns.on('ready', () => this.#ask())
  }

  /** By node. */
  nodes(): DiscoveredDaemon[] {
    const now = this.#options.clock.monotonic()
    for (const [node, { seenAt }] of this.#found) {
      if (seenAt + forgetAfterMs < now) this.#found.delete(node)
    }
    return [...this.#found.values()]
      .map(({ node, endpoint, peer, version, lastSeenMs }) => {
        return { node, endpoint, peer, version, lastSeenMs }
      })
      .sort((one, two) => (one.node < two.node ? -1 : 1))
  }

  /** Says that this daemon goes, and stops. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#tell(0)
    this.#isClosed = true
    this.#timer?.cancel()
    await new Promise<void>((resolve) => {
      // What was just written leaves before the socket closes.
      setImmediate(() => this.#mdns.destroy(() => resolve()))
    })
  }

  #ask(): void {
    if (this.#isClosed) return
    this.#mdns.query([{ name: service, type: 'PTR' }])
    this.#tell()
    this.#timer = this.#options.clock.after(askEveryMs, () => this.#ask())
  }

  /** @param ttl seconds; 0: it goes */
  #tell(ttl = ttlSeconds): void {
    const { announced, node, version } = this.#options
    if (announced === undefined || this.#isClosed) return
    const { port, scheme } = announced
    const texts = [`node=${formatNodeId(node)}`, `version=${version}`, `scheme=${scheme}`]
    // A text of the record has 255 bytes at most; the parts of a node id may be longer.
    if (texts.some((text) => Buffer.byteLength(text) > 255)) return
    const name = this.#instance
    this.#mdns.respond({
      answers: [
        { name: service, type: 'PTR', ttl, data: name },
        { name, type: 'SRV', ttl, data: { port, target: this.#host, priority: 0, weight: 0 } },
        { name, type: 'TXT', ttl, data: texts },
      ],
    })
  }

  #heard({ answers = [], additionals = [] }: Packet, address: string): void {
    for (const told of readAnswers([...answers, ...additionals])) {
      if (told.node === formatNodeId(this.#options.node)) continue
      if (told.isGoing) {
        this.#found.delete(told.node)
        continue
      }
      const known = this.#found.get(told.node)
      if (known === undefined && this.#found.size >= discoveredMost) continue
      const { clock } = this.#options
      // The address that the packet came from, which says more than a name that few can resolve.
      const host = address.includes(':') ? `[${address}]` : address
      const endpoint = `${told.scheme}://${host}:${told.port}`
      const peer = `${endpoint}=${told.node}`
      const { node, version } = told
      const stamps = { lastSeenMs: clock.now(), seenAt: clock.monotonic() }
      const found = { node, endpoint, peer, version, ...stamps }
      this.#found.set(node, found)
      if (known === undefined) this.onFound?.(found)
    }
  }
}

function isAboutUs(type: string | undefined): boolean {
  return type === 'PTR' || type === 'ANY'
}
