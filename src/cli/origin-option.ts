/** `--origin tenant/bl/device` and `--target`, as node ids. */

import { InvalidArgumentError } from 'commander'
import type { NodeId } from '../model/node-id.ts'

export function parseOrigin(text: string): NodeId {
  const [tenantId, blName, deviceId, ...rest] = text.split('/')
  if (!tenantId || !blName || !deviceId || rest.length > 0) {
    throw new InvalidArgumentError('Expected tenant/bl/device.')
  }
  return { tenantId, blName, deviceId }
}
