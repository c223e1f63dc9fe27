/**
 * The HTTP listener of the daemon: liveness, readiness and metrics for the tools that watch it. It
 * answers from memory, never from the store, so that it works while the store is being opened or
 * fails.
 */

import { z } from 'zod'
import { listenSetting } from '../../net/listen-setting.ts'

export { startHttpAdapter } from './listener.ts'

export const httpSettings = z.strictObject({
  listen: listenSetting('127.0.0.1:8711', 'HTTP'),
  allowedHosts: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Names besides localhost under which clients may address this listener; others are refused, so that no web page can reach it by rebinding a name.',
    ),
})

export type HttpConfig = z.output<typeof httpSettings>
