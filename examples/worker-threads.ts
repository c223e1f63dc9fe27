/**
 * Worker threads as clients of a bus: two of them count primes, work is handed out by calls, and progress
 * comes by publications. The same client as in the main thread, over one message per turn of the loop.
 *
 *   node dist/examples/worker-threads.js
 */

import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { Bus, connectPort } from '../src/embed/index.ts'

if (isMainThread) await main()
else await worker()

async function main(): Promise<void> {
  const bus = await Bus.open()
  const client = bus.connect({ name: 'main' })
  client.subscribeLive('progress/#', (message) => {
    print(`${message.from} has done ${message.text()}`)
  })

  const names = ['ann', 'ben']
  // Each says when its procedure is there.
  const allReady = new Promise<void>((resolve) => {
    let count = 0
    client.onMessage(() => {
      if (++count === names.length) resolve()
    })
  })
  for (const name of names) {
    bus.attach(new Worker(fileURLToPath(import.meta.url)), { name })
  }
  await allReady

  const ranges = Array.from({ length: 10 }, (_, i) => [i * 10_000, (i + 1) * 10_000] as const)
  const answers = await Promise.all(
    ranges.map((range, i) => client.call(`primes/${names[i % 2]}`, JSON.stringify(range))),
  )
  const primes = answers.reduce((sum, answer) => sum + Number(answer.text()), 0)
  print(`${primes} primes below 100000`)

  // Without a client the threads have nothing left to do, and end.
  await bus.close()
}

async function worker(): Promise<void> {
  const client = await connectPort(parentPort)
  await client.register(`primes/${client.name}`, (call) => {
    const [from, to] = call.json<[number, number]>()
    const found = Array.from({ length: to - from }, (_, i) => from + i).filter(isPrime).length
    void client.publishLive(`progress/${client.name}`, `${from} to ${to}`)
    return `${found}`
  })
  await client.send('main', 'ready')
}

function isPrime(value: number): boolean {
  for (let factor = 2; factor * factor <= value; factor++) if (value % factor === 0) return false
  return value > 1
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
