/**
 * A daemon with users, in this process: every protocol over one bus, on loopback, at free ports. Users are made once
 * for all tests of a file, since hashing is meant to take long.
 */

import { tmpdir } from 'node:os'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Access, type AccessSettings } from '../../src/access/access.ts'
import { makeChallengeSecret } from '../../src/access/challenge-verifiers.ts'
import { rulesSchema, usersSchema } from '../../src/access/access-schema.ts'
import { PasswordHasher } from '../../src/access/password-hasher.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { MsgBus } from '../../src/core/msg-bus.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import {
  type ListenAddress,
  type ListenerSettings,
  parseListenAddress,
} from '../../src/net/address.ts'
import { WebSocketGates } from '../../src/net/web-socket-gates.ts'
import type { AdapterContext, ProtocolAdapter, ServerTls } from '../../src/protocols/adapter.ts'
import { busrtSettings, startBusrtAdapter } from '../../src/protocols/busrt/index.ts'
import { grpcSettings, startGrpcAdapter } from '../../src/protocols/grpc/index.ts'
import { httpSettings, startHttpAdapter } from '../../src/protocols/http/index.ts'
import { mqttSettings, startMqttAdapter } from '../../src/protocols/mqtt/index.ts'
import { startTmbAdapter, tmbSettings } from '../../src/protocols/tmb/index.ts'
import { startWampAdapter, wampSettings } from '../../src/protocols/wamp/index.ts'
import { openMemoryLogStore } from '../../src/stores/memory/memory-log-store.ts'

export const protocols = ['grpc', 'http', 'tmb', 'mqtt', 'busrt'] as const
export type Protocol = (typeof protocols)[number]

export interface SecuredOptions {
  readonly users?: AccessSettings['users']
  readonly rules?: Parameters<typeof rulesSchema.parse>[0]
  readonly tls?: ServerTls | undefined
  /** Of every listener. */
  readonly settings?: ListenerSettings
  /** Default: a port on 127.0.0.1. */
  readonly transport?: 'tcp' | 'unix'
  /** Default: all. */
  readonly protocols?: readonly Protocol[]
}

export interface SecuredDaemon {
  readonly bus: MsgBus
  readonly access: Access
  /** `127.0.0.1:port`, or `unix:/path`. */
  address(protocol: Protocol): string
  port(protocol: Protocol): number
  /** As `address`, of the RawSocket of WAMP; there is one where there is HTTP. */
  readonly rawSocket: string
  reloadTls(tls: ServerTls): void
  /** Before the test is over. */
  stop(): Promise<void>
  /** Users of the clients that are connected by a protocol. */
  usersBy(protocol: string): string[]
}

export const passwords = { alice: 'right horse', bob: 'wrong staple: ü' } as const

/** alice, in the group `makers`, and bob; alice is also whoever runs this test, and both have certificates by name. */
export async function makeUsers(): Promise<AccessSettings['users']> {
  const hasher = new PasswordHasher()
  const cost = { memoryKib: 64, passes: 1, lanes: 1 }
  const users = []
  for (const [name, password] of Object.entries(passwords)) {
    users.push({
      name,
      password: await hasher.hash(password, cost),
      challengeSecret: await makeChallengeSecret(password),
      groups: name === 'alice' ? ['makers'] : [],
      processes: name === 'alice' ? [`uid:${process.getuid?.() ?? 0}`] : [],
    })
  }
  await hasher.close()
  return usersSchema.parse(users)
}

const starters = {
  grpc: (context: AdapterContext, listen: ListenAddress[]) =>
    startGrpcAdapter(context, { ...grpcSettings.parse({}), listen }),
  busrt: (context: AdapterContext, listen: ListenAddress[]) =>
    startBusrtAdapter(context, { ...busrtSettings.parse({}), listen }),
  tmb: (context: AdapterContext, listen: ListenAddress[]) =>
    startTmbAdapter(context, { ...tmbSettings.parse({}), listen }),
  mqtt: (context: AdapterContext, listen: ListenAddress[]) =>
    startMqttAdapter(context, { ...mqttSettings.parse({}), listen }),
  http: (context: AdapterContext, listen: ListenAddress[]) =>
    startHttpAdapter(context, { ...httpSettings.parse({}), listen }),
} as const

const everything = [{ allow: 'all', to: 'users' }]

export async function startSecured(
  t: Pick<TestContext, 'after'>,
  options: SecuredOptions = {},
): Promise<SecuredDaemon> {
  const { users = [], rules = everything, tls, transport = 'tcp' } = options
  const folder = mkdtempSync(join(tmpdir(), 'msgbus-'))
  const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }
  const settings = {
    users,
    rules: users.length === 0 ? [] : rulesSchema.parse(rules),
    jwt: [],
    identityLimits: [],
    certificateUsers: 'commonName',
  } as const
  const clock = systemClock
  const logger = silentLogger
  const access = await Access.open({ settings, folder: undefined, clock, logger })
  const bus = new MsgBus({ node, limits: defaultLimits, clock, logger, access })
  access.onChange(() => bus.accessChanged())
  const { publishIdWindowMs, publishIdCount } = defaultLimits
  const window = { publishIdWindowMs, publishIdCount }
  const durability = 'memory'
  const store = await openMemoryLogStore({ folder: '', node, durability, clock, logger, ...window })
  bus.attach(store)
  const context: AdapterContext = {
    bus,
    logger,
    version: '0.0.0',
    tls,
    authentication: access.authentication,
    metricsText: async () => 'msgbus_up 1\n',
    webSockets: new WebSocketGates(),
  }
  const started = new Map<Protocol, ProtocolAdapter>()
  const order = ['grpc', 'busrt', 'tmb', 'mqtt', 'http'] as const
  const listenOf = (name: string) => {
    const plain = transport === 'tcp' ? '127.0.0.1:0' : `unix:${join(folder, name)}`
    const address = parseListenAddress(tls === undefined ? plain : `tls+${plain}`)
    return [{ ...address, settings: options.settings }]
  }
  for (const protocol of order.filter((one) => (options.protocols ?? order).includes(one))) {
    started.set(protocol, await starters[protocol](context, listenOf(protocol)))
  }
  // Where there is HTTP, there is WAMP at `/wamp`.
  const wamp = started.has('http')
    ? await startWampAdapter(context, { ...wampSettings.parse({}), listen: listenOf('wamp') })
    : undefined
  let stopped: Promise<void> | undefined
  const stop = async () => {
    await bus.shutdown()
    await Promise.all([...started.values()].map((adapter) => adapter.stop(100)))
    await wamp?.stop(100)
    await store.close()
    await access.close()
  }
  t.after(async () => {
    await (stopped ??= stop())
    rmSync(folder, { recursive: true })
  })
  const address = (protocol: Protocol) => started.get(protocol)?.listeners[0]?.address ?? ''
  return {
    bus,
    access,
    address,
    rawSocket: wamp?.listeners[0]?.address ?? '',
    port: (protocol) => Number(address(protocol).split(':').at(-1)),
    stop: () => (stopped ??= stop()),
    reloadTls: (next) => started.forEach((adapter) => adapter.reloadTls(next)),
    usersBy: (protocol) => {
      const clients = bus.clients().filter((client) => client.protocol === protocol)
      return clients.filter(({ name }) => !name.startsWith('.')).map(({ user }) => user)
    },
  }
}
