/** Makes sure that a daemon answers before a program gets its client, whatever the transport. */

import { BusError } from '../model/errors.ts'
import type { ClientOptions, MsgbusClient } from './msgbus-client.ts'
import { isRetryable, ReconnectDelay } from './reconnect-delay.ts'
import { systemTiming } from './timing.ts'

export interface FirstAnswerOptions {
  /** Keep trying until the time-out instead of failing when nothing listens there. */
  readonly waitForDaemon?: boolean | undefined
  /** Ends connecting with `cancelled`; of no effect afterwards. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Resolves with the client; closes it when there is no answer.
 * @throws BusError `unavailable` with what to do about it, `deadline_exceeded`, `cancelled`
 */
export async function firstAnswer(
  client: MsgbusClient,
  options: FirstAnswerOptions & ClientOptions,
): Promise<MsgbusClient> {
  try {
    await askUntil(client, options)
    return client
  } catch (error) {
    client.close()
    throw error
  }
}

async function askUntil(
  client: MsgbusClient,
  options: FirstAnswerOptions & ClientOptions,
): Promise<void> {
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
