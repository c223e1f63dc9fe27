/** What a daemon tells about itself and what it holds, in the forms of the client. */

import type { NodeId } from '../model/node-id.ts'
import { emptyNode } from './received-message.ts'
import type { GetStatusResponse, LogInfo as WireLogInfo, QueueInfo } from '../wire/gen/msgbus-v2.ts'

export type { QueueInfo }

/** The last head id of one log. */
export interface LogHead {
  readonly topic: string
  readonly origin: NodeId
  readonly headId: bigint
}

export interface LogInfo extends LogHead {
  /** Messages up to this head were given up by retention; 0n: none. */
  readonly trimmedTo: bigint
  /** Encoded size of what is kept; undefined on daemons that only speak v1. */
  readonly storedBytes: number | undefined
}

export interface Health {
  /** `SERVING` */
  readonly status: string
  readonly node: NodeId
}

export interface Readiness extends Health {
  readonly ready: boolean
  /** Why it is not ready; empty otherwise. */
  readonly error: string
}

/** Sizes in bytes, times in milliseconds. */
export type DaemonStatus = Omit<GetStatusResponse, 'node'> & { readonly node: NodeId }

/** Messages of one log that cannot be read any more; both ends included. */
export interface DamagedMessages {
  readonly topic: string
  readonly origin: NodeId
  readonly fromHead: bigint
  readonly toHead: bigint
}

export interface VerifyProgress {
  readonly recordsChecked: number
  readonly damaged: readonly DamagedMessages[]
  /** True in the last one. */
  readonly done: boolean
  /** Messages that can be read again; in the last one, when that was asked for. */
  readonly repaired: number
}

export function fromWireLogInfo(log: WireLogInfo): LogInfo {
  return {
    topic: log.topic,
    origin: log.origin ?? emptyNode,
    headId: BigInt(log.headId),
    trimmedTo: BigInt(log.trimmedTo),
    storedBytes: log.storedBytes,
  }
}
