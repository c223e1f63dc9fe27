/** Other daemons and the links to them, as a daemon tells of them. Sizes in bytes, times in milliseconds since 1970. */

import type { DiscoveredNode, NodeInfo, PeerInfo } from '../wire/gen/msgbus-peers.ts'

export type { DiscoveredNode, NodeInfo as MeshNode, PeerInfo }
