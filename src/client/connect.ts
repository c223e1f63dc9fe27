/** How programs on Node.js get a client. */

import { isRetryable, ReconnectDelay } from './reconnect-delay.ts'
import { BusError } from '../model/errors.ts'
import { createGrpcTransport } from './grpc-transport.ts'
import type { GrpcTransportOptions } from './grpc-transport.ts'
import { MsgbusClient } from './msgbus-client.ts'
import type { ClientOptions } from './msgbus-client.ts'
import { defaultTarget } from './target.ts'
import { systemTiming } from './timing.ts'

export interface ConnectOptions extends ClientOptions, GrpcTransportOptions {
  /** Keep trying until the time-out instead of failing when nothing listens there. */
  readonly waitForDaemon?: boolean | undefined
  /** Ends connecting with `cancelled`; of no effect afterwards. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Connects and makes sure that a daemon answers. Afterwards broken connections mend themselves.
 * @param target `host:port`, `http://…`, `https://…` (TLS) or `unix:/path`; default 127.0.0.1:50051
 * @throws BusError `unavailable` with what to do about it, `deadline_exceeded`, `cancelled`
 */
export async function connect(
  target: string = defaultTarget,
  options: ConnectOptions = {},
): Promise<MsgbusClient> {
  const client = connectLazy(target, options)
  try {
    await firstAnswer(client, options)
    return client
  } catch (error) {
    client.close()
    throw error
  }
}

/** As `connect`, but the connection is made by the first call. @throws BusError for a bad target */
export function connectLazy(
  target: string = defaultTarget,
  options: ConnectOptions = {},
): MsgbusClient {
  return new MsgbusClient(createGrpcTransport(target, options), options)
}

async function firstAnswer(client: MsgbusClient, options: ConnectOptions): Promise<void> {
  const { timing = systemTiming, waitForDaemon = false } = options
  const signal = options.signal ?? new AbortController().signal
  const until = timing.monotonic() + (options.timeoutMs ?? 10_000)
  const delay = new ReconnectDelay(timing, { maxDelayMs: 1_000 })
  for (;;) {
    try {
      await client.health({ signal, timeoutMs: Math.max(1, until - timing.monotonic()) })
      return
    } catch (error) {
      const delayMs = delay.next() ?? 0
      const goOn = waitForDaemon && isRetryable(error) && timing.monotonic() + delayMs < until
      if (!goOn || signal.aborted) throw connectError(error)
      await delay.wait(delayMs, signal)
    }
  }
}

function connectError(error: unknown): unknown {
  if (!(error instanceof BusError) || error.code !== 'unimplemented') return error
  const text = 'something answers there, but it is not a msgbus daemon'
  return new BusError('unavailable', 'unsupported', text, { cause: error })
}
