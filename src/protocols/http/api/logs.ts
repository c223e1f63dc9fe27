/** What is stored: messages of one log, heads of logs, and deleting. */

import { compareUtf8 } from '../../../core/log-order.ts'
import { z } from 'zod'
import { toDamageJson, toLogJson, toMessageJson, toNodeJson } from '../message-json.ts'
import { json, operation } from '../operation.ts'
import { filterOf, filterParam, originParam, param, parseNode, topicParam } from '../query.ts'
import { deletedSchema, fetchSchema, headsSchema } from '../schemas.ts'

/** Payloads and headers of one answer; one message comes whatever its size. */
const answerBytes = 4_194_304
const headsDefault = 1_000
const headsMost = 10_000

export const fetchMessages = operation({
  id: 'fetch',
  method: 'GET',
  path: '/v1/fetch',
  tag: 'messages',
  summary: 'Stored messages of one log, ascending.',
  description:
    'A log is what one node published on one topic. Unknown ones are empty. An answer may end before `limit`, since it has a bound in bytes; `next` tells where to go on.',
  query: z.strictObject({
    topic: topicParam,
    origin: originParam,
    from: param.integer('Head id to begin at; default 1.').optional(),
    limit: param.integer('Most messages; default 100.', 1).optional(),
  }),
  answer: { description: 'The messages.', schema: fetchSchema },
  async run({ client, context }, { topic, origin, from = 1, limit }) {
    const { limits, node } = context.bus
    const log = { topic, origin: origin === undefined ? node : parseNode(origin) }
    const messages = Math.min(limit ?? limits.fetchMessagesDefault, limits.fetchMessages)
    const page = await client.log.fetch(log, from, { messages, bytes: answerBytes })
    return json({
      topic,
      origin: toNodeJson(log.origin),
      messages: page.messages.map((message) => toMessageJson(message)),
      next: page.nextHead,
      headId: client.log.head(log) ?? 0,
      damaged: page.damaged.map(toDamageJson),
    })
  },
})

export const listHeads = operation({
  id: 'heads',
  method: 'GET',
  path: '/v1/heads',
  tag: 'messages',
  summary: 'Logs and how far they have come, by topic.',
  query: z.strictObject({
    filter: filterParam,
    after: param.text('Only topics after this one, by the bytes of their UTF-8.').optional(),
    limit: param
      .integer('About so many; logs of one topic stay together. Default 1,000.', 1, headsMost)
      .optional(),
  }),
  answer: { description: 'The logs.', schema: headsSchema },
  run({ client }, { filter, after, limit = headsDefault }) {
    const all = client.log.list(filter === undefined ? undefined : filterOf(filter))
    const start =
      after === undefined ? 0 : all.findIndex(({ topic }) => compareUtf8(topic, after) > 0)
    if (start === -1) return json({ logs: [], more: false })
    let end = Math.min(start + limit, all.length)
    while (end < all.length && all[end]?.topic === all[end - 1]?.topic) end += 1
    return json({ logs: all.slice(start, end).map(toLogJson), more: end < all.length })
  },
})

export const deleteMessages = operation({
  id: 'deleteMessages',
  method: 'DELETE',
  path: '/v1/messages',
  tag: 'messages',
  summary: 'Deletes messages that this daemon published.',
  description: 'Both ends are included. Head ids stay; their payloads and headers are erased.',
  query: z.strictObject({
    topic: topicParam,
    from: param.integer('First head id.'),
    to: param.integer('Last head id.'),
  }),
  answer: { description: 'How many were there.', schema: deletedSchema },
  async run({ client }, { topic, from, to }) {
    return json({ deleted: await client.log.deleteRange({ topic, fromHead: from, toHead: to }) })
  },
})
