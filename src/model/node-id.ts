/**
 * Who a daemon is: tenant / bl name / device (spec/msgbus-v1 1.1). Parts are compared as exact
 * code-point sequences. A node id is never joined to one string as a key: parts of foreign nodes
 * may contain `/` (defect L25); `nodeKey` uses length prefixes instead.
 */

export interface NodeId {
  readonly tenantId: string
  readonly blName: string
  readonly deviceId: string
}

export function nodeIdEquals(a: NodeId, b: NodeId): boolean {
  return a.deviceId === b.deviceId && a.blName === b.blName && a.tenantId === b.tenantId
}

/** For people: `tenant/bl/device`. Not a key. */
export function formatNodeId(node: NodeId): string {
  return `${node.tenantId}/${node.blName}/${node.deviceId}`
}

/**
 * An unambiguous text for maps: different node ids give different keys whatever they contain, also
 * when another text follows.
 */
export function nodeKey(node: NodeId): string {
  const { tenantId, blName, deviceId } = node
  return `${tenantId.length}:${blName.length}:${deviceId.length}:${tenantId}${blName}${deviceId}`
}
