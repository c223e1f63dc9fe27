/** The client suite in process and over a message port, and what only one of them has. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { clientSuite } from './client-suite.ts'
import { connectPort } from './connect-port.ts'

clientSuite('in process, memory', { connect: async (bus, options) => bus.connect(options) })

clientSuite('in process, lmdb', {
  connect: async (bus, options) => bus.connect(options),
  busOptions: async (t) => {
    const data = await mkdtemp(join(tmpdir(), 'msgbus-embed-'))
    // Runs after the bus was closed, which the test registers later.
    t.after(() => rm(data, { recursive: true, force: true }))
    return { data }
  },
})

clientSuite('over a port, memory', {
  connect: async (bus, options) => {
    const { name, replace, ...rest } = options
    const { port1, port2 } = new MessageChannel()
    try {
      bus.attach(port1, { name, replace })
    } catch (error) {
      port1.close()
      throw error
    }
    return connectPort(port2, rest)
  },
})
