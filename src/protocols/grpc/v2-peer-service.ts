/** `msgbus.v2.PeerService`: other daemons, and the links to them. */

import type { Peering } from '../../core/peering.ts'
import { BusError } from '../../model/errors.ts'
import { peerService } from '../../wire/gen/msgbus-peers.ts'
import type { AdapterContext } from '../adapter.ts'
import type { Calls } from './calls.ts'

export function addPeerService(calls: Calls, context: AdapterContext): void {
  const peering = (): Peering => {
    const found = context.peering?.()
    if (found !== undefined) return found
    throw new BusError('unavailable', 'starting', 'the store is being opened; try again')
  }
  calls.unary(peerService.listPeers, (_, { client }) => {
    const peers = peering().list(client)
    return {
      peers: peers.map(({ rttMs = 0, upSinceMs = 0, ...peer }) => {
        return { ...peer, rttUs: Math.round(rttMs * 1_000), upSinceMs }
      }),
    }
  })
  calls.unary(peerService.addPeer, async ({ peer }, { client }) => {
    await peering().add(client, peer)
    return {}
  })
  calls.unary(peerService.removePeer, async ({ peer }, { client }) => {
    await peering().remove(client, peer)
    return {}
  })
  calls.unary(peerService.listNodes, (_, { client }) => ({ nodes: peering().nodes(client) }))
  calls.unary(peerService.listDiscovered, (_, { client }) => {
    return { nodes: peering().discovered(client) }
  })
}
