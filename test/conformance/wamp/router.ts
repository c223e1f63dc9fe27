/**
 * The router that the cases run against: the adapter in this process, with a clock that tests move, reached over
 * RawSocket. With a store on disk it can be stopped and started again, in the same folder.
 */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { z } from 'zod'
import type { AccessCheck } from '../../../src/core/access.ts'
import type { Authentication } from '../../../src/core/authentication.ts'
import { ManualClock } from '../../../src/core/manual-clock.ts'
import { MsgBus } from '../../../src/core/msg-bus.ts'
import { silentLogger } from '../../../src/core/logger.ts'
import { defaultLimits, type Limits } from '../../../src/model/limits.ts'
import type { TopicRule } from '../../../src/model/topic-rule.ts'
import { startWampAdapter, wampSettings } from '../../../src/protocols/wamp/index.ts'
import { openLmdbLogStore } from '../../../src/stores/lmdb/lmdb-log-store.ts'
import { openMemoryLogStore } from '../../../src/stores/memory/memory-log-store.ts'
import { cleanUp } from '../../e2e/clean-up.ts'
import { temporaryFolder } from '../../e2e/daemon-process.ts'
import { type Json, RawClient, type SerializerName } from './raw-client.ts'

export interface RouterOptions {
  readonly engine?: 'memory' | 'lmdb'
  readonly config?: Partial<z.input<typeof wampSettings>>
  readonly limits?: Partial<Limits>
  readonly topicRules?: readonly TopicRule[]
  /** Absent: everybody is anonymous. */
  readonly authentication?: Authentication
  /** Absent: everything is allowed. */
  readonly access?: AccessCheck
}

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }

export class Router {
  readonly clock = new ManualClock()
  readonly #options: RouterOptions
  readonly #folder: string
  readonly #clients: RawClient[] = []
  #bus: MsgBus | undefined
  #stop: () => Promise<void> = async () => undefined
  #port = 0

  /** Runs until the test is over. */
  static async start(t: TestContext, options: RouterOptions = {}): Promise<Router> {
    const router = new Router(temporaryFolder(t), options)
    await router.#start()
    cleanUp(t, () => router.stop())
    return router
  }

  private constructor(folder: string, options: RouterOptions) {
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

  /** A connection whose serializer is agreed on, and on which nothing was said yet. */
  async open(serializer: SerializerName = 'json', lengthCode = 15): Promise<RawClient> {
    const client = await RawClient.open(this.#port, serializer, lengthCode)
    this.#clients.push(client)
    return client
  }

  /** A client that has joined. */
  async client(options: ClientOptions = {}): Promise<RawClient> {
    const { serializer, lengthCode, realm = 'realm1', details = {} } = options
    const client = await this.open(serializer, lengthCode)
    await client.join(realm, details)
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

  async restart(): Promise<void> {
    await this.stop()
    await this.#start()
  }

  async stop(): Promise<void> {
    const stop = this.#stop
    this.#stop = async () => undefined
    for (const client of this.#clients) client.destroy()
    await stop()
  }

  /** As a daemon that is asked to end; those who are connected see it. */
  async shutDown(): Promise<void> {
    await this.bus.shutdown()
  }

  async #start(): Promise<void> {
    const { engine = 'memory', config = {}, limits, topicRules, ...who } = this.#options
    const { clock } = this
    const logger = silentLogger
    const bus = new MsgBus({
      node,
      limits: { ...defaultLimits, ...limits },
      clock,
      logger,
      topicRules,
      access: who.access,
    })
    const { publishIdWindowMs, publishIdCount } = defaultLimits
    const open = engine === 'memory' ? openMemoryLogStore : openLmdbLogStore
    const durability = engine === 'memory' ? 'memory' : 'os'
    const window = { publishIdWindowMs, publishIdCount }
    const folder = this.#folder
    const store = await open({ folder, node, durability, clock, logger, ...window })
    await bus.retained.load(store)
    bus.attach(store)
    const context = {
      bus,
      logger,
      version: '0',
      tls: undefined,
      authentication: who.authentication,
      metricsText: async () => '',
    }
    const settings = wampSettings.parse({ ...config, listen: ['127.0.0.1:0'] })
    const adapter = await startWampAdapter(context, settings, clock)
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

export interface ClientOptions {
  readonly serializer?: SerializerName
  readonly lengthCode?: number
  readonly realm?: string
  readonly details?: { readonly [key: string]: Json }
}

/** Lets everything run that waits for nothing from outside. */
async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** A numbered case of spec/wamp 15. */
export function conformance(
  number: number | string,
  title: string,
  body: (router: Router, t: TestContext) => Promise<void>,
  options: RouterOptions = {},
): void {
  test(`case ${number}: ${title}`, { timeout: 30_000 }, async (t) => {
    await body(await Router.start(t, options), t)
  })
}
