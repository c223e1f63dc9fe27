/**
 * WAMP as a participant of a test of all protocols: Autobahn|JS. Texts and octets are one argument each; headers it does
 * not show.
 */

import assert from 'node:assert/strict'
import { openAutobahn } from '../interop/wamp/clients.ts'
import { topicToUri, uriToTopic } from '../../src/wire/wamp/topic.ts'
import type { Scope } from './clean-up.ts'
import type { DaemonProcess } from './daemon-process.ts'
import { addressOf, Arrivals, type Participant, rootTopic, type Sample } from './participant.ts'

export async function joinWamp(t: Scope, daemon: DaemonProcess): Promise<Participant> {
  const url = `ws://${addressOf(daemon, 'http')}/wamp`
  const client = await openAutobahn(t, { url })
  const arrivals = new Arrivals()
  await client.subscribe(
    `${rootTopic}.`,
    ({ args: [value], details: { topic } }) => {
      assert(typeof topic === 'string')
      arrivals.add({ topic: uriToTopic(topic), payload: bytesOf(value) })
    },
    { match: 'prefix' },
  )
  const way = (acknowledge: boolean) => ({
    publish: ({ topic, payload }: Sample) =>
      client.publish(topicToUri(topic), [valueOf(payload)], {}, { acknowledge, exclude_me: false }),
    carries: ({ separator }: Sample) => separator === undefined,
  })
  return {
    ways: { 'not acknowledged': way(false), acknowledged: way(true) },
    next: () => arrivals.next(),
    seesSeparator: false,
  }
}

/** Octets as JSON has them in WAMP. */
function valueOf(payload: Buffer): string {
  return `\0${payload.toString('base64')}`
}

function bytesOf(value: unknown): Buffer {
  if (value === undefined) return Buffer.alloc(0)
  if (value instanceof Uint8Array) return Buffer.from(value)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.startsWith('\0') ? Buffer.from(text.slice(1), 'base64') : Buffer.from(text)
}
