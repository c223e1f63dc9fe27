/**
 * gRPC: the frozen contract `msgbus.v1`, ours beyond it (`msgbus.v2`), and the standard health and
 * reflection services, on grpc-js with our own codec (architecture 11, 12). Pages get the same methods through a
 * WebSocket on the HTTP port (tunnels.ts).
 */

import { Server } from '@grpc/grpc-js'
import { z } from 'zod'
import { systemClock } from '../../core/clock.ts'
import { listenSetting } from '../../net/listen-setting.ts'
import type { AdapterContext, ProtocolAdapter } from '../adapter.ts'
import { Admission } from '../admission.ts'
import { Calls } from './calls.ts'
import { Connections } from './connections.ts'
import { GrpcCalls } from './grpc-calls.ts'
import { addHealthService } from './health-service.ts'
import { addReflectionService } from './reflection-service.ts'
import { TunnelCalls } from './tunnel-calls.ts'
import { Tunnels } from './tunnels.ts'
import { addV1Service } from './v1-service.ts'
import { addAccessService } from './v2-access-service.ts'
import { addAdminService } from './v2-admin-service.ts'
import { addBusService } from './v2-bus-service.ts'
import { addClientService } from './v2-client-service.ts'
import { addMqttService } from './v2-mqtt-service.ts'
import { addLinkService } from './v2-link-service.ts'
import { addPeerService } from './v2-peer-service.ts'
import { addQueueService } from './v2-queue-service.ts'

export const grpcSettings = z.strictObject({
  listen: listenSetting('127.0.0.1:50051'),
  keepAliveMs: z
    .int()
    .min(1_000)
    .default(30_000)
    .describe('A connection on which nothing was heard is asked for a sign of life this often.'),
  keepAliveTimeoutMs: z
    .int()
    .min(1_000)
    .default(10_000)
    .describe('A connection that gives no sign of life for this long is closed.'),
  maxConcurrentCalls: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(4_096)
    .describe('Calls that run at the same time on one connection, subscriptions included.'),
})

export type GrpcConfig = z.output<typeof grpcSettings>

// What a request has besides its envelope: batch number, publish id, a few tags.
const requestOverheadBytes = 65_536

/** Binds every address or none. @throws the system's error */
export async function startGrpcAdapter(
  context: AdapterContext,
  config: GrpcConfig,
): Promise<ProtocolAdapter> {
  const { bus, logger, tls } = context
  const requestBytesMost = bus.limits.envelopeBytes + requestOverheadBytes
  const server = new Server({
    'grpc.enable_channelz': 0,
    'grpc.keepalive_time_ms': config.keepAliveMs,
    'grpc.keepalive_timeout_ms': config.keepAliveTimeoutMs,
    'grpc.max_concurrent_streams': config.maxConcurrentCalls,
    'grpc.max_receive_message_length': requestBytesMost,
    'grpc.max_send_message_length': -1,
  })
  const admission = new Admission(context.authentication, 'grpc')
  const connections = new Connections({ bus, admission, logger, server, tls, clock: systemClock })
  const grpcCalls = new GrpcCalls(server, (peer) => connections.callersOf(peer))
  const tunnelCalls = new TunnelCalls()
  const tunnels = new Tunnels({
    bus,
    admission,
    logger,
    clock: systemClock,
    methods: tunnelCalls,
    callsMost: config.maxConcurrentCalls,
    requestBytesMost,
  })
  const calls = new Calls([grpcCalls, tunnelCalls], logger)
  addV1Service(calls, context)
  addBusService(calls, context)
  addClientService(calls, context)
  addQueueService(calls, context)
  addLinkService(calls, context)
  addPeerService(calls, context)
  addAdminService(calls, context)
  addAccessService(calls, context)
  addMqttService(calls, context)
  addHealthService(calls, context)
  addReflectionService(calls)

  const removeGate = context.webSockets?.add(tunnels)
  const stop = async (graceMs: number) => {
    removeGate?.()
    calls.stop()
    await Promise.all([connections.stop(graceMs), tunnels.stop(graceMs)])
  }
  try {
    for (const address of config.listen) await connections.bind(address)
  } catch (error) {
    await stop(0)
    throw error
  }
  return {
    listeners: connections.listeners,
    reloadTls: (next) => connections.reloadTls(next),
    stop,
  }
}
