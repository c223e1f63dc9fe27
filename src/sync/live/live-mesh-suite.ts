/**
 * A mesh in one process for tests: buses over memory stores on one clock, and links between them that hold every
 * frame until the test lets it pass.
 */

import { ManualClock } from '../../core/manual-clock.ts'
import { TestClient, type TestClientOptions } from '../../core/live-suite.ts'
import { silentLogger } from '../../core/logger.ts'
import { MsgBus, type MsgBusOptions } from '../../core/msg-bus.ts'
import { defaultLimits } from '../../model/limits.ts'
import type { NodeId } from '../../model/node-id.ts'
import { openMemoryLogStore } from '../../stores/memory/memory-log-store.ts'
import type { LogStore } from '../../core/log-store.ts'
import type { LiveChannel, LiveReceiver } from '../live-channel.ts'
import { LiveMesh } from './live-mesh.ts'
import { QueueForwarder, type QueueForwarderOptions } from './queue-forwarder.ts'

export const nodeNamed = (deviceId: string): NodeId => {
  return { tenantId: 'tenant', blName: 'default', deviceId }
}

/** `client` at the node of a device, in full. */
export const at = (client: string, device: string) => `${client}@tenant/default/${device}`

export class TestMeshNode {
  readonly bus: MsgBus
  readonly store: LogStore
  readonly mesh: LiveMesh
  readonly name: string
  forwarder: QueueForwarder | undefined

  constructor(name: string, bus: MsgBus, store: LogStore, clock: ManualClock) {
    this.name = name
    this.bus = bus
    this.store = store
    this.mesh = new LiveMesh({ bus: bus.live, clock, logger: silentLogger })
  }

  join(name?: string, options?: TestClientOptions): TestClient {
    return new TestClient(this.bus, name, options)
  }

  /** Queue messages for other nodes leave, and come, from now on. */
  async forward(options: Partial<QueueForwarderOptions> = {}): Promise<QueueForwarder> {
    const { bus, store, mesh } = this
    const { clock } = bus
    const common = { bus, store, mesh, clock, random: () => 0, logger: silentLogger }
    return (this.forwarder = await QueueForwarder.open({ ...common, ...options }))
  }

  /** Devices that it can reach. */
  get reaches(): string[] {
    return this.mesh.nodes().map(({ node }) => node.slice(node.lastIndexOf('/') + 1))
  }
}

/** One direction of a link. */
class TestChannel implements LiveChannel {
  readonly peer: NodeId
  readonly isOutgoing: boolean
  readonly mayCross
  readonly frames: Uint8Array[] = []
  /** Frames that it takes before it has no room. */
  room = Infinity
  failure: Error | undefined
  readonly #link: TestLink

  constructor(peer: NodeId, isOutgoing: boolean, link: TestLink) {
    this.peer = peer
    this.isOutgoing = isOutgoing
    this.#link = link
    this.mayCross = {
      topic: (topic: string, direction: 'in' | 'out') =>
        !link.forbidden.has(`${direction} ${topic}`),
    }
  }

  send(frame: Uint8Array): boolean {
    this.frames.push(frame)
    return this.frames.length < this.room
  }

  fail(error: Error): void {
    this.failure = error
    this.#link.cut()
  }
}

export class TestLink {
  readonly forbidden = new Set<string>()
  readonly ends: readonly [TestChannel, TestChannel]
  readonly receivers: readonly [LiveReceiver, LiveReceiver]
  isUp = true
  readonly #between: readonly TestMeshNode[]
  /** Frames stay where they are. */
  isHeld = false

  constructor(one: TestMeshNode, two: TestMeshNode) {
    this.#between = [one, two]
    this.ends = [
      new TestChannel(two.bus.node, true, this),
      new TestChannel(one.bus.node, false, this),
    ]
    this.receivers = [one.mesh.open(this.ends[0]), two.mesh.open(this.ends[1])]
  }

  concerns(node: TestMeshNode): boolean {
    return this.#between.includes(node)
  }

  /** Lets what is on its way pass; returns how many frames that were. */
  async pass(): Promise<number> {
    if (this.isHeld) return 0
    let passed = 0
    for (const [i, { frames }] of this.ends.entries()) {
      for (let frame = frames.shift(); frame !== undefined && this.isUp; frame = frames.shift()) {
        passed += 1
        await this.receivers[1 - i]?.receive(frame)
      }
      if (this.isUp && passed > 0) this.receivers[i]?.onRoom()
    }
    return passed
  }

  /** What is on its way is lost. */
  cut(): void {
    if (!this.isUp) return
    this.isUp = false
    for (const { frames } of this.ends) frames.length = 0
    for (const receiver of this.receivers) receiver.close()
  }
}

export class TestMesh {
  readonly clock = new ManualClock()
  readonly nodes = new Map<string, TestMeshNode>()
  readonly links: TestLink[] = []

  async node(name: string, options: Partial<MsgBusOptions> = {}): Promise<TestMeshNode> {
    const { clock } = this
    const logger = silentLogger
    const node = nodeNamed(name)
    const bus = new MsgBus({ node, clock, logger, limits: defaultLimits, ...options })
    const store = await openMemoryLogStore({
      folder: '',
      node,
      durability: 'memory',
      clock,
      logger,
      publishIdWindowMs: defaultLimits.publishIdWindowMs,
      publishIdCount: defaultLimits.publishIdCount,
    })
    bus.attach(store)
    const made = new TestMeshNode(name, bus, store, clock)
    this.nodes.set(name, made)
    return made
  }

  /** The daemon of a node is killed and started again, with what its store holds. */
  async restart(node: TestMeshNode): Promise<TestMeshNode> {
    for (const link of this.links) if (link.isUp && link.concerns(node)) link.cut()
    const { clock } = this
    clock.advance(1)
    const limits = defaultLimits
    const bus = new MsgBus({ node: node.bus.node, clock, logger: silentLogger, limits })
    bus.attach(node.store)
    const again = new TestMeshNode(node.name, bus, node.store, clock)
    this.nodes.set(node.name, again)
    if (node.forwarder !== undefined) {
      await node.forwarder.close()
      await again.forward()
    }
    return again
  }

  link(one: TestMeshNode, two: TestMeshNode): TestLink {
    const link = new TestLink(one, two)
    this.links.push(link)
    return link
  }

  /** Lets everything happen that has a cause, until nothing does. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      this.clock.advance(5)
      await new Promise(setImmediate)
      for (const link of this.links) if (link.isUp && (await link.pass()) > 0) quiet = 0
    }
  }
}

/** Nodes named by letters, linked as the pairs say: `chain('abc', 'ab', 'bc')`. */
export async function openMesh(names: string, ...pairs: readonly string[]) {
  const mesh = new TestMesh()
  for (const name of names) await mesh.node(name)
  const node = (name: string): TestMeshNode => {
    const found = mesh.nodes.get(name)
    if (found === undefined) throw new Error(`no node ${name}`)
    return found
  }
  const links = new Map<string, TestLink>()
  for (const pair of pairs) {
    links.set(pair, mesh.link(node(pair.slice(0, 1)), node(pair.slice(1))))
  }
  await mesh.settle()
  const link = (pair: string): TestLink => {
    const found = links.get(pair)
    if (found === undefined) throw new Error(`no link ${pair}`)
    return found
  }
  return { mesh, node, link, settle: () => mesh.settle() }
}
