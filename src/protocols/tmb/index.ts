/**
 * TMB: the text message bus, for telnet, netcat and every program that can write a line (spec/tmb), over TCP, TLS and Unix
 * sockets, and over WebSockets at `/tmb` of the HTTP port. docs/protocols/tmb.md says how it maps to the bus.
 */

import { z } from 'zod'
import { type Clock, systemClock } from '../../core/clock.ts'
import { tmbLimits } from '../../wire/tmb/limits.ts'
import type { AdapterContext, ProtocolAdapter } from '../adapter.ts'
import { tmbListenSetting } from './listen-addresses.ts'
import { TmbListener } from './listener.ts'

export const tmbSettings = z.strictObject({
  listen: tmbListenSetting(),
  maxClients: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe('Connections at a time; further ones are told so and closed.'),
  maxLineBytes: z
    .int()
    .min(tmbLimits.leastLineBytes)
    .max(tmbLimits.mostLineBytes)
    .default(tmbLimits.lineBytes)
    .describe('Longest line, without its end; longer ones are skipped and answered with an error.'),
  queueBytes: z
    .int()
    .min(262_144)
    .max(1_073_741_824)
    .default(8_388_608)
    .describe('Bytes that may wait for a client to read.'),
  totalQueueBytes: z
    .int()
    .min(1_048_576)
    .max(68_719_476_736)
    .default(268_435_456)
    .describe(
      'Bytes that may wait for all clients together; those that are behind share them evenly, each with 65536 at least.',
    ),
  slow: z
    .enum(['disconnect', 'latest', 'drop-new'])
    .default('disconnect')
    .describe(
      'A client whose queue is full is disconnected; or gets, when it reads again, the newest message of each category; or misses what comes until there is room.',
    ),
})

export type TmbConfig = z.output<typeof tmbSettings>

/** Binds every address or none. @throws the system's error, AdapterStartError */
export async function startTmbAdapter(
  context: AdapterContext,
  config: TmbConfig,
  clock: Clock = systemClock,
): Promise<ProtocolAdapter> {
  const listener = new TmbListener({ context, config, clock })
  try {
    await listener.bind()
  } catch (error) {
    await listener.stop(0)
    throw error
  }
  if (context.webSockets !== undefined) listener.join(context.webSockets)
  return {
    get listeners() {
      return listener.listeners
    },
    reloadTls: (tls) => listener.reloadTls(tls),
    stop: (graceMs) => listener.stop(graceMs),
  }
}
