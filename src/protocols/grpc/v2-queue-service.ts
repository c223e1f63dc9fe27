/** `msgbus.v2.QueueService`: queues shared by consumers that wait, lease and settle. */

import type { Settlement } from '../../core/bus-client.ts'
import { BusError } from '../../model/errors.ts'
import {
  encodeConsumeResponse,
  queueService,
  type Settlement as WireSettlement,
} from '../../wire/gen/msgbus-v2.ts'
import type { AdapterContext } from '../adapter.ts'
import type { Calls } from './calls.ts'
import { checkNodeId, isAbsent } from './translate.ts'

const noTarget = { tenantId: '', blName: '', deviceId: '' }

export function addQueueService(calls: Calls, { bus }: AdapterContext): void {
  const { node, limits } = bus

  calls.unary(queueService.enqueue, async ({ messages }, { client }) => {
    const outgoing = messages.map(({ target, ...message }) => {
      if (isAbsent(target)) return { ...message, source: node, target: noTarget }
      checkNodeId(target, limits)
      return { ...message, source: node, target }
    })
    return { messages: await client.queue.enqueue(outgoing) }
  })
  calls.serverStream(queueService.consume, (request, responses, { client }) => {
    const options = {
      queue: request.queue,
      maxInFlight: request.maxInFlight === 0 ? undefined : request.maxInFlight,
      leaseMs: request.leaseMs === 0 ? undefined : request.leaseMs,
    }
    const consumer = client.queue.consume(options, {
      // What is in flight is bounded by the number of leases, so nothing needs to wait for room.
      deliver: (message, leaseId, leaseUntilMs) => {
        responses.send([encodeConsumeResponse({ message, leaseId, leaseUntilMs })])
      },
      end: (error) => responses.fail(error),
    })
    responses.onEnd(() => consumer.close())
  })
  calls.unary(queueService.settle, async ({ settlements }, { client }) => {
    return { accepted: await client.queue.settle(settlements.map(toSettlement)) }
  })
  calls.unary(queueService.listQueues, async (_request, { client }) => {
    const queues = await client.queue.list()
    return { queues: queues.map((info) => ({ ...info, oldestAtMs: info.oldestAtMs ?? 0 })) }
  })
  calls.unary(queueService.purgeQueue, async ({ queue }, { client }) => {
    return { removed: await client.queue.purge(queue) }
  })
}

function toSettlement({ queue, leaseId, action }: WireSettlement): Settlement {
  switch (action?.case) {
    case 'acknowledge':
      return { queue, leaseId, action: 'acknowledge' }
    case 'release':
      return { queue, leaseId, action: 'release', delayMs: action.value.delayMs }
    case 'extend':
      return { queue, leaseId, action: 'extend', leaseMs: action.value.leaseMs }
    case undefined: {
      const text = 'a settlement needs an action: acknowledge, release or extend'
      throw new BusError('invalid_argument', 'unsupported', text)
    }
  }
}
