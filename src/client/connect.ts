/** How programs on Node.js get a client. */

import { firstAnswer } from './first-answer.ts'
import type { FirstAnswerOptions } from './first-answer.ts'
import { createGrpcTransport } from './grpc-transport.ts'
import type { GrpcTransportOptions } from './grpc-transport.ts'
import { MsgbusClient } from './msgbus-client.ts'
import type { ClientOptions } from './msgbus-client.ts'
import { defaultTarget } from './target.ts'

export interface ConnectOptions extends ClientOptions, GrpcTransportOptions, FirstAnswerOptions {}

/**
 * Connects and makes sure that a daemon answers. Afterwards broken connections mend themselves.
 * @param target `host:port`, `http://…`, `https://…` (TLS) or `unix:/path`; default 127.0.0.1:50051
 * @throws BusError `unavailable` with what to do about it, `deadline_exceeded`, `cancelled`
 */
export async function connect(
  target: string = defaultTarget,
  options: ConnectOptions = {},
): Promise<MsgbusClient> {
  return firstAnswer(connectLazy(target, options), options)
}

/** As `connect`, but the connection is made by the first call. @throws BusError for a bad target */
export function connectLazy(
  target: string = defaultTarget,
  options: ConnectOptions = {},
): MsgbusClient {
  return new MsgbusClient(createGrpcTransport(target, options), options)
}
