/**
 * What is remembered of a peer from one connection to the next: what it has, up to where it told that, and which
 * histories were compared. So a link that was cut goes on where it was, and lists nothing twice. It is lost with the
 * process, and without meaning for another epoch of the peer's store.
 */

import type { BackOff } from '../back-off.ts'
import { LogProgress } from '../log-progress.ts'
import type { OfferedLog } from '../peer-claims.ts'
import { LogMap } from './log-map.ts'

/** A log of the peer; its head moves on. */
export type KnownLog = { -readonly [Key in keyof OfferedLog]: OfferedLog[Key] }

export class LinkMemory {
  /** Of the peer's store; empty: nothing is known. */
  epoch = ''
  /** Of the peer's commit order. */
  position = 0
  logs = new LogMap<KnownLog>()
  progress: LogProgress
  readonly #backOff: BackOff
  readonly #random: () => number

  constructor(backOff: BackOff, random: () => number) {
    this.#backOff = backOff
    this.#random = random
    this.progress = new LogProgress(backOff, random)
  }

  /** Forgets what is about another history. */
  begin(epoch: string): void {
    if (this.epoch === epoch) return
    this.forget()
    this.epoch = epoch
  }

  forget(): void {
    this.epoch = ''
    this.position = 0
    this.logs = new LogMap()
    this.progress = new LogProgress(this.#backOff, this.#random)
  }
}
