/**
 * Nanoseconds per message for the generated codec: the message that everybody sends, alone and in
 * batches. The best of several rounds, since on a busy machine everything else is noise.
 */

import type { StoredMessage } from '../src/model/message.ts'
import { decodePublishResponse, encodePublishResponse } from '../src/wire/gen/msgbus-v1.ts'
import {
  decodePublishStreamRequest,
  decodeSubscribeResponse,
  encodePublishStreamRequest,
  encodeSubscribeResponse,
} from '../src/wire/gen/msgbus-v2.ts'

const batch = 100
const rounds = 15

const message: StoredMessage = {
  id: '0b9c8a4e-6f1d-4f0a-9d0b-3c2f1e0d9a87',
  topic: 'factory/line/7/temperature',
  origin: { tenantId: 'tenant', blName: 'default', deviceId: 'device' },
  headId: 123_456,
  sequence: 7_654_321,
  payload: new Uint8Array(100).fill(7),
  headers: new Map(),
  createdAtMs: 1_767_225_600_000,
  deleted: false,
}
const batched = { ...message, topic: '', origin: undefined }
const outgoing = { topic: '', payload: message.payload }

/** Prints one line per operation. `args`: messages per round, default 200,000. */
export function run(args: readonly string[] = []): void {
  const count = Number(args[0] ?? 200_000)
  const envelope = encodePublishResponse({ message })
  const delivery = { messages: [message, ...Array.from({ length: batch - 1 }, () => batched)] }
  const delivered = encodeSubscribeResponse(delivery)
  const publication = { batchId: 1, messages: Array.from({ length: batch }, () => outgoing) }
  const published = encodePublishStreamRequest(publication)
  const operations: [name: string, messages: number, work: () => unknown][] = [
    ['v1 PublishResponse encode', 1, () => encodePublishResponse({ message })],
    ['v1 PublishResponse decode', 1, () => decodePublishResponse(envelope)],
    ['v2 SubscribeResponse encode', batch, () => encodeSubscribeResponse(delivery)],
    ['v2 SubscribeResponse decode', batch, () => decodeSubscribeResponse(delivered)],
    ['v2 PublishStreamRequest encode', batch, () => encodePublishStreamRequest(publication)],
    ['v2 PublishStreamRequest decode', batch, () => decodePublishStreamRequest(published)],
  ]
  for (const [name, messages, work] of operations) {
    const ns = Math.round(bestNs(work, count / messages) / messages)
    process.stdout.write(`${name.padEnd(32)}${String(ns).padStart(6)} ns/message\n`)
  }
}

function bestNs(work: () => unknown, times: number): number {
  let best = Infinity
  for (let round = 0; round < rounds; round++) {
    const startedAt = process.hrtime.bigint()
    for (let i = 0; i < times; i++) work()
    best = Math.min(best, Number(process.hrtime.bigint() - startedAt) / times)
  }
  return best
}
