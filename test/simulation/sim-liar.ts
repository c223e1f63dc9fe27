/**
 * What a node that lies says instead of the truth: one answer in a few is what no honest node answers.
 * Whoever pulls from it cuts it off and keeps nothing of such an answer.
 */

import type { MessageEnvelope, TopicHead } from '../../src/wire/gen/msgbus-v1.ts'
import type { Random } from '../fuzz/random.ts'
import type { Distort } from './sim-v1.ts'

/** What a lie of this file carries; no honest node may ever store it. */
export const lieMark = 'a lie'

export function liar(random: Random): Distort {
  return (method, answer) => {
    if (!random.once(4)) return answer
    if (method === 'listHeads') return distortHeads(answer as TopicHead[], random)
    if (method === 'fetch') return distortMessage(answer as MessageEnvelope, random)
    return answer
  }
}

function distortHeads(heads: readonly TopicHead[], random: Random): TopicHead[] {
  const [first, ...rest] = heads
  if (first === undefined) return []
  const lies: readonly TopicHead[] = [
    { ...first, origin: undefined },
    { ...first, headId: 0 },
    { ...first, headId: Number.MAX_SAFE_INTEGER },
    { ...first, topic: ' ' },
    { ...first, topic: 'a\0b' },
    // True, but twice.
    first,
  ]
  const lie = random.one(lies)
  return lie === first ? [first, first, ...rest] : [lie, ...rest]
}

function distortMessage(message: MessageEnvelope, random: Random): MessageEnvelope {
  const { headId, topic } = message
  const lie = { ...message, payload: Buffer.from(lieMark) }
  return random.one([
    { ...lie, headId: headId + 1 },
    { ...lie, headId: headId + 1_000 },
    { ...lie, headId: 0 },
    { ...lie, topic: `${topic}/other` },
    { ...lie, origin: undefined },
    { ...lie, origin: { tenantId: 'sim', blName: 'test', deviceId: 'somebody else' } },
    { ...lie, id: '' },
  ])
}
