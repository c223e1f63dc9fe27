/** Time as a port: tests move it by hand. Only the system clock of the daemon reads the real one. */

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. Only for stamps that people read. */
  now(): number
  /** Milliseconds since some fixed moment; never goes back. For every duration and deadline. */
  monotonic(): number
  /** Runs `task` once, after at least `delayMs`. Does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer
}

export interface Timer {
  cancel(): void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
