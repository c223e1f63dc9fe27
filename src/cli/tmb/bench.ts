/**
 * `msgbus tmb bench`: messages of one sender to some receivers, all of them connections of this process,
 * so a server that is faster than this client is not seen to be. TMB makes no sender wait for a receiver:
 * the sender here waits by itself for the slowest one, or the server would cut that one off.
 */

import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import { connect } from '../../client/tmb/index.ts'
import type { TmbClient, TmbClientOptions } from '../../client/tmb/index.ts'
import { formatBytes, formatCount, formatDuration } from '../duration.ts'
import { CommandFailure, exitCodes } from '../exit-codes.ts'
import type { Terminal } from '../terminal.ts'
import { jsonLine } from './shown-message.ts'
import { tmbOptions } from './tmb-session.ts'
import type { TmbCommandOptions } from './tmb-session.ts'

interface BenchOptions {
  readonly messages: number
  /** Bytes behind the category and its blank. */
  readonly size: number
  readonly receivers: number
  /** Messages that the sender may be ahead of the slowest receiver. */
  readonly window: number
}

interface BenchResult {
  readonly lineBytes: number
  readonly elapsedMs: number
  /** Of this process, user and system. */
  readonly cpuMs: number
}

/** Sent between two looks at the receivers. */
const burst = 64

export async function bench(command: Command, terminal: Terminal): Promise<void> {
  const options = command.optsWithGlobals<TmbCommandOptions & BenchOptions>()
  const { messages, size, receivers, window, json } = options
  const result = await run(options, await tmbOptions(command, terminal), terminal)
  const { lineBytes, elapsedMs, cpuMs } = result
  const deliveries = messages * receivers
  const rates = {
    messagesPerSecond: (messages / elapsedMs) * 1_000,
    deliveriesPerSecond: (deliveries / elapsedMs) * 1_000,
  }
  if (json) {
    const about = { messages, size, receivers, window }
    await terminal.write(
      jsonLine({ ...about, lineBytes, elapsedMs, ...rates, cpuMsOfClient: cpuMs }),
    )
    return
  }
  const { colours } = terminal
  const perDelivery = ((cpuMs * 1_000) / deliveries).toFixed(1)
  const volume = formatBytes(Math.round(rates.deliveriesPerSecond * lineBytes))
  const lines = [
    `${formatCount(messages)} messages of ${lineBytes} bytes to ${formatCount(receivers)} ${receivers === 1 ? 'receiver' : 'receivers'}, ${formatDuration(elapsedMs)}  (at most ${formatCount(window)} ahead of the slowest)`,
    `${colours.strong(`${formatCount(Math.round(rates.messagesPerSecond))} messages/s`)}  ${colours.strong(`${formatCount(Math.round(rates.deliveriesPerSecond))} deliveries/s`)}  ${volume}/s  ${perDelivery} µs CPU of this client per delivery`,
  ]
  await terminal.write(`${lines.join('\n')}\n`)
}

/** @throws CommandFailure when not everything that was sent arrives */
async function run(
  { messages, size, receivers, window }: BenchOptions,
  connection: TmbClientOptions,
  terminal: Terminal,
): Promise<BenchResult> {
  // Nobody else's subscriptions and last values are in the way, nor is what an earlier run has left.
  const category = `/bench/${randomUUID()}`
  const failed = new AbortController()
  const fail = (text: string) => failed.abort(new CommandFailure(exitCodes.refused, text))
  const on: TmbClientOptions['on'] = {
    info: ({ code, text }) => fail(`the server says ${code} ${text}: try a smaller --window`),
    messageRefused: ({ error }) => failed.abort(error),
  }
  const clients: TmbClient[] = []
  try {
    const sender = await connect({ ...connection, on })
    clients.push(sender)
    const meter = new ReceiverMeter(receivers)
    const runs: Promise<void>[] = []
    for (let i = 0; i < receivers; i++) {
      const client = await connect({ ...connection, on })
      clients.push(client)
      runs.push(meter.count(client, i, messages))
      await client.subscribe('is', category)
    }
    const stop = () => void Promise.all(clients.map((client) => client.close()))
    for (const signal of [terminal.signal, failed.signal]) signal.addEventListener('abort', stop)
    const cpu = process.cpuUsage()
    const startedAt = performance.now()
    try {
      await Promise.all([send(sender, { category, messages, size, window, meter }), ...runs])
    } catch (error) {
      throw failed.signal.reason ?? error
    }
    const elapsedMs = performance.now() - startedAt
    const { user, system } = process.cpuUsage(cpu)
    await sender.forget('is', category)
    const lineBytes = `:${category} `.length + size + 1
    return { lineBytes, elapsedMs, cpuMs: (user + system) / 1_000 }
  } finally {
    await Promise.all(clients.map((client) => client.close()))
  }
}

async function send(
  sender: TmbClient,
  options: {
    readonly category: string
    readonly messages: number
    readonly size: number
    readonly window: number
    readonly meter: ReceiverMeter
  },
): Promise<void> {
  const { category, messages, size, window, meter } = options
  const payload = new Uint8Array(size).fill(0x78)
  for (let sent = 0; sent < messages;) {
    await meter.reached(sent - window + 1)
    const until = Math.min(messages, sent + burst, meter.slowest + window)
    let room: Promise<void> | undefined
    for (; sent < until; sent++) room = sender.publish(category, payload)
    await room
  }
}

/** Counts what arrives at each receiver. */
class ReceiverMeter {
  readonly #received: number[]
  /** Messages that every receiver has. */
  slowest = 0
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined

  constructor(receivers: number) {
    this.#received = Array.from({ length: receivers }, () => 0)
  }

  /** Resolves when this receiver has got all messages. @throws CommandFailure when it ends before */
  async count(client: TmbClient, receiver: number, messages: number): Promise<void> {
    let received = 0
    for await (const batch of client.batches()) {
      received += batch.length
      this.#received[receiver] = received
      this.#update()
      if (received >= messages) return
    }
    const text = `${formatCount(received)} of ${formatCount(messages)} messages arrived at a receiver`
    throw new CommandFailure(exitCodes.refused, text)
  }

  /** Resolves when every receiver has so many. */
  reached(count: number): Promise<void> {
    if (this.slowest >= count) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting = { count, resolve }
    })
  }

  #update(): void {
    this.slowest = Math.min(...this.#received)
    if (this.#waiting === undefined || this.slowest < this.#waiting.count) return
    const { resolve } = this.#waiting
    this.#waiting = undefined
    resolve()
  }
}
