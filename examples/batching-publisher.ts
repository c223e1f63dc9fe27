/**
 * Publishes 50,000 messages as fast as the daemon acknowledges them. `send` gives a promise only
 * when enough is on its way; waiting for it is all the back-pressure a program needs.
 *
 *   node dist/examples/batching-publisher.js [address]
 */

import { connect } from '../src/client/index.ts'

const total = 50_000
const bus = await connect(process.argv[2])
const publisher = bus.publisher({
  onRefused: (error, { topic }) => process.stderr.write(`${topic}: ${error.message}\n`),
})
try {
  const startedAt = performance.now()
  for (let i = 0; i < total; i++) await publisher.send('examples/batch', `message ${i}`)
  await publisher.flush()
  const seconds = (performance.now() - startedAt) / 1_000
  process.stdout.write(`${total} stored, ${Math.round(total / seconds)} per second\n`)
} finally {
  await publisher.close()
  bus.close()
}
