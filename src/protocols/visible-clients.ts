/** Who is there, as far as somebody who asks may know it. */

import type { BusClient } from '../core/bus-client.ts'
import type { ClientInfo } from '../core/live.ts'

/** Name by which rules speak of the figures of the daemon: who may fetch it may have them. */
export const metricsResource = '$SYS/metrics'

/** Administrators see everybody, others those they may write to. For filters. */
export function mayKnowOf(client: BusClient): (info: Pick<ClientInfo, 'name'>) => boolean {
  if (client.maySee('admin', '')) return () => true
  return ({ name }) => name !== '' && client.maySee('send', name)
}
