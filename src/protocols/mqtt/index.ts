/**
 * MQTT 3.1, 3.1.1 and 5.0 (spec/mqtt): existing clients work unchanged, over TCP, TLS, Unix sockets and WebSockets.
 * docs/protocols/mqtt.md says how it maps to the bus.
 */

import { z } from 'zod'
import { type Clock, systemClock } from '../../core/clock.ts'
import { formatListenAddress } from '../../net/address.ts'
import { listenSetting } from '../../net/listen-setting.ts'
import { ProxySources } from '../../net/proxy-protocol.ts'
import type { AdapterContext, ProtocolAdapter } from '../adapter.ts'
import type { MqttAdministration } from '../mqtt-administration.ts'
import { bridgesSetting } from './bridge/bridge-settings.ts'
import { Bridges } from './bridge/bridge.ts'
import { Admission } from '../admission.ts'
import { MqttListener } from './listener.ts'

const seconds = () => z.int().min(0).max(0xffff_fffe)

const settings = z.strictObject({
  listen: listenSetting('127.0.0.1:1883', 'MQTT'),
  connectTimeoutMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(10_000)
    .describe('Time for CONNECT, from the moment when the connection is there.'),
  maxPacketBytes: z
    .int()
    .min(1_024)
    .max(268_435_460)
    .default(1_048_576)
    .describe('Largest packet; whoever sends a larger one is disconnected.'),
  receiveMaximum: z
    .int()
    .min(1)
    .max(65_535)
    .default(100)
    .describe('Messages of QoS 1 and 2 that a client of 5.0 may have under way.'),
  window: z
    .int()
    .min(1)
    .max(65_535)
    .default(100)
    .describe('Messages of QoS 1 and 2 under way to a client that does not say how many it takes.'),
  topicAliasMaximum: z
    .int()
    .min(0)
    .max(65_535)
    .default(32)
    .describe('Topic aliases a client may use, and the most the daemon uses towards one.'),
  sessionExpirySeconds: seconds()
    .default(604_800)
    .describe(
      'How long sessions are kept at most while their client is away; 0: as long as it asks.',
    ),
  maxKeepAliveSeconds: z
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .describe('Longest keep alive of clients of 5.0, who are told; 0: theirs.'),
  outboxBytes: z
    .int()
    .min(65_536)
    .max(1_073_741_824)
    .default(4_194_304)
    .describe(
      'What may wait for a client to read. Above it, messages that are not stored are dropped for it, and stored ones wait in the log.',
    ),
  proxyProtocol: z
    .strictObject({
      listen: listenSetting('off', 'MQTT behind a proxy').describe(
        'Those of the addresses in `listen` on which every connection begins with a PROXY protocol header (version 1 or 2); `off` for none.',
      ),
      from: z
        .array(
          z.string().superRefine((text, context) => {
            const fault = ProxySources.faultOf(text)
            if (fault !== undefined) context.addIssue(fault)
          }),
        )
        .default(['127.0.0.1', '::1'])
        .describe('Addresses and networks of the proxies; nobody else is served there.'),
    })
    .prefault({}),
  bridges: bridgesSetting,
})

export const mqttSettings = settings.superRefine(({ listen, proxyProtocol }, context) => {
  const known = new Set(listen.map(formatListenAddress))
  for (const each of proxyProtocol.listen.map(formatListenAddress)) {
    if (!known.has(each))
      context.addIssue(`proxyProtocol.listen: ${each} is not among those of listen`)
  }
})

export type MqttConfig = z.output<typeof mqttSettings>

/** Binds every address or none. @throws the system's error */
export async function startMqttAdapter(
  context: AdapterContext,
  config: MqttConfig,
  clock: Clock = systemClock,
): Promise<ProtocolAdapter> {
  const { bus, logger, tls, webSockets, version } = context
  const admission = new Admission(context.authentication, 'mqtt')
  const listener = new MqttListener({
    bus,
    admission,
    clock,
    logger,
    tls,
    webSockets,
    config,
    version,
  })
  const { sessions, counters } = listener
  try {
    await listener.bind()
  } catch (error) {
    await listener.stop(0)
    throw error
  }
  const { mqtt } = context
  const bridges = new Bridges({ bus, clock, logger, sessions, counters, config })
  if (mqtt !== undefined) mqtt.administration = administrationOf(listener, bridges)
  return {
    get listeners() {
      return listener.listeners
    },
    reloadTls: (next) => listener.reloadTls(next),
    async stop(graceMs) {
      if (mqtt !== undefined) mqtt.administration = undefined
      await bridges.stop()
      await listener.stop(graceMs)
    },
  }
}

function administrationOf(
  { sessions, counters }: MqttListener,
  bridges: Bridges,
): MqttAdministration {
  return {
    sessions: () => sessions.summaries(),
    session: (clientId) => sessions.summary(clientId),
    removeSession: (clientId) => sessions.remove(clientId),
    bridges: () =>
      bridges.status().map(({ version = 0, ...status }) => {
        return { ...status, version }
      }),
    figures: () => {
      return {
        sessions: sessions.size,
        sessionsConnected: sessions.connected,
        inFlight: sessions.inFlight,
        connectionsTotal: counters.connections,
        connectionsRefusedTotal: counters.connectionsRefused,
        receivedTotal: counters.received,
        sentTotal: counters.sent,
        droppedTotal: counters.dropped,
      }
    },
  }
}
