/** Who is there, as far as somebody who asks may know it. */

import type { BusClient } from '../core/bus-client.ts'
import type { ClientInfo } from '../core/live.ts'

/** Administrators see everybody, others those they may write to. For filters. */
export function mayKnowOf(client: BusClient): (info: ClientInfo) => boolean {
  if (client.maySee('admin', '')) return () => true
  return ({ name }) => name !== '' && client.maySee('send', name)
}
