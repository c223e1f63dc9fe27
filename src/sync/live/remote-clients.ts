/**
 * The clients of other nodes: who stands for them here, and messages to and from them. A client elsewhere is called
 * `client@tenant/bl/device`, or `client@device` where one node alone has that device id, or by its name alone where
 * nobody here and one other node alone has that name.
 */

import { LiveClient, linkProtocol } from '../../core/live-client.ts'
import type { LiveBus } from '../../core/live-bus.ts'
import { unnamedSender } from '../../core/live-publication.ts'
import type { Inbox, Sender } from '../../core/live.ts'
import { BusError } from '../../model/errors.ts'
import { daemonIdentity, type Identity } from '../../model/identity.ts'
import { noHeaders } from '../../model/message.ts'
import type { ByteReader } from './byte-reader.ts'
import type { MeshNode } from './mesh-node.ts'
import { beginRouted, isRealtime, kinds, readUser, writeFlags, writeMeta } from './mesh-records.ts'
import type { MeshRoutes } from './mesh-routes.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const rememberedClients = 10_000
const rememberedNames = 10_000
const rememberedUsers = 1_000
/** Group of everybody who comes by a link, for rules. */
export const peersGroup = 'peers'

/** The user a client acts as here: its user there, and where that is. */
export function remoteUser(user: string, node: MeshNode): string {
  return `${user === '' ? 'anonymous' : user}@${node.text}`
}

export class RemoteClients {
  readonly #bus: LiveBus
  readonly #routes: MeshRoutes
  readonly #clients = new Map<string, { readonly node: MeshNode; readonly client: LiveClient }>()
  /** What names were found to mean, until anything changes. */
  readonly #found = new Map<string, LiveClient | undefined>()
  readonly #identities = new Map<string, Identity>()
  /** Had no room when somebody sent to them. */
  readonly #congested = new Set<LiveClient>()

  constructor(bus: LiveBus, routes: MeshRoutes) {
    this.#bus = bus
    this.#routes = routes
  }

  find(bytes: Uint8Array, start: number, end: number): LiveClient | undefined {
    const name = decoder.decode(bytes.subarray(start, end))
    const known = this.#found.get(name)
    if (known !== undefined || this.#found.has(name)) return known
    const found = this.#look(name)
    if (this.#found.size >= rememberedNames) this.#found.clear()
    this.#found.set(name, found)
    return found
  }

  /** Names or ways have changed. */
  changed(): void {
    this.#found.clear()
    this.#bus.registry.remoteChanged()
  }

  /** A link has room again. */
  hasRoom(): void {
    for (const client of this.#congested) client.congested(false)
    this.#congested.clear()
  }

  /** A link has had none for so long that nobody waits for it. */
  giveUp(): void {
    for (const client of this.#congested) client.refuse()
  }

  whyUnknown(name: string): BusError | undefined {
    const { map } = this.#routes
    const nodes = map.holding(`c${name}`)
    if (nodes.length > 1) {
      const names = nodes.slice(0, 10).map(({ text }) => `${name}@${text}`)
      const text = `${nodes.length} nodes have a client ${JSON.stringify(name)}; say which: ${names.join(', ')}`
      return new BusError('failed_precondition', 'ambiguous_name', text)
    }
    const at = name.lastIndexOf('@')
    if (at < 1) return undefined
    const node = map.named(name.slice(at + 1))
    if (node?.isReachable === true) return undefined
    const text = `no client has the name ${JSON.stringify(name)}, and no node of that name can be reached`
    return new BusError('not_found', 'unknown_client', text)
  }

  /** How somebody who comes by a link is seen by rules. */
  identityOf(user: string, node: MeshNode): Identity {
    const name = remoteUser(user, node)
    let identity = this.#identities.get(name)
    if (identity === undefined) {
      // Who was nobody there is nobody here.
      const method = user === '' ? 'none' : 'link'
      identity = { user: name, groups: [peersGroup], method }
      if (this.#identities.size >= rememberedUsers) this.#identities.clear()
      this.#identities.set(name, identity)
    }
    return identity
  }

  /** As whom a client of another node sends. */
  senderOf(name: string, node: MeshNode): Sender {
    return name === '' ? unnamedSender : this.#of(name, node)
  }

  /** A message for a client here. */
  take(reader: ByteReader, origin: MeshNode): void {
    const { counters } = this.#routes
    const { bytes } = reader
    const flags = reader.byte()
    const nameStart = reader.skip()
    const target = this.#bus.registry.byBytes(bytes, nameStart, reader.position)
    const sender = this.senderOf(reader.text(), origin)
    const user = readUser(reader, flags)
    if (target?.inbox === undefined || target.isCongested) {
      counters[target?.isCongested === true ? 'dropped' : 'undeliverable'] += 1
      return
    }
    if (!this.isAllowed(user, origin, 'send', target.name)) return
    const { position, end } = reader
    target.inbox.message(sender, bytes, position, end, isRealtime(flags))
  }

  isAllowed(
    user: string,
    node: MeshNode,
    action: 'send' | 'publish' | 'broadcast',
    resource: string,
  ): boolean {
    const bus = this.#bus
    const subject = { identity: this.identityOf(user, node), name: '' }
    if (bus.isAllowed(subject, action, resource)) return true
    this.#routes.counters.denied += 1
    return false
  }

  #look(name: string): LiveClient | undefined {
    const { map } = this.#routes
    const at = name.lastIndexOf('@')
    const node = at < 1 ? undefined : map.named(name.slice(at + 1))
    if (node !== undefined) {
      const client = name.slice(0, at)
      if (node === map.own) return this.#bus.registry.byName(client)
      if (!node.isReachable) return undefined
      // Clients of daemons are not told, but answers go to them.
      const mayBeThere = node.hasClient(client) || node.isTruncated || client.startsWith('.')
      return mayBeThere ? this.#of(client, node) : undefined
    }
    const [only, ...more] = map.holding(`c${name}`)
    return only === undefined || more.length > 0 ? undefined : this.#of(name, only)
  }

  #of(name: string, node: MeshNode): LiveClient {
    const full = `${name}@${node.text}`
    const known = this.#clients.get(full)
    // A node that was forgotten and came back is another object.
    if (known?.node === node) return known.client
    const inbox = new RemoteInbox(name, node, this.#routes)
    const join = { name: full, inbox, protocol: linkProtocol }
    const names = { name: full, bytes: encoder.encode(full), primary: undefined }
    const client = new LiveClient(this.#bus, 0, daemonIdentity, join, names)
    inbox.onFull = () => {
      client.congested(true)
      this.#congested.add(client)
      this.#routes.onFull()
    }
    if (this.#clients.size >= rememberedClients) this.#clients.clear()
    this.#clients.set(full, { node, client })
    return client
  }
}

/** Takes what is for a client of another node, and sends it there. */
class RemoteInbox implements Inbox {
  readonly queuedBytes = 0
  onFull: () => void = () => undefined
  readonly #name: string
  readonly #node: MeshNode
  readonly #routes: MeshRoutes

  constructor(name: string, node: MeshNode, routes: MeshRoutes) {
    this.#name = name
    this.#node = node
    this.#routes = routes
  }

  message(sender: Sender, bytes: Uint8Array, start: number, end: number, realtime: boolean): void {
    const routes = this.#routes
    const node = this.#node
    routes.tellNews()
    const record = beginRouted(kinds.message, node, routes.map.own)
    const meta = { realtime, isAcknowledged: false, user: userOf(sender), headers: noHeaders }
    writeFlags(meta)
    record.text(this.#name).text(sender.name)
    writeMeta(meta)
    record.raw(bytes, start, end)
    routes.send(node, record.view(), 0, record.length, true)
    const outbox = routes.to(node)?.outbox
    if (outbox?.isFull === true && !outbox.isGivenUp) this.onFull()
  }

  broadcast(): void {
    // Names are matched at their own node.
  }

  publication(): void {
    // It subscribes to nothing.
  }

  pause(): void {
    // It never sends.
  }

  resume(): void {
    // It never sends.
  }

  end(): void {
    // It is in no registry that would end it.
  }
}

/** The user behind a sender; empty: nobody authenticated. */
export function userOf(sender: Sender): string {
  if (!(sender instanceof LiveClient) || sender.identity.method === 'none') return ''
  return sender.identity.user
}
