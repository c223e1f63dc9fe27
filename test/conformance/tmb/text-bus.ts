/** The text bus that the cases run against: the adapter in this process, over TCP, a Unix socket and WebSockets. */

import { type NetConnectOpts } from 'node:net'
import { join } from 'node:path'
import { silentLogger } from '../../../src/core/logger.ts'
import { ManualClock } from '../../../src/core/manual-clock.ts'
import { MsgBus } from '../../../src/core/msg-bus.ts'
import { defaultLimits, type Limits } from '../../../src/model/limits.ts'
import type { TopicRule } from '../../../src/model/topic-rule.ts'
import { WebSocketGates } from '../../../src/net/web-socket-gates.ts'
import { httpSettings, startHttpAdapter } from '../../../src/protocols/http/index.ts'
import { startTmbAdapter, tmbSettings } from '../../../src/protocols/tmb/index.ts'
import { openMemoryLogStore } from '../../../src/stores/memory/memory-log-store.ts'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'
import { temporaryFolder } from '../../e2e/daemon-process.ts'

export interface TextBusOptions {
  /** Section `protocols.tmb`, but for the addresses. */
  readonly settings?: object
  readonly limits?: Partial<Limits>
  readonly topicRules?: readonly TopicRule[]
}

export interface TextBus {
  readonly tcp: NetConnectOpts
  readonly unix: NetConnectOpts
  /** `ws://host:port/tmb` */
  readonly webSocket: string
  readonly bus: MsgBus
  readonly clock: ManualClock
  /** Ends it before its test does. */
  stop(): Promise<void>
}

const metricsText = () => Promise.resolve('')

export async function startTextBus(t: Scope, options: TextBusOptions = {}): Promise<TextBus> {
  const folder = temporaryFolder(t)
  const path = join(folder, 'tmb.sock')
  const clock = new ManualClock()
  const logger = silentLogger
  const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }
  const limits = { ...defaultLimits, ...options.limits }
  const topicRules = options.topicRules ?? []
  const bus = new MsgBus({ node, limits, clock, logger, topicRules })
  const { publishIdWindowMs, publishIdCount } = defaultLimits
  const window = { publishIdWindowMs, publishIdCount }
  const durability = 'memory'
  const store = await openMemoryLogStore({ folder, node, durability, clock, logger, ...window })
  bus.attach(store)
  const webSockets = new WebSocketGates()
  const context = { bus, logger, version: '1.2.3', tls: undefined, metricsText, webSockets }
  const listen = ['127.0.0.1:0', `unix:${path}`]
  const tmb = await startTmbAdapter(
    context,
    tmbSettings.parse({ ...options.settings, listen }),
    clock,
  )
  const http = await startHttpAdapter(context, httpSettings.parse({ listen: '127.0.0.1:0' }))
  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= end())
  const end = async () => {
    await bus.shutdown()
    const stopped = Promise.all([tmb.stop(0), http.stop(0)])
    clock.advance(0)
    await stopped
    await store.close()
  }
  cleanUp(t, stop)
  const [host = '', port = ''] = tmb.listeners[0]?.address.split(':') ?? []
  return {
    tcp: { host, port: Number(port) },
    unix: { path },
    webSocket: `ws://${http.listeners[0]?.address}/tmb`,
    bus,
    clock,
    stop,
  }
}
