/**
 * Everything that waits can be stopped: a call by its time-out, anything by an AbortSignal. Errors
 * are BusError; programs branch on `code`.
 *
 *   node dist/examples/request-with-abort.js [address]
 */

import { BusError, connect } from '../src/client/index.ts'

const bus = await connect(process.argv[2], { timeoutMs: 5_000 })
try {
  // Waits for a message that never comes, but not for ever.
  const signal = AbortSignal.timeout(100)
  for await (const message of bus.subscribe('examples/silence', { from: 'now', signal })) {
    process.stdout.write(`unexpected: ${message.text()}\n`)
  }
} catch (error) {
  if (!(error instanceof BusError) || error.code !== 'cancelled') throw error
  process.stdout.write('nothing came in time\n')
} finally {
  bus.close()
}
