/** Who calls on one gRPC connection or in one tunnel: by the metadata of each call, else by the connection itself. */

import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { Identity } from '../../model/identity.ts'
import { type Admission, credentialsMissing, type Newcomer } from '../admission.ts'
import { RememberedCallers } from '../remembered-callers.ts'
import { Connection, type ConnectionOrigin } from './connection.ts'
import type { MetadataReader } from './incoming-call.ts'

export interface CallersOptions {
  readonly bus: Bus
  readonly admission: Admission
  readonly clock: Clock
  readonly origin: ConnectionOrigin
  /** Asked while the connection is open. */
  readonly newcomer: Newcomer
}

export class Callers {
  readonly #options: CallersOptions
  readonly #remembered: RememberedCallers<Connection>
  /** On an open daemon, which it may cease to be. */
  #only: Connection | undefined
  #outboxBytes: () => number = () => 0

  /** @throws BusError as `Bus.connect`, on an open daemon */
  constructor(options: CallersOptions) {
    this.#options = options
    const { admission, newcomer, clock } = options
    this.#remembered = new RememberedCallers({
      clock,
      identify: async (authorization) => this.#identify(authorization),
      connect: (identity) => this.#connect(identity),
      isOver: ({ ended }) => ended !== undefined,
      end: (connection, error) => connection.end(error),
    })
    if (admission.isOpen) this.#only = this.#connect(admission.nameless(newcomer))
  }

  /** What waits beside the streams, where the transport can tell. */
  set outboxBytes(outboxBytes: () => number) {
    this.#outboxBytes = outboxBytes
    if (this.#only !== undefined) this.#only.outboxBytes = outboxBytes
  }

  /** At once when it is known. @throws BusError, and rejects with it */
  of(metadata: MetadataReader): Connection | Promise<Connection> {
    const { admission, newcomer } = this.#options
    if (admission.isOpen) return (this.#only ??= this.#connect(admission.nameless(newcomer)))
    const [header] = metadata.get('authorization')
    return this.#remembered.of(typeof header === 'string' ? header : '')
  }

  close(): void {
    this.#only?.close()
    for (const connection of this.#remembered.clients()) connection.close()
    this.#remembered.close()
  }

  async #identify(authorization: string): Promise<Identity> {
    const { admission, newcomer } = this.#options
    if (authorization !== '') return admission.byAuthorization(authorization, newcomer)
    const identity = await admission.byConnection(newcomer)
    if (identity !== undefined) return identity
    throw credentialsMissing('send metadata authorization: Bearer <token>, or Basic')
  }

  #connect(identity: Identity): Connection {
    const { bus, origin } = this.#options
    const connection = new Connection(bus, identity, origin)
    connection.outboxBytes = this.#outboxBytes
    return connection
  }
}
