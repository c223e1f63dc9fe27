/**
 * The load of the MQTT benchmark, in a process of its own. It sends no further ahead than a window, so that no broker is
 * asked to hold or drop messages, and counts what comes.
 */

import { once } from 'node:events'
import type { Socket } from 'node:net'
import process from 'node:process'
import { pin } from '../busrt/cores.ts'
import { answer, childOptions } from '../child.ts'
import { usageOf } from '../process-usage.ts'
import {
  ackPacket,
  listen,
  openClient,
  PacketCounter,
  publishPacket,
  subscribe,
} from './raw-client.ts'

export type LoadOptions = {
  readonly port: number
  /** Of the broker. */
  readonly pid: number
  /** Where this process is to run. */
  readonly core?: number | undefined
  readonly payloadBytes: number
} & (
  | {
      /** Messages as fast as receivers take them. */
      readonly kind: 'stream'
      readonly senders: number
      readonly receivers: number
      readonly messages: number
      readonly topic: string
    }
  | {
      /** Acknowledged messages, so many under way. */
      readonly kind: 'acknowledged'
      readonly qos: 1 | 2
      readonly inFlight: number
      readonly messages: number
      readonly topic: string
      /** 0 or 1, who acknowledge, too. */
      readonly receivers: number
    }
  | { readonly kind: 'latency'; readonly perSecond: number; readonly seconds: number }
  | { readonly kind: 'idle'; readonly clients: number }
  | { readonly kind: 'retained'; readonly messages: number }
  | { readonly kind: 'sessions'; readonly clients: number; readonly messages: number }
)

export interface LoadResult {
  /** Deliveries, acknowledgements or connections per second. */
  readonly perSecond: number
  /** Of the broker, microseconds for each of these. */
  readonly cpuMicroseconds: number
  readonly residentBytes: number
  /** Milliseconds; latency only. */
  readonly p50?: number
  readonly p99?: number
}

const blockBytes = 32_768
const windowBytes = 1_048_576
const nothingMs = 30_000
/** Acknowledged messages that a receiver has not got yet. */
const aheadMost = 500

const options = childOptions() as LoadOptions
if (options.core !== undefined) pin(process.pid, options.core)
let wake: () => void = () => undefined
answer(await run())
process.exit(0)

async function run(): Promise<LoadResult> {
  switch (options.kind) {
    case 'stream':
      return stream(options)
    case 'acknowledged':
      return acknowledged(options)
    case 'latency':
      return latency(options)
    case 'idle':
      return idle(options)
    case 'retained':
      return retained(options)
    case 'sessions':
      return sessions(options)
  }
}

async function stream(given: Extract<LoadOptions, { kind: 'stream' }>): Promise<LoadResult> {
  const { port, topic, payloadBytes } = given
  const names = Array.from(
    { length: given.senders },
    (_, i) => `${topic}/${String(i).padStart(2, '0')}`,
  )
  const packets = names.map((name) => publishPacket(name, Buffer.alloc(payloadBytes, 0x78), 0, 0))
  const length = packets[0]?.length ?? 1
  const perBlock = Math.max(1, Math.floor(blockBytes / length))
  const blocks = packets.map((packet) =>
    Buffer.concat(Array.from({ length: perBlock }, () => packet)),
  )
  const received = new Float64Array(given.receivers)
  for (let i = 0; i < given.receivers; i++) {
    const socket = await openClient({ port, clientId: `receiver-${i}` })
    const count = (chunk: Buffer) => {
      received[i] = (received[i] ?? 0) + chunk.length
      wake()
    }
    await subscribe(socket, `${topic}/#`, 0, count)
    listen(socket, count)
  }
  const senders: Socket[] = []
  for (let i = 0; i < given.senders; i++) {
    senders.push((await openClient({ port, clientId: `sender-${i}` })).resume())
  }
  let total = 0
  const send = async (messages: number) => {
    const wanted = Math.ceil(messages / perBlock)
    for (let n = 0; n < wanted; n++) {
      await until(() => total - Math.min(...received) <= windowBytes)
      const i = n % senders.length
      const [socket, block] = [senders[i], blocks[i]]
      if (socket === undefined || block === undefined) break
      total += block.length
      if (!socket.write(block)) await once(socket, 'drain')
    }
    await until(() => Math.min(...received) >= total)
    return wanted * perBlock
  }
  await send(Math.ceil(given.messages / 4))
  return measured(async () => (await send(given.messages)) * given.receivers)
}

async function acknowledged(
  given: Extract<LoadOptions, { kind: 'acknowledged' }>,
): Promise<LoadResult> {
  const { port, qos, inFlight, topic, payloadBytes } = given
  let done = 0
  let delivered = 0
  let pump: (() => void) | undefined
  for (let i = 0; i < given.receivers; i++) {
    const socket = await openClient({ port, clientId: 'receiver' })
    const counter = acknowledging(socket, () => {
      delivered += 1
      if (done - delivered === aheadMost - 1) pump?.()
      wake()
    })
    await subscribe(socket, topic, qos, (chunk) => counter.push(chunk))
    listen(socket, (chunk) => counter.push(chunk))
  }
  const sender = await openClient({ port, clientId: 'sender' })
  const payload = Buffer.alloc(payloadBytes, 0x78)
  const packets = Array.from({ length: inFlight }, (_, i) =>
    publishPacket(topic, payload, qos, i + 1),
  )
  let left = 0
  let out: Buffer[] = []
  /** Identifiers that nothing is under way with. */
  const free = packets.map((_, i) => i + 1)
  pump = () => {
    // Receivers are not left behind: what is not stored has nowhere to wait for long.
    const isAhead = given.receivers > 0 && done - delivered >= aheadMost
    const ids = isAhead ? [] : free.splice(0, left)
    left -= ids.length
    for (const id of ids) out.push(packets[id - 1] ?? Buffer.alloc(0))
    if (out.length > 0) sender.write(Buffer.concat(out))
    out = []
  }
  const counter = new PacketCounter((first, bytes, start) => {
    const id = bytes.readUInt16BE(start)
    if (first >>> 4 === 5) {
      out.push(ackPacket(0x62, id))
      return
    }
    done += 1
    free.push(id)
  })
  listen(sender, (chunk) => {
    counter.push(chunk)
    pump?.()
    wake()
  })
  const send = async (messages: number) => {
    const wanted = done + messages
    left = messages
    pump?.()
    await until(() => done >= wanted)
    await until(() => given.receivers === 0 || delivered >= wanted)
    return messages
  }
  await send(Math.ceil(given.messages / 4))
  return measured(() => send(given.messages))
}

/** Takes messages and acknowledges them as their QoS asks; `onMessage` once for each. */
function acknowledging(socket: Socket, onMessage: () => void): PacketCounter {
  let out: Buffer[] = []
  let isDue = false
  const flush = () => {
    isDue = false
    socket.write(Buffer.concat(out))
    out = []
  }
  return new PacketCounter((first, bytes, start) => {
    const type = first >>> 4
    const qos = (first >>> 1) & 3
    if (type === 3 && qos === 0) onMessage()
    if (type === 3 && qos > 0) {
      const id = bytes.readUInt16BE(start + 2 + bytes.readUInt16BE(start))
      out.push(ackPacket(qos === 1 ? 0x40 : 0x50, id))
      onMessage()
    } else if (type === 6) out.push(ackPacket(0x70, bytes.readUInt16BE(start)))
    if (out.length > 0 && !isDue) {
      isDue = true
      queueMicrotask(flush)
    }
  })
}

async function latency(given: Extract<LoadOptions, { kind: 'latency' }>): Promise<LoadResult> {
  const { port, perSecond, seconds, payloadBytes } = given
  const receiver = await openClient({ port, clientId: 'receiver' })
  const times: number[] = []
  const counter = new PacketCounter((first, bytes, _start, end) => {
    if (first >>> 4 !== 3) return
    times.push(performance.now() - bytes.readDoubleBE(end - 8))
  })
  await subscribe(receiver, 'latency', 0)
  listen(receiver, (chunk) => counter.push(chunk))
  const sender = (await openClient({ port, clientId: 'sender' })).resume()
  const payload = Buffer.alloc(Math.max(8, payloadBytes))
  const total = perSecond * seconds
  const result = await measured(async () => {
    const startedAt = performance.now()
    for (let sent = 0; sent < total;) {
      // In small steps: a timer of one millisecond comes when it likes.
      const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1_000) * perSecond))
      for (; sent < due; sent++) {
        payload.writeDoubleBE(performance.now(), payload.length - 8)
        sender.write(publishPacket('latency', payload, 0, 0))
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const waitedFrom = performance.now()
    while (times.length < total && performance.now() - waitedFrom < 5_000) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return times.length
  })
  const sorted = times.slice(Math.floor(times.length / 10)).sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { ...result, p50: at(0.5), p99: at(0.99) }
}

async function idle({
  port,
  clients,
}: Extract<LoadOptions, { kind: 'idle' }>): Promise<LoadResult> {
  return measured(async () => {
    for (let at = 0; at < clients; at += 100) {
      const batch = Array.from({ length: Math.min(100, clients - at) }, (_, i) =>
        openClient({ port, clientId: `idle-${at + i}` }),
      )
      await Promise.all(batch)
    }
    return clients
  })
}

async function retained(given: Extract<LoadOptions, { kind: 'retained' }>): Promise<LoadResult> {
  const { port, messages, payloadBytes } = given
  const sender = (await openClient({ port, clientId: 'sender' })).resume()
  const payload = Buffer.alloc(payloadBytes, 0x78)
  for (let at = 0; at < messages; at += 500) {
    const block = Array.from({ length: Math.min(500, messages - at) }, (_, i) =>
      publishPacket(`retained/${at + i}`, payload, 0, 0, true),
    )
    if (!sender.write(Buffer.concat(block))) await once(sender, 'drain')
  }
  // Acknowledged last, so that all before it are there.
  sender.write(publishPacket('retained/end', payload, 1, 1, true))
  await once(sender, 'data')
  const receiver = await openClient({ port, clientId: 'receiver' })
  let received = 0
  const counter = acknowledging(receiver, () => {
    received += 1
    wake()
  })
  return measured(async () => {
    await subscribe(receiver, 'retained/#', 0, (chunk) => counter.push(chunk))
    listen(receiver, (chunk) => counter.push(chunk))
    await until(() => received > messages)
    return received
  })
}

/** Sessions that were away while messages came, and come back at once. */
async function sessions(given: Extract<LoadOptions, { kind: 'sessions' }>): Promise<LoadResult> {
  const { port, clients, messages, payloadBytes } = given
  for (let i = 0; i < clients; i++) {
    const socket = await openClient({ port, clientId: `kept-${i}`, cleanSession: false })
    await subscribe(socket, `kept/${i}`, 1)
    socket.end(Buffer.of(0xe0, 0))
    await once(socket.resume(), 'end').catch(() => undefined)
  }
  const sender = await openClient({ port, clientId: 'sender' })
  const payload = Buffer.alloc(payloadBytes, 0x78)
  let acked = 0
  const acks = new PacketCounter(() => {
    acked += 1
    wake()
  })
  listen(sender, (chunk) => acks.push(chunk))
  const total = clients * messages
  for (let n = 0; n < total; n += 1) {
    await until(() => n - acked < 100)
    sender.write(publishPacket(`kept/${n % clients}`, payload, 1, (n % 65_535) + 1))
  }
  await until(() => acked >= total)
  let received = 0
  return measured(async () => {
    const opening = Array.from({ length: clients }, async (_, i) => {
      const early: Buffer[] = []
      const next = (chunk: Buffer) => early.push(chunk)
      const kept = { port, clientId: `kept-${i}`, cleanSession: false, next }
      const socket = await openClient(kept)
      const counter = acknowledging(socket, () => {
        received += 1
        wake()
      })
      for (const chunk of early) counter.push(chunk)
      listen(socket, (chunk) => counter.push(chunk))
    })
    await Promise.all(opening)
    await until(() => received >= total)
    return received
  })
}

async function measured(work: () => Promise<number>): Promise<LoadResult> {
  const before = usageOf(options.pid)
  const startedAt = performance.now()
  const count = await work()
  const seconds = (performance.now() - startedAt) / 1_000
  const after = usageOf(options.pid)
  return {
    perSecond: count / seconds,
    cpuMicroseconds: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / count,
    residentBytes: after.residentBytes,
  }
}

/** Resolves when it is so; looks whenever something came. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await progress()
}

/** Something came; nothing for half a minute is a failure. */
async function progress(): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await new Promise<void>((resolve, reject) => {
    timer = setTimeout(() => reject(new Error('nothing came for 30 s')), nothingMs)
    wake = resolve
  })
  clearTimeout(timer)
}
