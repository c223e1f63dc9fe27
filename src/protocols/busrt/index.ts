/**
 * BUS/RT: existing clients of that broker work unchanged, over Unix sockets, TCP and TLS (spec/busrt).
 * docs/protocols/busrt.md says how it maps to the bus and where we do better.
 */

import { z } from 'zod'
import { type Clock, systemClock } from '../../core/clock.ts'
import { listenSetting } from '../../net/listen-setting.ts'
import type { AdapterContext, ProtocolAdapter } from '../adapter.ts'
import { Admission } from '../admission.ts'
import { BrokerClient } from './broker-client.ts'
import { CallGate } from './call-gate.ts'
import { type Fifo, openFifo } from './fifo.ts'
import { BusrtListener } from './listener.ts'

export const busrtSettings = z
  .strictObject({
    listen: listenSetting('unix:<data>/busrt.sock', 'BUS/RT'),
    timeoutMs: z
      .int()
      .min(100)
      .max(3_600_000)
      .default(5_000)
      .describe(
        "The server's timeout: for each step of a registration and for the rest of a frame that was begun. A client that is silent for 1.25 times as long is dropped; it is pinged twice per timeout.",
      ),
    maxFrameBytes: z
      .int()
      .min(1_024)
      .max(1_073_741_824)
      .default(16_777_216)
      .describe('Largest frame; whoever sends a larger one is disconnected.'),
    forceRegister: z
      .boolean()
      .default(false)
      .describe(
        'A client that comes with a name that is taken gets it; the old one is disconnected.',
      ),
    fifos: z
      .array(z.string().regex(/^[^\0]+$/, 'a path is not empty and has no zero'))
      .default([])
      .describe(
        'Paths of named pipes that take commands, one per line; `<data>/` in front is the data folder. Made at start, removed at the end. Everybody who can reach the path may write.',
      ),
  })
  .superRefine(({ listen, fifos }, context) => {
    const path = ['fifos']
    if (fifos.length > 0 && listen.length === 0) {
      context.addIssue({
        code: 'custom',
        path,
        message: 'need BUS/RT to listen somewhere, and it is off',
      })
    }
    const twice = fifos.find((fifo, i) => fifos.indexOf(fifo) < i)
    if (twice !== undefined)
      context.addIssue({ code: 'custom', path, message: `${twice} is named twice` })
  })

export type BusrtConfig = z.output<typeof busrtSettings>

/** Binds every address and opens every pipe, or none. @throws the system's error, AdapterStartError */
export async function startBusrtAdapter(
  context: AdapterContext,
  config: BusrtConfig,
  clock: Clock = systemClock,
): Promise<ProtocolAdapter> {
  const { bus, logger, tls, version, webSockets } = context
  const admission = new Admission(context.authentication, 'busrt')
  const listener = new BusrtListener({ bus, admission, clock, logger, tls, config })
  // Before any socket opens, so that nobody else can be first.
  const broker = new BrokerClient({ bus, clock, version })
  const gate = new CallGate({ bus })
  const fifos: Fifo[] = []
  let closeWebSocketGate: (() => void) | undefined
  const stop = async (graceMs: number) => {
    closeWebSocketGate?.()
    await Promise.all(fifos.map((fifo) => fifo.close()))
    await listener.stop(graceMs)
    broker.close()
    gate.close()
  }
  try {
    // First the addresses: whoever has them, another daemon perhaps, has the pipes too.
    await listener.bind()
    for (const path of config.fifos) fifos.push(await openFifo({ path, broker, clock, logger }))
    closeWebSocketGate = webSockets?.add(listener.webSocketGate)
  } catch (error) {
    await stop(0)
    throw error
  }
  return {
    get listeners() {
      return listener.listeners
    },
    reloadTls: (next) => listener.reloadTls(next),
    stop,
  }
}
