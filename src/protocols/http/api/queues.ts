/** FIFO queues: whoever asks takes from the front. Leases are for clients that stay connected, and so not here. */

import { z } from 'zod'
import type { NodeId } from '../../../model/node-id.ts'
import type { ApiCall } from '../api-call.ts'
import { messageHeadersOf } from '../message-headers.ts'
import { toQueueJson, toQueueMessageJson } from '../message-json.ts'
import { json, operation } from '../operation.ts'
import { param, parseNode } from '../query.ts'
import {
  deletedSchema,
  queueFrontSchema,
  queueMessageSchema,
  queuesSchema,
  settledSchema,
} from '../schemas.ts'

const queueParam = param.text('Name of the queue.')
const nobody: NodeId = { tenantId: '', blName: '', deviceId: '' }

export const listQueues = operation({
  id: 'queues',
  method: 'GET',
  path: '/v1/queues',
  tag: 'queues',
  summary: 'Every queue that was ever used, by name.',
  query: z.strictObject({}),
  answer: { description: 'The queues.', schema: queuesSchema },
  async run({ client }) {
    return json({ queues: (await client.queue.list()).map(toQueueJson) })
  },
})

export const enqueue = operation({
  id: 'enqueue',
  method: 'POST',
  path: '/v1/queues/enqueue',
  tag: 'queues',
  summary: 'Puts a message at the end of a queue.',
  description: 'The body is the payload. The answer comes when it is stored.',
  query: z.strictObject({
    queue: queueParam,
    topic: param.text('What the message is about; default: the name of the queue.').optional(),
    target: param.text('Node it is for, as `tenant/bl/device`; default: none.').optional(),
  }),
  headers: { 'msgbus-header-*': 'Header of the message, as for `publish`.' },
  body: { description: 'The payload.', content: { '*/*': undefined } },
  answer: { description: 'What is stored.', schema: queueMessageSchema },
  failures: { 413: 'The message is larger than the limit.', 507: 'The disk is full.' },
  async run(call, { queue, topic = queue, target }) {
    const payload = await call.body()
    const message = {
      queue,
      topic,
      source: call.context.bus.node,
      target: target === undefined ? nobody : parseNode(target),
      payload,
      headers: messageHeadersOf(call.request.headers),
    }
    const [stored] = await call.client.queue.enqueue([message])
    if (stored === undefined) throw new Error('the queue took nothing and did not say why')
    return json(toQueueMessageJson(stored))
  },
})

export const queueFront = operation({
  id: 'queueFront',
  method: 'GET',
  path: '/v1/queues/front',
  tag: 'queues',
  summary: 'The message at the front, which stays there.',
  query: z.strictObject({ queue: queueParam }),
  answer: { description: 'The message, or null.', schema: queueFrontSchema },
  async run({ client }, { queue }) {
    const message = await client.queue.peek(queue)
    return json({ message: message === undefined ? null : toQueueMessageJson(message) })
  },
})

const settleQuery = z.strictObject({
  queue: queueParam,
  id: param.text('Id of the message that is thought to be at the front.'),
})

export const acknowledge = operation({
  id: 'acknowledge',
  method: 'POST',
  path: '/v1/queues/ack',
  tag: 'queues',
  summary: 'Removes the message at the front, if it is this one.',
  query: settleQuery,
  answer: { description: 'Whether it was.', schema: settledSchema },
  async run(call: ApiCall, { queue, id }) {
    return json({ settled: await call.client.queue.ack(queue, id) })
  },
})

export const reject = operation({
  id: 'reject',
  method: 'POST',
  path: '/v1/queues/reject',
  tag: 'queues',
  summary: 'Counts an attempt on the message at the front, if it is this one.',
  query: settleQuery,
  answer: { description: 'Whether it was.', schema: settledSchema },
  async run(call: ApiCall, { queue, id }) {
    return json({ settled: await call.client.queue.reject(queue, id) })
  },
})

export const purgeQueue = operation({
  id: 'purgeQueue',
  method: 'DELETE',
  path: '/v1/queues',
  tag: 'queues',
  summary: 'Removes what is in a queue and not leased.',
  query: z.strictObject({ queue: queueParam }),
  answer: { description: 'How many were removed.', schema: deletedSchema },
  async run({ client }, { queue }) {
    return json({ deleted: await client.queue.purge(queue) })
  },
})
