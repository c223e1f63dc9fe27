/**
 * Child of the bench `embed`: passes messages in process, to a worker thread, from one, or there and back,
 * over the embedded bus or by `postMessage` one by one, and prints what that took.
 */

import { fileURLToPath } from 'node:url'
import { isMainThread, type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads'
import { Bus, type Client, connectPort } from '../src/embed/index.ts'
import { answer, childOptions } from './child.ts'
import { usageOf } from './process-usage.ts'

export interface EmbedLoadOptions {
  readonly way:
    'in process' | 'in process, acknowledged' | 'to worker' | 'from worker' | 'round trip'
  /** `plain`: one `postMessage` per message. */
  readonly over: 'bus' | 'plain'
  readonly payloadBytes: number
  /** Round trips under way at the same time. */
  readonly inFlight: number
  readonly seconds: number
}

export interface EmbedLoadResult {
  /** Round trips for the way `round trip`. */
  readonly messagesPerSecond: number
  /** Of both threads. */
  readonly cpuMicrosPerMessage: number
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** How one side sends, and what it does with what comes. */
interface Side {
  send(payload: Uint8Array): Promise<void> | undefined
  onMessage(handler: (payload: Uint8Array) => void): void
}

const block = 2_000

function clientSide(client: Client, to: string): Side {
  return {
    send: (payload) => client.post(to, payload),
    onMessage: (handler) => client.onMessage(({ payload }) => handler(payload)),
  }
}

function plainSide(port: MessagePort | Worker): Side {
  return {
    send: (payload) => {
      port.postMessage(payload)
      return undefined
    },
    onMessage: (handler) => port.on('message', handler),
  }
}

/** Sends until told to stop, `inFlight` blocks ahead at most: the receiver acknowledges each. */
class Pump {
  readonly #side: Side
  readonly #payload: Uint8Array
  #acknowledged = 0
  #wake: (() => void) | undefined
  isStopped = false

  constructor(side: Side, payloadBytes: number) {
    this.#side = side
    this.#payload = new Uint8Array(payloadBytes)
  }

  acknowledge(): void {
    this.#acknowledged += 1
    this.#wake?.()
  }

  async run(): Promise<void> {
    for (let sent = 0; !this.isStopped; sent++) {
      for (let i = 0; i < block; i++) {
        const room = this.#side.send(this.#payload)
        if (room !== undefined) await room
      }
      while (sent - this.#acknowledged > 4) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}

/** Counts, and says so after each block. */
function counter(side: Side, onBlock: () => void): void {
  let count = 0
  side.onMessage(() => {
    count += 1
    if (count % block === 0) onBlock()
  })
}

async function workerSide({ way, over, payloadBytes }: EmbedLoadOptions): Promise<void> {
  const side = over === 'bus' ? clientSide(await connectPort(), 'main') : parentSide()
  if (way === 'round trip') side.onMessage((payload) => void side.send(payload))
  if (way === 'to worker') counter(side, () => void side.send(new Uint8Array(1)))
  if (way === 'from worker') {
    const pump = new Pump(side, payloadBytes)
    side.onMessage(() => pump.acknowledge())
    await pump.run()
  }
}

function parentSide(): Side {
  if (parentPort === null) throw new Error('this is no worker thread')
  return plainSide(parentPort)
}

async function mainSide(options: EmbedLoadOptions): Promise<void> {
  const { way, over, payloadBytes, inFlight, seconds } = options
  const bus = await Bus.open()
  const main = bus.connect({ name: 'main' })
  const inProcess = way.startsWith('in process')
  const worker = inProcess
    ? undefined
    : new Worker(fileURLToPath(import.meta.url), { workerData: options })
  if (worker !== undefined && over === 'bus') bus.attach(worker, { name: 'other' })
  const side =
    worker !== undefined && over === 'plain' ? plainSide(worker) : clientSide(main, 'other')

  let messages = 0
  if (way === 'in process') {
    const pump = new Pump(side, payloadBytes)
    counter(clientSide(bus.connect({ name: 'other' }), 'main'), () => {
      messages += block
      pump.acknowledge()
    })
    void pump.run()
  } else if (way === 'in process, acknowledged') {
    bus.connect({ name: 'other' }).onMessage(() => {
      messages += 1
    })
    const payload = new Uint8Array(payloadBytes)
    void (async () => {
      for (;;) {
        for (let i = 0; i < block; i++) await main.send('other', payload)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
  } else if (way === 'to worker') {
    const pump = new Pump(side, payloadBytes)
    side.onMessage(() => {
      messages += block
      pump.acknowledge()
    })
    void pump.run()
  } else if (way === 'from worker') {
    counter(side, () => {
      messages += block
      void side.send(new Uint8Array(1))
    })
  } else {
    const payload = new Uint8Array(payloadBytes)
    side.onMessage(() => {
      messages += 1
      void side.send(payload)
    })
    for (let i = 0; i < inFlight; i++) void side.send(payload)
  }

  await wait(Math.min(1_000, seconds * 500))
  const before = { messages, usage: usageOf('self'), at: performance.now() }
  await wait(seconds * 1_000)
  const count = messages - before.messages
  const elapsed = (performance.now() - before.at) / 1_000
  const cpuSeconds = usageOf('self').cpuSeconds - before.usage.cpuSeconds
  answer({
    messagesPerSecond: count / elapsed,
    cpuMicrosPerMessage: (cpuSeconds * 1e6) / count,
  } satisfies EmbedLoadResult)
  // The other side does not stop by itself.
  process.exit()
}

if (isMainThread) await mainSide(childOptions() as EmbedLoadOptions)
else await workerSide(workerData as EmbedLoadOptions)
