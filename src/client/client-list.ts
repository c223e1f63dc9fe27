/** Who is connected to the daemon, by any protocol. */

import { clientServiceCalls } from '../wire/gen/msgbus-v2.ts'
import type { ClientInfo as WireClientInfo } from '../wire/gen/msgbus-v2.ts'
import { isUnimplemented, unsupported } from './client-context.ts'
import type { ClientContext } from './client-context.ts'

/** Times in milliseconds since 1970, sizes in bytes. */
export type ClientInfo = Omit<WireClientInfo, 'source' | 'listener'> & {
  /** Address of the other side; undefined where there is none. */
  readonly source: string | undefined
  /** Address of the listener it came by. */
  readonly listener: string | undefined
}

/**
 * By name, then id.
 * @param mask empty: all, also those without a name
 */
export async function listClients(
  { transport, timeoutMs }: ClientContext,
  mask: string,
  options: { readonly timeoutMs?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<ClientInfo[]> {
  const call = { timeoutMs: options.timeoutMs ?? timeoutMs, signal: options.signal }
  const stream = transport.stream(clientServiceCalls.listClients, { mask }, call)
  const clients: ClientInfo[] = []
  try {
    for (;;) {
      const page = await stream.read()
      if (page === undefined) return clients
      for (const { source, listener, ...info } of page.clients) {
        clients.push({ ...info, source: source || undefined, listener: listener || undefined })
      }
    }
  } catch (error) {
    throw isUnimplemented(error) ? unsupported('a list of clients', error) : error
  } finally {
    stream.cancel()
  }
}
