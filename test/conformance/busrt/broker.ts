/**
 * The broker that the cases run against: the adapter in this process, with a clock that tests move;
 * or, when `MSGBUS_BUSRT_REFERENCE` names the reference's `busrtd`, that program. The second shows that
 * the cases themselves are right.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type NetConnectOpts } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Readable } from 'node:stream'
import { ManualClock } from '../../../src/core/manual-clock.ts'
import { MsgBus } from '../../../src/core/msg-bus.ts'
import { silentLogger } from '../../../src/core/logger.ts'
import { defaultLimits, type Limits } from '../../../src/model/limits.ts'
import type { BoundListener, ServerTls } from '../../../src/protocols/adapter.ts'
import { busrtSettings, startBusrtAdapter } from '../../../src/protocols/busrt/index.ts'
import { WebSocketGates } from '../../../src/net/web-socket-gates.ts'
import { httpSettings, startHttpAdapter } from '../../../src/protocols/http/index.ts'
import { openMemoryLogStore } from '../../../src/stores/memory/memory-log-store.ts'
import { noCertificates, TestAuthority } from '../../e2e/certificates.ts'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'
import { startDaemon, temporaryFolder } from '../../e2e/daemon-process.ts'
import { turn } from './chunking.ts'

export const reference = process.env['MSGBUS_BUSRT_REFERENCE'] ?? ''
export const isReference = reference !== ''

/** No case but those of time meets it. */
const defaultTimeoutMs = 60_000

export interface BrokerOptions {
  readonly timeoutMs?: number
  readonly forceRegister?: boolean
  /** Not with the reference's program, which has no such option. */
  readonly maxFrameBytes?: number
  /** It takes commands from a named pipe, too; for a process of its own. */
  readonly fifo?: boolean
  /** Of the bus; for a broker in this process. */
  readonly limits?: Partial<Limits>
}

/** How to reach a listener. */
export type BrokerAddress = NetConnectOpts & {
  /** Certificate of the authority, for TLS. */
  readonly ca?: Buffer
  /** Address of the WebSocket. */
  readonly url?: string
}

export interface Broker {
  readonly unix: BrokerAddress & { readonly path: string }
  readonly tcp: BrokerAddress & { readonly host: string; readonly port: number }
  /** Of a broker in this process: as a WebSocket. */
  readonly webSocket?: BrokerAddress | undefined
  /** Of a broker in this process, where certificates can be made. */
  readonly tls?: BrokerAddress | undefined
  readonly timeoutMs: number
  /** Moves the clock of the broker; where that is the real one, time passes by itself. */
  pass(ms: number): Promise<void>
  /** Its wall clock, milliseconds since 1970. */
  now(): number
}

/** A broker in a process of its own. */
export interface BrokerProcess extends Broker {
  readonly pid: number
  /** Path of its named pipe, when it has one. */
  readonly fifo: string
  /** SIGTERM, then waits for the end. */
  stop(): Promise<void>
}

/** Runs until the test is over. */
export function startBroker(t: Scope, options: BrokerOptions = {}): Promise<Broker> {
  return isReference ? startReference(t, options) : startHere(t, options)
}

async function startHere(t: Scope, options: BrokerOptions): Promise<Broker> {
  const { timeoutMs = defaultTimeoutMs, forceRegister, maxFrameBytes, limits } = options
  const folder = temporaryFolder(t)
  const path = join(folder, 'bus.sock')
  const clock = new ManualClock()
  const logger = silentLogger
  const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }
  const bus = new MsgBus({ node, limits: { ...defaultLimits, ...limits }, clock, logger })
  const { publishIdWindowMs, publishIdCount } = defaultLimits
  const window = { publishIdWindowMs, publishIdCount }
  const durability = 'memory'
  const store = await openMemoryLogStore({ folder, node, durability, clock, logger, ...window })
  bus.attach(store)
  const { tls, ca } = certificates()
  const webSockets = new WebSocketGates()
  const context = { bus, logger, version: '0.0.0', tls, metricsText: async () => '', webSockets }
  const listen = [`unix:${path}`, '127.0.0.1:0', ...(tls === undefined ? [] : ['tls+127.0.0.1:0'])]
  const config = busrtSettings.parse({ listen, timeoutMs, forceRegister, maxFrameBytes })
  const adapter = await startBusrtAdapter(context, config, clock)
  // By the real clock: where time is jumped over, nobody could answer its pings.
  const http = await startHttpAdapter(context, httpSettings.parse({ listen: '127.0.0.1:0' }))
  cleanUp(t, async () => {
    await bus.shutdown()
    await http.stop(0)
    const stopped = adapter.stop(0)
    const isStopped = stopped.then(() => true)
    // All clients are gone, so this takes no time; the clock does not move meanwhile.
    let areLeft = true
    for (let turns = 0; areLeft && turns < 1000; turns += 1)
      areLeft = !(await Promise.race([isStopped, turn().then(() => false)]))
    clock.advance(0)
    await stopped
    await store.close()
    if (areLeft) throw new Error('connections are left whose clients are gone')
  })
  return {
    unix: { path },
    tcp: tcpOf(adapter.listeners),
    webSocket: { ...tcpOf(adapter.listeners), url: `ws://${http.listeners[0]?.address}/busrt` },
    tls: tls && { ...tcpOf(adapter.listeners, true), ca },
    timeoutMs,
    pass: async (ms) => {
      // What was sent before counts as sent before.
      await turn()
      clock.advance(ms)
    },
    now: () => clock.now(),
  }
}

let made: { readonly tls: ServerTls | undefined; readonly ca: Buffer } | undefined

/** Made once, since that costs more than most cases; nothing where there is no program that makes them. */
function certificates() {
  if (made !== undefined) return made
  if (noCertificates !== false) return (made = { tls: undefined, ca: Buffer.alloc(0) })
  const folder = mkdtempSync(join(tmpdir(), 'msgbus-'))
  try {
    const authority = new TestAuthority(folder)
    const { cert, key } = authority.issue('server')
    const tls = { cert: readFileSync(cert), key: readFileSync(key), clientCa: undefined }
    return (made = { tls, ca: readFileSync(authority.cert) })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function tcpOf(listeners: readonly BoundListener[], isSecure = false) {
  const bound = listeners.find(
    ({ protocol, address, tls }) =>
      protocol === 'busrt' && tls === isSecure && address.startsWith('127.0.0.1:'),
  )
  return { host: '127.0.0.1', port: Number(bound?.address.split(':')[1]) }
}

/** The program as users run it; for what shows only there: signals, memory, load. */
export async function startBrokerProcess(
  t: Scope,
  options: BrokerOptions = {},
): Promise<BrokerProcess> {
  if (isReference) return startReference(t, options)
  const folder = temporaryFolder(t)
  const { timeoutMs = defaultTimeoutMs, forceRegister = false, maxFrameBytes } = options
  const path = join(folder, 'bus.sock')
  const config = join(folder, 'msgbus.yaml')
  const fifo = join(folder, 'fifo')
  const fifos = options.fifo === true ? [fifo] : []
  const settings = { timeoutMs, forceRegister, fifos, ...(maxFrameBytes && { maxFrameBytes }) }
  writeFileSync(config, JSON.stringify({ protocols: { busrt: settings } }))
  const listen = ['--listen', 'off', '--busrt', `unix:${path}`, '--busrt', '127.0.0.1:0']
  const args = ['--config', config, '--storage', 'memory', ...listen]
  const daemon = await startDaemon(t, { args })
  return {
    unix: { path },
    tcp: tcpOf(daemon.info.listeners),
    timeoutMs,
    pass: async () => undefined,
    now: Date.now,
    pid: daemon.pid,
    fifo,
    stop: async () => {
      const { code, stderr } = await daemon.stop()
      if (code !== 0) throw new Error(`msgbusd ended with ${code}: ${stderr}`)
    },
  }
}

async function startReference(t: Scope, options: BrokerOptions): Promise<BrokerProcess> {
  const { timeoutMs = defaultTimeoutMs, forceRegister = false } = options
  const folder = temporaryFolder(t)
  const [path, fifo] = [join(folder, 'bus.sock'), join(folder, 'fifo')]
  const port = await freePort()
  const args = ['-B', path, '-B', `127.0.0.1:${port}`, '-t', String(timeoutMs / 1000)]
  if (forceRegister) args.push('--force-register')
  if (options.fifo === true) args.push('-B', `fifo:${fifo}`)
  const child = spawn(reference, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  cleanUp(t, async () => {
    child.kill('SIGKILL')
    await exited
  })
  await started(child)
  return {
    unix: { path },
    tcp: { host: '127.0.0.1', port },
    timeoutMs,
    pass: async () => undefined,
    now: Date.now,
    pid: child.pid ?? 0,
    fifo,
    stop: async () => {
      child.kill('SIGTERM')
      await exited
    },
  }
}

async function started(child: ChildProcessByStdio<null, Readable, null>): Promise<void> {
  let text = ''
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    text += String(chunk)
    if (text.includes('broker started')) break
  }
  // Nobody reads what it says later; it must not block on that.
  child.stdout.resume()
  if (!text.includes('broker started')) throw new Error(`busrtd did not start: ${text}`)
}

/** The reference's program cannot choose one itself. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
