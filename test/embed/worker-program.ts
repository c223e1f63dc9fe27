/** What the worker threads of the tests do; `workerData.role` says which. They tell `main` when they are ready. */

import { workerData } from 'node:worker_threads'
import { type Client, connectPort } from '../../src/embed/index.ts'
import type { WorkerData } from './worker-data.ts'

const { role, port, gate, count = 0 } = workerData as WorkerData

const roles: Readonly<Record<WorkerData['role'], (client: Client) => unknown>> = {
  /** Sends back what it gets. */
  echo: (client) => {
    client.onMessage(async ({ from, payload }) => client.post(from, payload), { borrowed: true })
  },

  /** Stops its thread when it is told to, until the gate is opened; counts everything else. */
  stuck: (client) => {
    const flag = new Int32Array(gate ?? new SharedArrayBuffer(4))
    let taken = 0
    client.onMessage(async (message) => {
      const text = message.text()
      if (text === 'stick') {
        await client.send(message.from, 'stuck')
        Atomics.wait(flag, 0, 1)
      } else if (text === 'how many?') await client.send(message.from, `${taken}`)
      else taken += 1
    })
  },

  /** Numbers, to the client that a message names, as fast as there is room. */
  numbers: (client) => {
    client.onMessage(async (message) => {
      const name = message.text()
      for (let i = 0; i < count; i++) await client.post(name, `${i}`)
    })
  },

  /** Passes on what it gets. */
  relay: (client) => {
    client.onMessage(async ({ payload }) => client.post('main', payload))
  },

  /** Sends without waiting for room, and tells what that leads to. */
  careless: (client) => {
    client.onMessage(async ({ from }) => {
      let sent = 0
      try {
        for (; sent < count; sent++) void client.post(from, new Uint8Array(1_000))
      } catch (error) {
        const { reason } = error as { reason: string }
        await client.flush()
        await client.send(from, JSON.stringify({ sent, reason }))
      }
    })
  },

  /** Offers procedures, one of which calls back. */
  caller: async (client) => {
    await client.register('double', async (call) => {
      const answer = await client.call('add', `[${call.text()},${call.text()}]`)
      return answer.payload
    })
    await client.register('leave', () => process.exit(0))
  },

  /** Publishes and reads back, and answers with what it read. */
  publisher: async (client) => {
    await client.register('publish', async (call) => {
      const topic = call.text()
      const sending = Array.from({ length: count }, (_, i) => client.publish(topic, `${i}`))
      const heads = (await Promise.all(sending)).map((receipt) => receipt.headId)
      const read: string[] = []
      for await (const message of client.subscribe(topic)) {
        read.push(message.text())
        if (read.length === count) break
      }
      return JSON.stringify({ heads, read })
    })
  },

  /** Fails. */
  broken: () => {
    throw new Error('as the test wants it')
  },
}

const client = await connectPort(port)
await roles[role](client)
await client.send('main', 'ready')
