/** A poller that lives as long as the component, and asks at once when the daemon is back. */

import { useEffect, useMemo } from 'preact/hooks'
import { daemon } from '../console-context.ts'
import { Poller } from '../data/poller.ts'

/** @param inputs another value of one of them makes another poller */
export function usePoller<T>(
  load: (signal: AbortSignal) => Promise<T>,
  everyMs: number,
  inputs: readonly unknown[] = [],
): Poller<T> {
  const poller = useMemo(() => new Poller(load, everyMs, mayAsk), inputs)
  useEffect(() => {
    poller.start()
    const unlisten = daemon.returns.subscribe((returns) => {
      if (returns > 0) poller.refresh()
    })
    const shown = () => poller.refresh()
    document.addEventListener('visibilitychange', shown)
    return () => {
      document.removeEventListener('visibilitychange', shown)
      unlisten()
      poller.stop()
    }
  }, [poller])
  return poller
}

/** Whether somebody looks and somebody would answer. */
export function mayAsk(): boolean {
  return !document.hidden && daemon.connection.peek().state !== 'offline'
}
