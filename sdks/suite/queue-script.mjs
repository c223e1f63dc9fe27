// The queue of a conversation: hands out what its script says and notes how each lease was settled.

import { fail } from './failure.mjs'
import { fakeNode, headsOf } from './fake-logs.mjs'

export function queueing(conversation, { settled }) {
  const settlements = []

  function consume(call) {
    const attempt = conversation.next('consume')
    if (attempt === undefined) return fail(call, { code: 'PERMISSION_DENIED', message: 'enough' })
    call.on('error', () => undefined)
    const { queue } = call.request
    for (const step of attempt.steps) {
      if (step.fail) return fail(call, step.fail)
      if (step.end) return call.end()
      for (const sequence of headsOf(step.lease)) {
        const attempts = step.attempts ?? 0
        call.write({
          message: jobOf(queue, sequence, attempts),
          lease_id: `lease-${sequence}-${attempts}`,
          lease_until_ms: 1_700_000_030_000,
        })
      }
    }
  }

  function settle({ request }, done) {
    for (const { lease_id, action, release, extend } of request.settlements) {
      const number = release?.delay_ms ?? extend?.lease_ms
      settlements.push(`${lease_id} ${action}${number === undefined ? '' : ` ${number}`}`)
    }
    done(null, { accepted: request.settlements.map(({ lease_id }) => !lease_id.endsWith('-gone')) })
  }

  return {
    queue: { Consume: consume, Settle: settle },
    check: () => {
      if (settled === undefined) return
      if (JSON.stringify(settlements) === JSON.stringify(settled)) return
      conversation.fault(
        `it settled ${JSON.stringify(settlements)}, not ${JSON.stringify(settled)}`,
      )
    },
  }
}

function jobOf(queue, sequence, attempts) {
  return {
    id: `job-${sequence}`,
    queue,
    topic: 'work',
    source: fakeNode('fake'),
    target: fakeNode(''),
    payload: Buffer.from(`j${sequence}`),
    headers: {},
    created_at_ms: 1_700_000_000_000 + sequence,
    sequence,
    attempts,
  }
}
