/** Waiting by the clock that is given, so that tests and the simulation decide how time passes. */

import type { Clock } from '../core/clock.ts'
import { BusError } from '../model/errors.ts'

/** Resolves after `delayMs`, or at once when the signal fires. Never rejects. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.after(delayMs, done)
    signal.addEventListener('abort', done)
  })
}

/**
 * What `work` settles with, unless that takes longer than `limitMs`. The work goes on then; the caller
 * ends it.
 *
 * @throws BusError `deadline_exceeded/timed_out` naming `what`
 */
export function within<T>(
  clock: Clock,
  limitMs: number,
  what: string,
  work: Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(limitMs, () => {
      reject(
        new BusError('deadline_exceeded', 'timed_out', `no answer to ${what} in ${limitMs} ms`),
      )
    })
    work.then(
      (value) => {
        timer.cancel()
        resolve(value)
      },
      (error: unknown) => {
        timer.cancel()
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- it is passed on as it came
        reject(error)
      },
    )
  })
}
