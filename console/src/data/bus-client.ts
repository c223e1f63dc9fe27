/** The client of this page: one connection to the daemon, opened when it is first needed, mended by itself. */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import { connectLazy } from '../../../src/client/browser.ts'
import type { MsgbusClient } from '../../../src/client/browser.ts'

export interface StreamTrouble {
  /** For people. */
  readonly why: string
  /** When it is tried again, by the clock of the page. */
  readonly retryAtMs: number
}

/** A live stream broke and is being opened again; what it says is over some time after `retryAtMs`. */
export const streamTrouble: Signal<StreamTrouble | undefined> = signal(undefined)

let client: MsgbusClient | undefined

export function busClient(): MsgbusClient {
  client ??= connectLazy(undefined, {
    hooks: {
      reconnecting({ error, delayMs }) {
        streamTrouble.value = { why: error.message, retryAtMs: Date.now() + delayMs }
      },
      batchReceived() {
        if (streamTrouble.value !== undefined) streamTrouble.value = undefined
      },
    },
  })
  return client
}
