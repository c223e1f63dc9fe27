/**
 * One publication by the v1 call, repeated after a broken connection where that is safe: the call
 * carries a publish id, and before the first repetition the daemon is asked for something only
 * daemons with v2 have, since those honour publish ids. A daemon without them is never asked twice,
 * because the message may have been stored (defect L16).
 */

import { msgbusService } from '../wire/gen/msgbus-v1.ts'
import type { MessageEnvelope } from '../wire/gen/msgbus-v1.ts'
import { adminService } from '../wire/gen/msgbus-v2.ts'
import type { OutgoingMessage } from '../model/message.ts'
import { callOnce, isUnimplemented } from './client-context.ts'
import type { ClientContext, RequestOptions } from './client-context.ts'
import { requireMessage } from './log-fetch.ts'
import { ReconnectDelay, isRetryable } from './reconnect-delay.ts'

/** One attempt. @throws BusError */
export async function publishOnce(
  context: ClientContext,
  message: OutgoingMessage,
  options: RequestOptions,
): Promise<MessageEnvelope> {
  const { topic, payload, headers, publishId } = message
  const request = { topic, origin: context.defaultOrigin, payload, headers }
  const metadata = publishId ? { 'msgbus-publish-id': publishId } : {}
  const response = await callOnce(context, msgbusService.publish, request, { ...options, metadata })
  return requireMessage(response.message)
}

/** Attempts until the time is up. @throws BusError of the last attempt */
export async function publishPersistently(
  context: ClientContext,
  message: OutgoingMessage,
  options: RequestOptions,
): Promise<MessageEnvelope> {
  const { timing, timeoutMs: usualTimeoutMs } = context
  const until = timing.monotonic() + (options.timeoutMs ?? usualTimeoutMs)
  const delay = new ReconnectDelay(timing)
  const signal = options.signal ?? new AbortController().signal
  let repeatable = false
  for (;;) {
    try {
      const timeoutMs = Math.max(1, until - timing.monotonic())
      return await publishOnce(context, message, { signal, timeoutMs })
    } catch (error) {
      const delayMs = delay.next() ?? 0
      const isOver = signal.aborted || timing.monotonic() + delayMs >= until
      if (!isRetryable(error) || isOver) throw error
      await delay.wait(delayMs, signal)
      repeatable ||= await honoursPublishIds(context, signal)
      if (!repeatable) throw error
    }
  }
}

/** False for a daemon that only speaks v1. An answer of any other kind, even a refusal, is a yes. */
async function honoursPublishIds(context: ClientContext, signal: AbortSignal): Promise<boolean> {
  try {
    await callOnce(context, adminService.getStatus, {}, { signal })
    return true
  } catch (error) {
    return !isUnimplemented(error) && !isRetryable(error)
  }
}
