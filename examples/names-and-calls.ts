/**
 * Two programs in one: a kitchen that serves a procedure and has a name, and a waiter who calls it,
 * and whom the kitchen tells when the dish is ready.
 *
 *   node dist/examples/names-and-calls.js [address]
 */

import { CallError, codecs, connect } from '../src/client/index.ts'

interface Order {
  readonly dish: string
}

const order = codecs.json<Order>()
const [kitchen, waiter] = [await connect(process.argv[2]), await connect(process.argv[2])]

try {
  const chef = kitchen.join('examples.kitchen')
  const procedure = await kitchen.register('examples.order', async (call) => {
    const { dish } = call.json<Order>()
    if (dish === 'pizza') throw new CallError('examples.sold_out', { message: 'no more dough' })
    await chef.send(call.caller, `${dish} is ready`)
    return `${dish} will take a moment`
  })

  const me = waiter.join('examples.waiter')
  await me.ready()
  const answer = await me.call('examples.order', { dish: 'soup' }, { codec: order })
  process.stdout.write(`the kitchen answers: ${answer.text()}\n`)
  for await (const { sender, payload } of me) {
    process.stdout.write(`${sender} says: ${codecs.text.decode(payload)}\n`)
    break
  }
  try {
    await waiter.call('examples.order', { dish: 'pizza' }, { codec: order })
  } catch (error) {
    if (!(error instanceof CallError)) throw error
    process.stdout.write(`${error.errorName}: ${error.message}\n`)
  }
  await procedure.close()
} finally {
  kitchen.close()
  waiter.close()
}
