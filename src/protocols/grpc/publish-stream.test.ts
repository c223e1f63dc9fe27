/** The race at the opening of the store, which no real connection can be made to hit. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BusClient } from '../../core/bus-client.ts'
import { BusError } from '../../model/errors.ts'
import type { PublishStreamRequest } from '../../wire/gen/msgbus-v2.ts'
import type { Connection } from './connection.ts'
import { PublishStream } from './publish-stream.ts'
import type { ResponseStream } from './response-stream.ts'

test('what comes behind a batch that came too early is not stored before it', async () => {
  const published: string[] = []
  const starting = new BusError('unavailable', 'starting', 'not yet')
  let isOpen = false
  const client: Pick<BusClient, 'publish'> = {
    publish: async ([message]) => {
      if (!isOpen) throw starting
      published.push(message?.topic ?? '')
      return []
    },
  }
  let onData: ((request: PublishStreamRequest) => void) | undefined
  const requests = {
    pause: () => undefined,
    resume: () => undefined,
    on: (event: string, listener: typeof onData) => {
      if (event === 'data') onData = listener
    },
  }
  const failures: unknown[] = []
  const responses = {
    hasRoom: true,
    send: () => true,
    fail: (error: unknown) => failures.push(error),
    finish: () => undefined,
  }
  // Each has what the stream uses of it.
  const connection = { sender: () => ({ client }) } as unknown as Connection
  new PublishStream(connection, requests, responses as unknown as ResponseStream).start()
  const send = (topic: string) => {
    const message = { topic, payload: new Uint8Array(0), headers: new Map(), publishId: '' }
    onData?.({ batchId: 1, messages: [message], live: false, realtime: false, from: '' })
  }
  send('early')
  await new Promise((resolve) => setImmediate(resolve))
  isOpen = true
  send('late')
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(published, [])
  assert.equal(failures[0], starting)
})
