/**
 * The protocols of the daemon: for each its section of the configuration and how it starts. Adding
 * one is a line in each of the two tables, and its flag in settings.ts.
 */

import { z } from 'zod'
import type { AdapterContext, ProtocolAdapter } from '../protocols/adapter.ts'
import { busrtSettings, startBusrtAdapter } from '../protocols/busrt/index.ts'
import { grpcSettings, startGrpcAdapter } from '../protocols/grpc/index.ts'
import { httpSettings, startHttpAdapter } from '../protocols/http/index.ts'
import { mqttSettings, startMqttAdapter } from '../protocols/mqtt/index.ts'
import { startTmbAdapter, tmbSettings } from '../protocols/tmb/index.ts'
import { startWampAdapter, wampSettings } from '../protocols/wamp/index.ts'

export const protocolsSchema = z.strictObject({
  grpc: grpcSettings.prefault({}),
  http: httpSettings.prefault({}),
  tmb: tmbSettings.prefault({}),
  mqtt: mqttSettings.prefault({}),
  busrt: busrtSettings.prefault({}),
  wamp: wampSettings.prefault({}),
})

type ProtocolsConfig = z.output<typeof protocolsSchema>

/** Protocols with an adapter. */
export type ProtocolName = 'grpc' | 'busrt' | 'tmb' | 'mqtt' | 'wamp' | 'http'

type StartAdapter = (context: AdapterContext, config: ProtocolsConfig) => Promise<ProtocolAdapter>

/** In the order in which they start. */
export const adapters: Readonly<Record<ProtocolName, StartAdapter>> = {
  grpc: (context, config) => startGrpcAdapter(context, config.grpc),
  busrt: (context, config) => startBusrtAdapter(context, config.busrt),
  tmb: (context, config) => startTmbAdapter(context, config.tmb),
  mqtt: (context, config) => startMqttAdapter(context, config.mqtt),
  wamp: (context, config) => startWampAdapter(context, config.wamp),
  http: (context, config) => startHttpAdapter(context, config.http),
}

/** Whether somebody else has its default port is no sign that another daemon runs here. */
export const passedOverQuietly: ReadonlySet<ProtocolName> = new Set(['http', 'mqtt'])

/**
 * Started without an address, too: gRPC and WAMP when there is an HTTP port, where web pages reach them, the console
 * first of all; MQTT when it has bridges to dial.
 */
export function isNeededAnyway(name: ProtocolName, { http, mqtt }: ProtocolsConfig): boolean {
  if (name === 'grpc' || name === 'wamp') return http.listen.length > 0
  return name === 'mqtt' && mqtt.bridges.length > 0
}
