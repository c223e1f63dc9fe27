/**
 * What a node that lies says instead of the truth: one answer in a few is what no honest node answers.
 * Whoever pulls from it cuts it off and keeps nothing of such an answer.
 */

import type { MessageEnvelope, TopicHead } from '../../src/wire/gen/msgbus-v1.ts'
import {
  decodeLinkFrame,
  encodeLinkFrame,
  type LinkBatch,
  type LinkFrame,
} from '../../src/wire/gen/msgbus-link.ts'
import type { Random } from '../fuzz/random.ts'
import type { DistortFrame } from './sim-link.ts'
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

/** The same on a link. */
export function linkLiar(random: Random): DistortFrame {
  return (bytes) => {
    if (!random.once(6)) return bytes
    const frame = decodeLinkFrame(bytes)
    const [batch] = frame.batches
    if (batch !== undefined && batch.messages.length > 0) {
      return encodeLinkFrame({ ...frame, batches: [distortBatch(batch, random)] })
    }
    return random.one(frameLies)(frame)
  }
}

const name = { tenantId: 'sim', blName: 'test', deviceId: 'somebody else' }

const frameLies: readonly ((frame: LinkFrame) => Uint8Array)[] = [
  () => Uint8Array.of(0x0a, 0x7f),
  (frame) => encodeLinkFrame({ ...frame, hello: { version: 1, node: name, epoch: 'another' } }),
  (frame) => encodeLinkFrame({ ...frame, heads: [{ topic: 'events', headId: 3 }] }),
  (frame) => encodeLinkFrame({ ...frame, heads: [{ topic: 'events', origin: name, headId: 0 }] }),
  (frame) => encodeLinkFrame({ ...frame, heads: [{ topic: '', origin: name, headId: 1 }] }),
  (frame) => encodeLinkFrame({ ...frame, credit: 1_000_000_000 }),
  (frame) => encodeLinkFrame({ ...frame, batches: [{ number: 1_000_000, firstHeadId: 1 }] }),
  (frame) => encodeLinkFrame({ ...frame, wants: [{ number: 1, topic: 'events', origin: name }] }),
]

function distortBatch(batch: LinkBatch, random: Random): LinkBatch {
  const messages = batch.messages.map((message) => ({ ...message, payload: Buffer.from(lieMark) }))
  const lie = { ...batch, messages }
  const odd = messages.map((message) => ({ ...message, uuid: message.uuid.subarray(1) }))
  const nameless = messages.map((message) => ({ ...message, uuid: message.uuid.subarray(16) }))
  return random.one([
    { ...lie, firstHeadId: batch.firstHeadId + 1 },
    { ...lie, firstHeadId: 0 },
    { ...lie, number: batch.number + 1_000_000 },
    { ...lie, headId: Number.MAX_SAFE_INTEGER },
    { ...lie, messages: odd },
    { ...lie, messages: nameless },
  ])
}
