/**
 * The text of a peer: `endpoint` or `endpoint=tenant/bl/device` (spec/msgbus-v1 5.1), split at the
 * last `=`. Stricter than the reference where it accepted what could never work: an endpoint needs
 * a scheme and a port.
 */

import { BusError } from '../model/errors.ts'
import { defaultLimits } from '../model/limits.ts'
import { checkName } from '../model/name.ts'
import type { NodeId } from '../model/node-id.ts'

export interface PeerSpec {
  /** `http://host:port`, `https://host:port`, `ws://host[:port][/path]` or `wss://…`, as it was written. */
  readonly endpoint: string
  /** The node that must answer there; undefined: whoever does. */
  readonly node: NodeId | undefined
}

/** @throws BusError `invalid_argument/bad_config` */
export function parsePeerSpec(text: string): PeerSpec {
  if (text.trim() === '') throw bad('peer is empty')
  const split = text.lastIndexOf('=')
  const endpoint = (split === -1 ? text : text.slice(0, split)).trim()
  if (endpoint === '') throw bad('peer endpoint is empty')
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  // URL drops a port that is the default of the scheme, so the text is asked.
  const isGrpc = /^https?:\/\/[^/?#@]+:\d+\/?$/i.test(endpoint)
  // The port of a WebSocket may be the default one of its scheme, and it may have a path.
  const isWebSocket = /^wss?:\/\/[^/?#@]+(?:\/[^?#]*)?$/i.test(endpoint)
  if (url === undefined || !(isGrpc || isWebSocket)) {
    const forms = 'http://host:port, https://host:port, ws://host or wss://host'
    throw bad(`peer endpoint ${JSON.stringify(endpoint)} is not ${forms}`)
  }
  return { endpoint, node: split === -1 ? undefined : parseNodeId(text.slice(split + 1).trim()) }
}

/** `tenant/bl/device`. @throws BusError `invalid_argument` */
export function parseNodeId(text: string): NodeId {
  const [tenantId, blName, deviceId, ...more] = text.split('/')
  if (tenantId === undefined || blName === undefined || deviceId === undefined || more.length > 0) {
    throw bad(`node id ${JSON.stringify(text)} is not tenant/bl/device`)
  }
  const limit = defaultLimits.nodeIdPartBytes
  checkName('tenant_id', tenantId, limit)
  checkName('bl_name', blName, limit)
  checkName('device_id', deviceId, limit)
  return { tenantId, blName, deviceId }
}

function bad(message: string): BusError {
  return new BusError('invalid_argument', 'bad_config', message)
}
