/** All operations of the API, in the order of the document. */

import type { Operation } from '../operation.ts'
import { broadcast, callProcedure, listClients, send } from './clients.ts'
import { deleteMessages, fetchMessages, listHeads } from './logs.ts'
import { publish } from './publish.ts'
import { acknowledge, enqueue, listQueues, purgeQueue, queueFront, reject } from './queues.ts'
import { getStatus, listPeers, listRules } from './status.ts'
import { subscribe } from './subscribe.ts'
import { lastValues, topic, topicLevel } from './topics.ts'

export const operations: readonly Operation[] = [
  publish,
  subscribe,
  fetchMessages,
  listHeads,
  deleteMessages,
  lastValues,
  topicLevel,
  topic,
  listQueues,
  enqueue,
  queueFront,
  acknowledge,
  reject,
  purgeQueue,
  listClients,
  send,
  broadcast,
  callProcedure,
  getStatus,
  listPeers,
  listRules,
]
