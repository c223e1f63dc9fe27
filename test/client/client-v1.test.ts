/** The client against daemons that speak v1 only, well and badly. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { connect } from '../../src/client/index.ts'
import { Failure, startFakeDaemon } from './fake-daemon.ts'

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'fake' }

function envelope(topic: string, headId: number) {
  const payload = Buffer.from(`m${headId}`)
  return {
    id: `id-${headId}`,
    topic,
    origin: node,
    headId,
    payload,
    createdAtMs: 1,
    deleted: false,
  }
}

test('smoke', async () => {
  const daemon = await startFakeDaemon({
    v1: {
      publish: (request) => ({
        message: { ...envelope(request.topic, 7), payload: request.payload },
      }),
      getHead: () => {
        throw new Failure(status.PERMISSION_DENIED, 'no')
      },
    },
  })
  const client = await connect(daemon.address)
  const message = await client.publish('a', 'hello')
  assert.equal(message.headId, 7n)
  assert.equal(message.text(), 'hello')
  await assert.rejects(client.getHead('a'), { code: 'permission_denied', message: 'no' })
  client.close()
  daemon.stop()
})
