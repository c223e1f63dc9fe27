/**
 * A whole bus inside a Node.js program: the core and the store that `msgbusd` runs on, without its
 * listeners. Programs join it in process and from worker threads; for everybody else there is `msgbusd`.
 */

import { resolve } from 'node:path'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { BusStatus } from '../core/bus.ts'
import { systemClock } from '../core/clock.ts'
import type { HistoryBounds } from '../core/history-trimmer.ts'
import type { ClientInfo, JoinOptions, PresenceEvent } from '../core/live.ts'
import { type Logger, silentLogger } from '../core/logger.ts'
import type { Durability, LogStore } from '../core/log-store.ts'
import { MsgBus } from '../core/msg-bus.ts'
import type { QueueRule } from '../core/queues.ts'
import { BusError } from '../model/errors.ts'
import { defaultLimits, type Limits } from '../model/limits.ts'
import type { NodeId } from '../model/node-id.ts'
import { parseTopicFilter } from '../model/topic-filter.ts'
import type { TopicRule } from '../model/topic-rule.ts'
import { openLogStore, type StorageEngine } from '../stores/engines.ts'
import { AttachedPort } from './attached-port.ts'
import { Client, type ClientOptions } from './client.ts'
import { DirectLink } from './direct-link.ts'
import type { PortOffer } from './connect-port.ts'
import type { ClientInbox } from './inbox.ts'
import { Turn } from './turn.ts'

export interface BusOptions {
  /** Folder of the store, made when missing. One bus or daemon at a time has it open. */
  readonly data?: string | undefined
  /** Default: `lmdb` with a folder, else `memory`, which forgets everything with the bus. */
  readonly storage?: StorageEngine | undefined
  /** What an acknowledged message survives; default `disk`: a power cut. `os`: a crash of the program. */
  readonly durability?: Durability | undefined
  /** Who the messages come from. A store keeps the node it was made with; default `tenant/default/local`. */
  readonly node?: Partial<NodeId> | undefined
  /** Those that are not to be as in `msgbusd` (docs/reference/configuration.md). */
  readonly limits?: Partial<Limits> | undefined
  /** Rules for topics; of several that match, each setting comes from the first that has it. */
  readonly topics?: readonly (Omit<TopicRule, 'filter'> & { readonly filter: string })[] | undefined
  /** What happens to queue messages that are given back again and again. */
  readonly queues?: readonly QueueRule[] | undefined
  /**
   * Bounds of history: what a topic rule stores though its publisher did not ask, and what came by
   * protocols that publish so. Default: a day, 1 GiB.
   */
  readonly history?: HistoryBounds | undefined
  /** Where notable events go; default nowhere. */
  readonly logger?: Logger | undefined
}

export interface ConnectOptions extends ClientOptions, Pick<JoinOptions, 'name' | 'replace'> {}

export type AttachOptions = Pick<JoinOptions, 'name' | 'replace'>

export class Bus {
  readonly node: NodeId
  readonly #bus: MsgBus
  readonly #store: LogStore
  readonly #turn = new Turn()
  #closing: Promise<void> | undefined

  /**
   * Opens the store and starts the bus.
   * @throws BusError `failed_precondition/already_running`, `engine_missing`, `foreign_node`,
   *   `invalid_argument/bad_filter`, and what the store reports
   */
  static async open(options: BusOptions = {}): Promise<Bus> {
    const { data, durability = 'disk', logger = silentLogger } = options
    const { storage = data === undefined ? 'memory' : 'lmdb' } = options
    if (data === undefined && storage !== 'memory') {
      const text = `the storage ${storage} needs a folder: { data }`
      throw new BusError('invalid_argument', 'bad_argument', text)
    }
    const node = { tenantId: 'tenant', blName: 'default', deviceId: 'local', ...options.node }
    const limits = { ...defaultLimits, ...options.limits }
    const bus = new MsgBus({
      node,
      limits,
      clock: systemClock,
      logger,
      topicRules: options.topics?.map((rule) => {
        return { ...rule, filter: parseTopicFilter(rule.filter) }
      }),
      queueRules: options.queues,
      history: options.history,
    })
    const store = await openLogStore(storage, {
      folder: data === undefined ? '' : resolve(data),
      node,
      durability,
      clock: systemClock,
      logger,
      publishIdWindowMs: limits.publishIdWindowMs,
      publishIdCount: limits.publishIdCount,
    })
    await bus.retained.load(store)
    bus.attach(store)
    return new Bus(bus, store)
  }

  private constructor(bus: MsgBus, store: LogStore) {
    this.node = bus.node
    this.#bus = bus
    this.#store = store
  }

  /**
   * A client in this thread. A client without a name can do everything but be addressed.
   * @throws BusError `already_exists/name_taken`, `invalid_argument`, `resource_exhausted`, `unavailable`
   */
  connect(options: ConnectOptions = {}): Client {
    const { name, replace } = options
    const connect = (inbox: ClientInbox) => new DirectLink(this.#bus, inbox, { name, replace })
    return new Client(options, { turn: this.#turn, keepsBytes: false }, connect)
  }

  /**
   * Lets another thread be a client: it calls `connectPort`. The client is there, under its name, when
   * this returns; what is sent to it waits until the thread takes it. It ends with the worker, when either
   * side closes it, and with the bus. The port belongs to the bus from now on.
   *
   * @throws BusError as `connect`, and `failed_precondition/connection_lost` for a worker that has ended; a
   *   port is untouched then
   */
  attach(target: Worker | MessagePort, options: AttachOptions = {}): AttachedPort {
    const common = { bus: this.#bus, turn: this.#turn, join: options }
    if (!(target instanceof Worker)) return new AttachedPort({ ...common, port: target })
    if (target.threadId === -1) {
      throw new BusError('failed_precondition', 'connection_lost', 'the thread is over')
    }
    const { port1, port2 } = new MessageChannel()
    try {
      const attached = new AttachedPort({ ...common, port: port1, worker: target })
      const offer: PortOffer = { msgbusPort: port2 }
      target.postMessage(offer, [port2])
      return attached
    } catch (error) {
      port1.close()
      throw error
    }
  }

  /** Everybody who is connected. */
  clients(): ClientInfo[] {
    return this.#bus.clients()
  }

  /** Told in the turn after somebody with a name came or went, in order. Returns how to stop listening. */
  onPresence(listener: (event: PresenceEvent) => void): () => void {
    return this.#bus.onPresence((event) => this.#turn.add({ run: () => listener(event) }))
  }

  status(): BusStatus {
    return this.#bus.status()
  }

  /**
   * Ends every client, finishes what is being stored, and closes the store. May be called twice.
   * @throws BusError when the store cannot be closed
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    await this.#bus.shutdown()
    await this.#store.close()
  }
}
