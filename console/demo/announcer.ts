/**
 * Tells screen readers how the figures look when they changed: politely, the newest state only, and not more often than
 * somebody can listen to.
 */

import { setText } from './page-part.ts'

const pauseMs = 1_500

export class Announcer {
  readonly #region: HTMLElement
  /** What was said last of each. */
  readonly #said = new Map<string, string>()
  readonly #describe: () => ReadonlyMap<string, string>
  #isResting = false

  /** Nothing is said of how things stand now. */
  constructor(region: HTMLElement, describe: () => ReadonlyMap<string, string>) {
    this.#region = region
    this.#describe = describe
    for (const [name, text] of describe()) this.#said.set(name, text)
  }

  /** Something may have changed. */
  update(): void {
    if (this.#isResting) return
    const changed = [...this.#describe()].filter(([name, text]) => this.#said.get(name) !== text)
    if (changed.length === 0) return
    for (const [name, text] of changed) this.#said.set(name, text)
    setText(this.#region, changed.map(([, text]) => text).join('. '))
    this.#isResting = true
    setTimeout(() => {
      this.#isResting = false
      this.update()
    }, pauseMs)
  }
}
