/**
 * The HTTP listener of the daemon: probes and metrics for the tools that watch it, the API under `/v1`, the web console,
 * and the gates through which other protocols are spoken as WebSockets. Probes answer from memory, never from the store,
 * so that they work while the store is being opened or fails. docs/protocols/http.md says how it maps to the bus.
 */

import { z } from 'zod'
import { listenSetting } from '../../net/listen-setting.ts'

export { startHttpAdapter } from './listener.ts'

const origin = z.string().refine((text) => {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text
}, 'expected an origin such as https://app.example or http://localhost:5173, without a path')

export const httpSettings = z.strictObject({
  listen: listenSetting('127.0.0.1:8711', 'HTTP'),
  allowedHosts: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Names besides localhost under which clients may address this listener; others are refused, so that no web page can reach it by rebinding a name.',
    ),
  origins: z
    .array(origin)
    .default([])
    .describe(
      'Origins of web pages, besides our own, that may use the API and the WebSockets, as `https://app.example`; pages of others are refused.',
    ),
  maxConnections: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe(
      'Most connections at a time on one address, WebSockets and event streams included; further ones are closed at once.',
    ),
})

export type HttpConfig = z.output<typeof httpSettings>
