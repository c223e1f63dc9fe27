/**
 * The load of the TMB benchmark, in a process of its own: one sender, some receivers, lines of 100 bytes. It sends no
 * further ahead of the slowest receiver than a window, so that the server is never asked to hold more, and counts every
 * byte that comes.
 */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import process from 'node:process'
import { pin } from './busrt/cores.ts'
import { answer, childOptions } from './child.ts'
import { usageOf } from './process-usage.ts'

export interface TmbLoadOptions {
  readonly port: number
  readonly receivers: number
  readonly messages: number
  readonly pid: number
  readonly subscribe: string
  /** What the server answers to that, with its line end. */
  readonly subscribed: string
  /** Where this process is to run. */
  readonly core?: number | undefined
}

export interface TmbLoadResult {
  readonly deliveriesPerSecond: number
  /** Of the server, microseconds per delivery. */
  readonly cpuMicroseconds: number
  readonly residentBytes: number
}

const lineBytes = 100
/** Sent in one write. */
const blockLines = 320
const windowBytes = 1_048_576

const options = childOptions() as TmbLoadOptions
if (options.core !== undefined) pin(process.pid, options.core)
const receivers: { received: number }[] = []
let wake: () => void = () => undefined

for (let i = 0; i < options.receivers; i++) receivers.push(await receiver())
const sender = await open()
sender.resume()

// A quarter as much first, so that everything is compiled.
await send(Math.ceil(options.messages / 4))
const before = usageOf(options.pid)
const startedAt = performance.now()
const sent = await send(options.messages)
const seconds = (performance.now() - startedAt) / 1_000
const after = usageOf(options.pid)
const deliveries = sent * options.receivers
const result: TmbLoadResult = {
  deliveriesPerSecond: deliveries / seconds,
  cpuMicroseconds: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / deliveries,
  residentBytes: after.residentBytes,
}
answer(result)
process.exit(0)

/** Sends so many lines, at least, and waits until all receivers have them. Returns how many they were. */
async function send(messages: number): Promise<number> {
  const start = receivers.map(({ received }) => received)
  const slowest = () => Math.min(...receivers.map(({ received }, i) => received - (start[i] ?? 0)))
  const blocks = Math.ceil(messages / blockLines)
  const block = Buffer.from(
    Array.from({ length: blockLines }, (_, i) => lineOf(i)).join(''),
    'latin1',
  )
  for (let sentBytes = 0, n = 0; n < blocks; n++, sentBytes += block.length) {
    while (sentBytes - slowest() > windowBytes) await progress()
    if (!sender.write(block)) await once(sender, 'drain')
  }
  while (slowest() < blocks * block.length) await progress()
  return blocks * blockLines
}

/** One of ten categories, and text up to 100 bytes with the line end. */
function lineOf(i: number): string {
  return `${`:/bench/line/${i % 10} ${i} `.padEnd(lineBytes - 1, 'x')}\n`
}

async function receiver(): Promise<{ received: number }> {
  const socket = await open()
  socket.write(options.subscribe)
  const expected = Buffer.byteLength(options.subscribed)
  const one = { received: -expected }
  const subscribed = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      one.received += chunk.length
      if (one.received >= 0) resolve()
      wake()
    })
  })
  await subscribed
  return one
}

async function open(): Promise<Socket> {
  const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  socket.on('close', () => {
    process.stderr.write('the server closed a connection\n')
    process.exit(1)
  })
  return socket
}

/** Something came; nothing for ten seconds is a failure. */
async function progress(): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await new Promise<void>((resolve, reject) => {
    timer = setTimeout(() => reject(new Error('nothing came for 10 s')), 10_000)
    wake = resolve
  })
  clearTimeout(timer)
}
