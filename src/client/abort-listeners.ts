/**
 * One listener per signal, however many calls share it. Programs like to pass one signal to
 * everything they do, and Node.js warns of a leak from the eleventh listener on.
 */

const listeners = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Runs `task` when the signal fires; at once when it has fired already. Returns how to stop
 * listening, which may be called twice.
 */
export function onAbort(signal: AbortSignal | undefined, task: () => void): () => void {
  if (signal === undefined) return nothing
  if (signal.aborted) {
    task()
    return nothing
  }
  const tasks = listeners.get(signal) ?? listen(signal)
  // An object of its own: the same task may be given twice.
  const entry = () => task()
  tasks.add(entry)
  return () => {
    if (!tasks.delete(entry) || tasks.size > 0) return
    listeners.delete(signal)
    signal.removeEventListener('abort', abortTasks)
  }
}

function listen(signal: AbortSignal): Set<() => void> {
  const tasks = new Set<() => void>()
  listeners.set(signal, tasks)
  signal.addEventListener('abort', abortTasks)
  return tasks
}

function abortTasks(this: AbortSignal): void {
  const tasks = listeners.get(this)
  listeners.delete(this)
  for (const task of tasks ?? []) task()
}

function nothing(): void {}
