/**
 * Tells screen readers what changed on the page: politely, how it is now and not what it was in between, and not more
 * often than somebody can listen to.
 */

import { setText } from './page-part.ts'

const pauseMs = 1_500

export class Announcer {
  readonly #region: HTMLElement
  readonly #describe: () => readonly string[]
  /** What was last said, or stood there at the beginning. */
  #said: readonly string[]
  #isResting = false

  /** @param describe one sentence for each thing, always in the same order; nothing is said of how they stand now */
  constructor(region: HTMLElement, describe: () => readonly string[]) {
    this.#region = region
    this.#describe = describe
    this.#said = describe()
  }

  /** Something may have changed. */
  update(): void {
    if (this.#isResting) return
    const now = this.#describe()
    const changed = now.filter((text, i) => text !== this.#said[i])
    if (changed.length === 0) return
    this.#said = now
    setText(this.#region, changed.join('. '))
    this.#isResting = true
    setTimeout(() => {
      this.#isResting = false
      this.update()
    }, pauseMs)
  }
}
