/**
 * Programs that talk over the text bus: a lamp says how it is, a panel that is started later knows it at
 * once and follows it. Here both are in one file; a person with telnet can be either.
 *
 *   node dist/examples/tmb-lamp.js [address]
 */

import { connect } from '../src/client/tmb/index.ts'

// Without one, the ports 4711 to 4720 of this machine are tried: `npm start` listens at the first.
const address = process.argv[2]

const lamp = await connect({ address })
try {
  await lamp.publish('/hall/lamp/state', 'on')
  await lamp.publish('/hall/lamp/level', '70 %')
  // Nothing is acknowledged; an answer means that all before it was read.
  await lamp.ping()

  const panel = await connect({ address })
  try {
    await panel.watch('begins-with', '/hall/lamp/')
    await lamp.publish('/hall/lamp/state', 'off')
    for await (const message of panel) {
      const since = message.isSnapshot ? 'was' : 'is now'
      process.stdout.write(`${message.categoryText} ${since} ${message.text()}\n`)
      if (!message.isSnapshot) break
    }
  } finally {
    await panel.close()
  }
} finally {
  await lamp.close()
}
