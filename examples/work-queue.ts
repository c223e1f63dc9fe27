/**
 * Two workers share a queue. Each message goes to one of them; one that fails is given back and
 * comes again, to whoever is free.
 *
 *   node dist/examples/work-queue.js [address]
 */

import { codecs, connect } from '../src/client/index.ts'
import type { MsgbusClient } from '../src/client/index.ts'

interface Job {
  readonly n: number
}

const total = 20
const job = codecs.json<Job>()
const bus = await connect(process.argv[2])
const finished = new AbortController()
let done = 0

try {
  for (let n = 1; n <= total; n++) await bus.enqueueFifo('examples', 'jobs', { n }, { codec: job })
  const counts = await Promise.all(['ann', 'bob'].map((name) => work(bus, name)))
  process.stdout.write(`${done} jobs done, ${counts.join(' and ')} each\n`)
} finally {
  bus.close()
}

async function work(client: MsgbusClient, name: string): Promise<number> {
  const consumer = client.consume('examples', { maxInFlight: 2, codec: job })
  finished.signal.addEventListener('abort', () => consumer.close())
  let count = 0
  for await (const delivery of consumer) {
    const { attempts } = delivery.message
    if (delivery.value.n % 7 === 0 && attempts === 0) {
      process.stdout.write(`${name} fails at job ${delivery.value.n}\n`)
      await delivery.release({ delayMs: 10 })
    } else if (await delivery.ack()) {
      count += 1
      done += 1
      if (done === total) finished.abort()
    }
  }
  return count
}
