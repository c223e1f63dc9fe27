/**
 * Time and chance as one port, so that tests decide about back-off and deadlines. The client has
 * its own because it also runs in browsers and may not import the daemon's core.
 */

export interface Timing {
  /** Milliseconds since some fixed moment; never goes back. */
  monotonic(): number
  /** From 0 (included) to 1 (excluded). */
  random(): number
  /** Runs `task` once after at least `delayMs`. */
  after(delayMs: number, task: () => void): { cancel(): void }
}

export const systemTiming: Timing = {
  monotonic: () => performance.now(),
  random: () => Math.random(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
}
