/**
 * The load of the WAMP benchmark, in a process of its own. Messages are framed by hand, since a client library would be
 * the limit; they carry a payload of about 100 octets, and nobody runs further ahead of the slowest receiver than a
 * window.
 */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import process from 'node:process'
import { ByteSink } from '../../src/wire/wamp/byte-sink.ts'
import type { Serializer, SerializerName } from '../../src/wire/wamp/serializer.ts'
import { serializers } from '../../src/wire/wamp/serializers.ts'
import type { WampInput, WampValue } from '../../src/wire/wamp/value.ts'
import { pin } from '../busrt/cores.ts'
import { answer, childOptions } from '../child.ts'
import { usageOf } from '../process-usage.ts'

export interface WampLoadOptions {
  readonly kind: 'events' | 'calls' | 'latency'
  readonly transport: 'websocket' | 'rawsocket'
  readonly host: string
  readonly port: number
  /** Of WebSocket. */
  readonly path: string
  readonly realm: string
  readonly serializer: SerializerName
  /** Publishers with receivers of their own, or callers with a callee each. */
  readonly groups: number
  /** Of each publisher. */
  readonly receivers: number
  /** Messages of each publisher, or calls of each caller. */
  readonly messages: number
  /** Of the router. */
  readonly pid: number
  readonly core?: number | undefined
}

export interface WampLoadResult {
  /** Deliveries, or calls. */
  readonly perSecond: number
  /** Of the router, microseconds for each. */
  readonly cpuMicroseconds: number
  /** Median of one call after the other. */
  readonly roundTripMicroseconds: number
}

const options = childOptions() as WampLoadOptions
const serializer: Serializer = serializers[options.serializer]
const text = 'x'.repeat(96)
/** Messages in one write. */
const blockMessages = 32
const windowMessages = 1_024

if (options.core !== undefined) pin(process.pid, options.core)

function encode(message: WampInput): Buffer {
  const sink = new ByteSink()
  serializer.encode(sink, message)
  return Buffer.from(sink.toBytes())
}

/** A frame of either transport; the mask of WebSocket is zero, which leaves the octets as they are. */
function frame(message: Buffer): Buffer {
  const { length } = message
  if (options.transport === 'rawsocket') {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(length)
    return Buffer.concat([head, message])
  }
  const opcode = serializer.isText ? 0x81 : 0x82
  const size = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([opcode, ...size, 0, 0, 0, 0]), message])
}

class Peer {
  received = 0
  /** Instead of counting. */
  onMessage: ((bytes: Buffer) => void) | undefined
  readonly socket: Socket
  #kept: Buffer = Buffer.alloc(0)

  static async open(): Promise<Peer> {
    const socket = connect({ host: options.host, port: options.port, noDelay: true })
    await once(socket, 'connect')
    const greeting =
      options.transport === 'rawsocket'
        ? Buffer.of(0x7f, 0xf0 | serializer.rawSocketNumber, 0, 0)
        : `GET ${options.path} HTTP/1.1\r\nhost: ${options.host}:${options.port}\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: ${serializer.subprotocol}\r\n\r\n`
    socket.write(greeting)
    await once(socket, 'data')
    const peer = new Peer(socket)
    const roles = { publisher: {}, subscriber: {}, caller: {}, callee: {} }
    await peer.request([1, options.realm, { roles }])
    return peer
  }

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  async request(message: WampInput): Promise<WampValue> {
    this.socket.write(frame(encode(message)))
    return new Promise((resolve) => {
      this.onMessage = (bytes) => {
        this.onMessage = undefined
        resolve(serializer.decode(bytes, 0, bytes.length))
      }
    })
  }

  #take(chunk: Buffer): void {
    const all = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk])
    const isRaw = options.transport === 'rawsocket'
    let at = 0
    while (all.length - at >= 4) {
      const short = isRaw ? 127 : (all[at + 1] as number)
      const head = short === 127 || short === 126 ? 4 : 2
      const length = isRaw
        ? all.readUIntBE(at + 1, 3)
        : head === 4
          ? all.readUInt16BE(at + 2)
          : short
      if (all.length - at < head + length) break
      if (this.onMessage === undefined) this.received += 1
      else this.onMessage(all.subarray(at + head, at + head + length))
      at += head + length
    }
    this.#kept = at === all.length ? Buffer.alloc(0) : Buffer.from(all.subarray(at))
    progressed()
  }
}

let progressed: () => void = () => undefined

async function progress(): Promise<void> {
  await new Promise<void>((resolve) => (progressed = resolve))
}

/** A publisher, whoever receives what it publishes, and what it writes at a time. */
interface Group {
  readonly sender: Peer
  readonly receivers: readonly Peer[]
  readonly block: Buffer
}

/** Sends so many messages on each sender, no further ahead than the window, and waits until all have come. */
async function send(groups: readonly Group[], messages: number): Promise<void> {
  const runs = groups.map((group) => ({
    ...group,
    sent: 0,
    start: group.receivers.map(({ received }) => received),
  }))
  for (;;) {
    let isDone = true
    for (const run of runs) {
      const behind = run.receivers.map(({ received }, i) => received - (run.start[i] ?? 0))
      const slowest = Math.min(...behind)
      while (run.sent < messages && run.sent - slowest < windowMessages) {
        run.sender.socket.write(run.block)
        run.sent += blockMessages
      }
      isDone &&= run.sent >= messages && slowest >= run.sent
    }
    if (isDone) return
    await progress()
  }
}

async function measured(count: number, work: () => Promise<void>): Promise<WampLoadResult> {
  const before = usageOf(options.pid)
  const startedAt = performance.now()
  await work()
  const seconds = (performance.now() - startedAt) / 1_000
  const { cpuSeconds } = usageOf(options.pid)
  return {
    perSecond: count / seconds,
    cpuMicroseconds: ((cpuSeconds - before.cpuSeconds) * 1e6) / count,
    roundTripMicroseconds: NaN,
  }
}

async function events(): Promise<WampLoadResult> {
  const groups: Group[] = []
  for (let i = 0; i < options.groups; i++) {
    const receivers: Peer[] = []
    for (let k = 0; k < options.receivers; k++) {
      const receiver = await Peer.open()
      await receiver.request([32, 1, {}, `bench.topic.n${i}`])
      receivers.push(receiver)
    }
    const message = frame(encode([16, 1, {}, `bench.topic.n${i}`, [i, text]]))
    const block = Buffer.concat(Array.from({ length: blockMessages }, () => message))
    groups.push({ sender: await Peer.open(), receivers, block })
  }
  const messages = Math.ceil(options.messages / blockMessages) * blockMessages
  await send(groups, Math.ceil(messages / 4 / blockMessages) * blockMessages)
  const count = messages * options.groups * options.receivers
  return measured(count, () => send(groups, messages))
}

/** A callee that answers each call with its argument. */
async function callee(procedure: string): Promise<void> {
  const peer = await Peer.open()
  await peer.request([64, 1, {}, procedure])
  let out: Buffer[] = []
  peer.onMessage = (bytes) => {
    const message = serializer.decode(bytes, 0, bytes.length)
    if (!Array.isArray(message)) return
    if (out.length === 0) {
      queueMicrotask(() => {
        peer.socket.write(Buffer.concat(out))
        out = []
      })
    }
    out.push(frame(encode([70, message[1], {}, message[4]])))
  }
}

async function calls(): Promise<WampLoadResult> {
  const groups: { readonly caller: Peer; readonly procedure: string }[] = []
  for (let i = 0; i < options.groups; i++) {
    await callee(`bench.procedure.n${i}`)
    const caller = await Peer.open()
    groups.push({ caller, procedure: `bench.procedure.n${i}` })
  }
  const all = async (count: number) => {
    await Promise.all(
      groups.map(async ({ caller, procedure }, group) => {
        const start = caller.received
        let sent = 0
        while (caller.received - start < count) {
          const block: Buffer[] = []
          while (sent < count && sent - (caller.received - start) < 256 && block.length < 64) {
            // Ids of calls under way are all different.
            const id = (nextIds[group] = (nextIds[group] ?? 0) + 1)
            block.push(frame(encode([48, id, {}, procedure, [text]])))
            sent += 1
          }
          if (block.length > 0) caller.socket.write(Buffer.concat(block))
          await once(caller.socket, 'data')
        }
      }),
    )
  }
  await all(Math.ceil(options.messages / 4))
  return measured(options.messages * options.groups, () => all(options.messages))
}

const nextIds: number[] = []

async function latency(): Promise<WampLoadResult> {
  await callee('bench.procedure')
  const caller = await Peer.open()
  const times: number[] = []
  const count = Math.min(options.messages, 5_000)
  const result = await measured(count, async () => {
    for (let i = 1; i <= count; i++) {
      const startedAt = performance.now()
      await caller.request([48, i, {}, 'bench.procedure', [text]])
      times.push((performance.now() - startedAt) * 1_000)
    }
  })
  times.sort((one, other) => one - other)
  return { ...result, roundTripMicroseconds: times[Math.floor(times.length / 2)] ?? NaN }
}

const kinds = { events, calls, latency }
answer(await kinds[options.kind]())
process.exit(0)
