/**
 * One publication by the v1 call, repeated after a broken connection where that is safe: the call
 * carries a publish id, and before the first repetition the daemon is asked for something only
 * daemons with v2 have, since those honour publish ids. A daemon without them is never asked twice,
 * because the message may have been stored (defect L16).
 */

import { msgbusServiceCalls } from '../wire/gen/msgbus-v1.ts'
import type { MessageEnvelope } from '../wire/gen/msgbus-v1.ts'
import { adminServiceCalls } from '../wire/gen/msgbus-v2.ts'
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
  const response = await callOnce(context, msgbusServiceCalls.publish, request, {
    ...options,
    metadata,
  })
  return requireMessage(response.message)
}

/** Attempts until the time is up. @throws BusError of the last attempt */
export async function publishPersistently(
  context: ClientContext,
  message: OutgoingMessage,
  options: RequestOptions,
): Promise<MessageEnvelope> {
  const { timing } = context
  const until = timing.monotonic() + (options.timeoutMs ?? context.timeoutMs)
  const delay = new ReconnectDelay(timing)
  const signal = options.signal ?? new AbortController().signal
  let failure: unknown
  let isRepeatable = false
  for (;;) {
    const timeoutMs = Math.max(1, until - timing.monotonic())
    try {
      if (failure !== undefined && !isRepeatable) {
        isRepeatable = await honoursPublishIds(context, { signal, timeoutMs })
        if (!isRepeatable) throw failure
      }
      return await publishOnce(context, message, { signal, timeoutMs })
    } catch (error) {
      if (error === failure || !isRetryable(error) || signal.aborted) throw error
      failure = error
    }
    const delayMs = delay.next() ?? 0
    if (timing.monotonic() + delayMs >= until) throw failure
    await delay.wait(delayMs, signal)
  }
}

/**
 * False for a daemon that only speaks v1. An answer of any other kind, even a refusal, is a yes.
 * @throws BusError when there is no answer
 */
async function honoursPublishIds(
  context: ClientContext,
  options: RequestOptions,
): Promise<boolean> {
  try {
    await callOnce(context, adminServiceCalls.getStatus, {}, options)
  } catch (error) {
    if (isUnimplemented(error)) return false
    if (isRetryable(error)) throw error
  }
  return true
}
