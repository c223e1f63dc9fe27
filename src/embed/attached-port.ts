/** A client in another thread, as the bus's side of the program holds it. */

import { PortSession, type PortSessionOptions } from './port-session.ts'

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
  constructor(options: PortSessionOptions) {
    this.name = options.join.name ?? ''
    this.#session = new PortSession(options)
    this.closed = this.#session.closed
  }

  /** Ends the client; the thread is told. May be called twice. */
  close(): void {
    this.#session.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
