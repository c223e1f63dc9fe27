// Proves what the daemon answers while its store is being opened and when it cannot be opened
// (spec/msgbus-v1 6.2, case 111), and that it can be stopped meanwhile.

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { status } from '@grpc/grpc-js'
import { silentLogger } from '../../src/core/logger.ts'
import type { LogStore } from '../../src/core/log-store.ts'
import { loadConfig } from '../../src/daemon/config.ts'
import { startDaemon } from '../../src/daemon/daemon.ts'
import { openStore } from '../../src/daemon/open-store.ts'
import { StartError } from '../../src/daemon/start-error.ts'
import { cleanUp } from './clean-up.ts'
import { temporaryFolder } from './daemon-process.ts'
import { connectV1 } from './v1-client.ts'

/** A daemon in this process whose store opens when the test says so. */
async function startWithDoor(t: TestContext) {
  const data = temporaryFolder(t)
  const env = {
    MSGBUS_LISTEN: '127.0.0.1:0',
    MSGBUS_HTTP: '127.0.0.1:0',
    MSGBUS_DATA: data,
    MSGBUS_STORAGE: 'memory',
  }
  const door = new EventEmitter<{ open: []; error: [Error] }>()
  const isOpen = once(door, 'open')
  const opened: LogStore[] = []
  const daemon = await startDaemon(
    loadConfig({ flags: new Map(), env }),
    silentLogger,
    async (...args) => {
      await isOpen
      const store = await openStore(...args)
      opened.push(store)
      return store
    },
  )
  const letIn = () => door.emit('open')
  const refuse = (error: Error) => door.emit('error', error)
  cleanUp(t, () => {
    letIn()
    return daemon.stop()
  })
  const grpc = daemon.listeners.find(({ protocol }) => protocol === 'grpc')
  const http = daemon.listeners.find(({ protocol }) => protocol === 'http')
  const client = connectV1(t, grpc?.address ?? '')
  const readyz = async () => {
    const response = await fetch(`http://${http?.address}/readyz`)
    return [response.status, await response.json()]
  }
  return { daemon, client, readyz, data, opened, letIn, refuse }
}

interface ReadyAnswer {
  readonly ready: boolean
  readonly status: string
  readonly error: string
}

test('111: SERVING at once, NOT_READY and UNAVAILABLE until the store is open, then READY', async (t) => {
  const { daemon, client, readyz, data, letIn } = await startWithDoor(t)
  assert.equal((await client.call<{ status: string }>('Health')).status, 'SERVING')
  const before = await client.call<ReadyAnswer>('Ready')
  assert.deepEqual([before.ready, before.status], [false, 'NOT_READY'])
  assert.notEqual(before.error, '')
  assert.deepEqual(await readyz(), [503, { status: 'not_ready', reason: before.error }])
  for (const rpc of ['Publish', 'GetHead', 'EnqueueFifo']) {
    const request = { topic: 'a', queue: 'q', target: {} }
    await assert.rejects(client.call(rpc, request), { code: status.UNAVAILABLE }, rpc)
  }
  await assert.rejects(client.collect('Fetch', { topic: 'a' }), { code: status.UNAVAILABLE })
  assert.equal(existsSync(join(data, 'ready.json')), false)

  letIn()
  await daemon.ready
  const after = await client.call<ReadyAnswer>('Ready')
  assert.deepEqual([after.ready, after.status, after.error], [true, 'READY', ''])
  assert.deepEqual(await readyz(), [200, { status: 'ready' }])
  assert.equal(existsSync(join(data, 'ready.json')), true)
  await client.call('Publish', { topic: 'a' })
})

test('a store that cannot be opened is the answer to everybody, and a StartError', async (t) => {
  const { daemon, client, refuse } = await startWithDoor(t)
  refuse(new StartError('the disk is gone'))
  await assert.rejects(daemon.ready, /the disk is gone/)
  assert.equal((await client.call<{ status: string }>('Health')).status, 'SERVING')
  const answer = await client.call<ReadyAnswer>('Ready')
  assert.deepEqual([answer.ready, answer.error], [false, 'the disk is gone'])
})

test('told to stop while it opens, it waits for the store only to close it', async (t) => {
  const { daemon, data, opened, letIn } = await startWithDoor(t)
  const stopped = daemon.stop()
  letIn()
  await stopped
  await daemon.ready
  assert.equal(existsSync(join(data, 'ready.json')), false)
  await assert.rejects(opened[0]?.append([]) ?? assert.fail(), { reason: 'shutting_down' })
})

test('a store that is refused at once is no loose end, whether the adapters start or not', async (t) => {
  const env = { MSGBUS_HTTP: 'off', MSGBUS_DATA: temporaryFolder(t) }
  const start = (listen: string) => {
    const loaded = loadConfig({ flags: new Map(), env: { ...env, MSGBUS_LISTEN: listen } })
    return startDaemon(loaded, silentLogger, refuseAtOnce)
  }
  const daemon = await start('127.0.0.1:0')
  cleanUp(t, () => daemon.stop())
  await assert.rejects(daemon.ready, /in use by process 1/)
  // The port is taken now, too; what explains both goes first.
  await assert.rejects(start(daemon.listeners[0]?.address ?? ''), /in use by process 1/)
  await assert.rejects(start('off'), /in use by process 1/)
})

function refuseAtOnce(): Promise<LogStore> {
  return Promise.reject(new StartError('in use by process 1'))
}
