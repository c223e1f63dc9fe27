/**
 * The broker that the cases run against: the adapter in this process, with a clock that tests move. With a store on
 * disk it can be stopped and started again, in the same folder.
 */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { HistoryBounds } from '../../../src/core/history-trimmer.ts'
import { ManualClock } from '../../../src/core/manual-clock.ts'
import { MsgBus } from '../../../src/core/msg-bus.ts'
import { silentLogger } from '../../../src/core/logger.ts'
import { defaultLimits, type Limits } from '../../../src/model/limits.ts'
import type { TopicRule } from '../../../src/model/topic-rule.ts'
import type { z } from 'zod'
import { mqttSettings, startMqttAdapter } from '../../../src/protocols/mqtt/index.ts'
import { openLmdbLogStore } from '../../../src/stores/lmdb/lmdb-log-store.ts'
import { openMemoryLogStore } from '../../../src/stores/memory/memory-log-store.ts'
import { cleanUp } from '../../e2e/clean-up.ts'
import { temporaryFolder } from '../../e2e/daemon-process.ts'
import type { ConnectOptions, Version } from './bytes.ts'
import { RawClient } from './raw-client.ts'

export interface BrokerOptions {
  readonly engine?: 'memory' | 'lmdb'
  readonly config?: Partial<z.input<typeof mqttSettings>>
  readonly limits?: Partial<Limits>
  readonly topicRules?: readonly TopicRule[]
  readonly history?: HistoryBounds
}

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }

export class Broker {
  readonly clock = new ManualClock()
  readonly #options: BrokerOptions
  readonly #folder: string
  readonly #clients: RawClient[] = []
  #bus: MsgBus | undefined
  #stop: () => Promise<void> = async () => undefined
  #port = 0

  /** Runs until the test is over. */
  static async start(t: TestContext, options: BrokerOptions = {}): Promise<Broker> {
    const broker = new Broker(temporaryFolder(t), options)
    await broker.#start()
    cleanUp(t, () => broker.stop())
    return broker
  }

  private constructor(folder: string, options: BrokerOptions) {
    this.#folder = folder
    this.#options = options
  }

  get bus(): MsgBus {
    assert(this.#bus !== undefined)
    return this.#bus
  }

  get port(): number {
    return this.#port
  }

  /** A connection on which nothing was said yet. */
  async open(version: Version): Promise<RawClient> {
    const client = await RawClient.open(this.#port, version)
    this.#clients.push(client)
    return client
  }

  /** A client that is connected. */
  async client(
    version: Version,
    options: Omit<ConnectOptions, 'version'> = {},
  ): Promise<RawClient> {
    const client = await this.open(version)
    await client.connect(options)
    return client
  }

  /** Moves the clock, in steps, so that what is due in between happens at its time. */
  async pass(ms: number): Promise<void> {
    await turns()
    for (let left = ms; left > 0; left -= 250) {
      this.clock.advance(Math.min(250, left))
      await turns()
    }
  }

  /** Nothing is under way any more that was caused by what was sent before. */
  async settled(): Promise<void> {
    await turns()
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.#start()
  }

  async stop(): Promise<void> {
    const stop = this.#stop
    this.#stop = async () => undefined
    await stop()
    for (const client of this.#clients) client.destroy()
  }

  async #start(): Promise<void> {
    const { engine = 'memory', config = {}, limits, topicRules, history } = this.#options
    const { clock } = this
    const logger = silentLogger
    const bus = new MsgBus({
      node,
      limits: { ...defaultLimits, ...limits },
      clock,
      logger,
      topicRules,
      history,
    })
    const { publishIdWindowMs, publishIdCount } = defaultLimits
    const open = engine === 'memory' ? openMemoryLogStore : openLmdbLogStore
    const durability = engine === 'memory' ? 'memory' : 'os'
    const window = { publishIdWindowMs, publishIdCount }
    const folder = this.#folder
    const store = await open({ folder, node, durability, clock, logger, ...window })
    await bus.retained.load(store)
    bus.attach(store)
    const context = { bus, logger, version: '0', tls: undefined, metricsText: async () => '' }
    const settings = mqttSettings.parse({ ...config, listen: ['127.0.0.1:0'] })
    const adapter = await startMqttAdapter(context, settings, clock)
    this.#port = Number(adapter.listeners[0]?.address.split(':')[1])
    this.#bus = bus
    this.#stop = async () => {
      await bus.shutdown()
      const stopped = adapter.stop(0)
      await turns()
      clock.advance(0)
      await stopped
      await store.close()
    }
  }
}

/** Lets everything run that waits for nothing from outside. */
async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
}

export interface CaseOptions extends BrokerOptions {
  /** Default: both. */
  readonly versions?: readonly Version[]
}

/** A numbered case of spec/mqtt 17, for each version by itself. */
export function conformance(
  number: number | string,
  title: string,
  body: (run: {
    readonly broker: Broker
    readonly version: Version
    readonly t: TestContext
  }) => Promise<void>,
  { versions = [4, 5], ...options }: CaseOptions = {},
): void {
  for (const version of versions) {
    const name = version === 5 ? '5.0' : version === 4 ? '3.1.1' : '3.1'
    test(`case ${number} (${name}): ${title}`, { timeout: 30_000 }, async (t) => {
      const broker = await Broker.start(t, options)
      await body({ broker, version, t })
    })
  }
}
