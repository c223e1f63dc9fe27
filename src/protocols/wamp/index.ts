/**
 * WAMP v2 (spec/wamp): a router, broker and dealer, over WebSocket at `/wamp` and `/ws` of the HTTP port and over
 * RawSocket. docs/protocols/wamp.md says how it maps to the bus.
 */

import { z } from 'zod'
import { openAuthentication } from '../../core/authentication.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { listenSetting } from '../../net/listen-setting.ts'
import type { AdapterContext, ProtocolAdapter } from '../adapter.ts'
import { WampListener } from './listener.ts'

const callQueueSettings = z.strictObject({
  procedure: z.string().max(1_024).describe('As callees register it.'),
  match: z
    .enum(['exact', 'prefix', 'wildcard'])
    .default('exact')
    .describe('How `procedure` is compared with what is registered.'),
  places: z.int().min(1).max(10_000).describe('Calls that may wait; more are refused.'),
})

const realmSettings = z.strictObject({
  name: z.string().min(1).max(255).describe('As clients name it in HELLO.'),
  uriCheck: z
    .enum(['loose', 'strict'])
    .default('loose')
    .describe('`strict`: components of URIs have lower-case letters, digits and `_` only.'),
  disclose: z
    .enum(['ask', 'always', 'never'])
    .default('ask')
    .describe('Whether receivers are told who published or called: as asked for, always, never.'),
  callQueues: z
    .array(callQueueSettings)
    .max(1_000)
    .default([])
    .describe(
      'Procedures whose calls wait while all who serve them have as many as they take (`concurrency`); the first that matches counts, other calls are refused.',
    ),
})

const sessionLimit = z.int().min(1).max(1_000_000).default(1_000)

export const wampSettings = z.strictObject({
  listen: listenSetting('off', 'RawSocket'),
  realms: z
    .array(realmSettings)
    .min(1)
    .max(1_000)
    .default([{ name: 'realm1', uriCheck: 'loose', disclose: 'ask', callQueues: [] }])
    .describe('Realms there are. All share the topics of the bus, and nothing else.'),
  requestIds: z
    .enum(['lenient', 'strict'])
    .default('lenient')
    .describe(
      '`strict`: requests of a client are numbered 1, 2, 3 …; anything else is a violation.',
    ),
  hideAgent: z.boolean().default(false).describe('WELCOME does not tell name and version.'),
  joinTimeoutMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(10_000)
    .describe('Time for HELLO, and for AUTHENTICATE after a challenge.'),
  maxMessageBytes: z
    .int()
    .min(512)
    .max(16_777_216)
    .default(16_777_216)
    .describe('Largest message; for RawSocket the next lower power of two.'),
  outboxBytes: z
    .int()
    .min(65_536)
    .max(1_073_741_824)
    .default(4_194_304)
    .describe(
      'What may wait for a client to read. Above it, events that are not stored are dropped for it, and stored ones wait in the log.',
    ),
  hardOutboxBytes: z
    .int()
    .min(65_536)
    .max(1_073_741_824)
    .default(16_777_216)
    .describe('Who has so much waiting is disconnected.'),
  perSession: z
    .strictObject({
      subscriptions: sessionLimit.describe('Most subscriptions of a session; more are refused.'),
      registrations: sessionLimit.describe('Most registrations of a session.'),
      calls: sessionLimit.describe('Most calls under way of a session.'),
    })
    .prefault({})
    .describe('What one session may have at a time; more is refused with `not_authorized`.'),
  messagesPerSecond: z
    .int()
    .min(4)
    .max(10_000_000)
    .optional()
    .describe(
      'Messages of a connection that are read in a second; then it waits. Default: any number.',
    ),
  stalledMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(60_000)
    .describe('Who reads nothing for so long while more than `outboxBytes` wait is disconnected.'),
})

export type WampConfig = z.output<typeof wampSettings>

/** Binds every address or none. @throws the system's error */
export async function startWampAdapter(
  context: AdapterContext,
  config: WampConfig,
  clock: Clock = systemClock,
): Promise<ProtocolAdapter> {
  const { bus, logger, tls, webSockets, version, authentication = openAuthentication } = context
  const options = { bus, clock, logger, tls, webSockets, config, version, authentication }
  const listener = new WampListener(options)
  try {
    await listener.bind()
  } catch (error) {
    await listener.stop(0)
    throw error
  }
  return {
    get listeners() {
      return listener.listeners
    },
    reloadTls: (next) => listener.reloadTls(next),
    stop: (graceMs) => listener.stop(graceMs),
  }
}
