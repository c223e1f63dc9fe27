/** A client in another thread, as the bus's side of the program holds it. */

import type { Worker } from 'node:worker_threads'
import { PortSession, type PortSessionOptions } from './port-session.ts'

export interface AttachedPortOptions extends PortSessionOptions {
  /** The thread, where it is known. */
  readonly worker?: Worker | undefined
}

export class AttachedPort {
  /** Empty: the client has none. */
  readonly name: string
  /**
   * Resolves when it has ended: with the error if the bus ended it or the frames made no sense, with
   * undefined when the other side closed it or its thread is over.
   */
  readonly closed: Promise<Error | undefined>
  readonly #session: PortSession

  /** `Bus.attach` makes them. @throws BusError when the bus does not let it join */
  constructor({ worker, ...options }: AttachedPortOptions) {
    const session = new PortSession(options)
    this.name = options.join.name ?? ''
    this.#session = session
    this.closed = session.closed
    if (worker === undefined) return
    // Also when the thread never took its port.
    const exited = () => session.threadEnded()
    worker.once('exit', exited)
    void session.closed.then(() => worker.off('exit', exited))
  }

  /** Ends the client; the thread is told. May be called twice. */
  close(): void {
    this.#session.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
