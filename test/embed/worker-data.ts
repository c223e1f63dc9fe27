/** What the tests give to their worker threads. */

import type { MessagePort } from 'node:worker_threads'

export interface WorkerData {
  readonly role:
    'echo' | 'stuck' | 'numbers' | 'relay' | 'careless' | 'caller' | 'publisher' | 'broken'
  /** Absent: `Bus.attach` was given the worker. */
  readonly port?: MessagePort
  /** How many messages it is about. */
  readonly count?: number
  /** Where a stuck worker waits: 1 while it does. */
  readonly gate?: SharedArrayBuffer
}
