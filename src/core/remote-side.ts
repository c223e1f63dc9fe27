/**
 * The clients and procedures of other nodes, as the bus asks for them: only after nobody here was found, so
 * nothing is asked, and nothing costs, as long as a name is known here or no link is up.
 */

import type { BusError } from '../model/errors.ts'
import type { Callee } from './calls.ts'
import type { LiveClient } from './live-client.ts'

export interface RemoteSide {
  /**
   * Who stands for the client that the UTF-8 in `bytes[start..end)` names: `client@node`, or a name that one reachable
   * node alone has. Undefined: nobody, or more than one.
   */
  find(bytes: Uint8Array, start: number, end: number): LiveClient | undefined
  /** Undefined: simply nobody has the name. */
  whyUnknown(name: string): BusError | undefined
  /** To all clients at other nodes whose name matches; returns how many are known. Arguments as `LiveOperations.broadcast`. */
  broadcast(
    sender: LiveClient,
    mask: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): number
  /** Who serves a procedure that nobody offers here: `procedure@node`, or one that a reachable node offers. */
  callee(procedure: string): Callee | undefined
}
