/** The client of this page: one connection to the daemon, opened when it is first needed, mended by itself. */

import { connectLazy } from '../../../src/client/browser.ts'
import type { MsgbusClient } from '../../../src/client/browser.ts'

let client: MsgbusClient | undefined

export function busClient(): MsgbusClient {
  client ??= connectLazy()
  return client
}

/** The next question opens another connection: this page is used by somebody else from now on. */
export function forgetBusClient(): void {
  client?.close()
  client = undefined
}
