/** Where a connection comes from, as listings and records name it. */

import type { Socket } from 'node:net'
import { formatHostPort } from './address.ts'

/** `ip:port`; undefined for a Unix socket, and for one that is closed. */
export function sourceOf({ remoteAddress, remotePort }: Socket): string | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined
  return formatHostPort(remoteAddress, remotePort)
}
