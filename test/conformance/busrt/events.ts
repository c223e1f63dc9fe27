/** The events of the broker (spec/busrt 5.2) as a client receives them. */

import assert from 'node:assert/strict'
import { decode } from '@msgpack/msgpack'
import { publicationFrom } from './bytes.ts'
import { janitor } from './case.ts'
import type { RawClient } from './raw-client.ts'

export interface BrokerEvent {
  readonly subject: string
  /** Absent where the event is not about a client. */
  readonly name: string | undefined
  readonly atNs: bigint
}

/** The next frame, which must be an event on `topic`. */
export async function nextEvent(client: RawClient, topic = '.broker/info'): Promise<BrokerEvent> {
  for (;;) {
    const event = parseEvent(await client.frame(), topic)
    if (event.name !== janitor) return event
  }
}

function parseEvent(frame: Buffer, topic: string): BrokerEvent {
  const start = publicationFrom('.broker', topic, '').length
  const payload = frame.subarray(start)
  assert.equal(
    frame.subarray(0, start).toString('hex'),
    publicationFrom('.broker', topic, payload).subarray(0, start).toString('hex'),
  )
  const map = decode(payload, { useBigInt64: true }) as Record<string, unknown>
  const { s, d, t } = map
  assert.deepEqual(Object.keys(map), d === undefined ? ['s', 't'] : ['s', 'd', 't'])
  assert.ok(typeof s === 'string' && (d === undefined || typeof d === 'string'))
  // Nine bytes at the end: a 64-bit integer, whatever its value.
  assert.equal(payload.at(-9), 0xcf)
  assert.ok(typeof t === 'bigint')
  return { subject: s, name: d, atNs: t }
}
