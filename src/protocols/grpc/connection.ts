/**
 * One gRPC connection at the bus: a client without a name, for everything it asks for, and beside it
 * the clients whose names its Join streams hold. Requests name one of those by their field `from`.
 */

import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Inbox, JoinOptions } from '../../core/live.ts'
import { BusError } from '../../model/errors.ts'
import type { Identity } from '../../model/identity.ts'
import type { Limits } from '../../model/limits.ts'
import type { ResponseStream } from './response-stream.ts'
import { SendGate } from './send-gate.ts'

/** A client of the bus, and what holds it back. */
export interface SendingClient {
  readonly client: BusClient
  readonly gate: SendGate
  /** Why the bus ended it, once it has. */
  readonly ended: BusError | undefined
}

/** Where a connection comes from, as listings show it. */
export type ConnectionOrigin = Pick<JoinOptions, 'transport' | 'source' | 'listener'>

export class Connection implements SendingClient {
  readonly client: BusClient
  readonly gate = new SendGate()
  ended: BusError | undefined
  /** What waits beside its streams, where its transport can tell. */
  outboxBytes: () => number = () => 0
  readonly #bus: Bus
  readonly #origin: ConnectionOrigin
  readonly #named = new Map<string, SendingClient>()
  readonly #streams = new Set<ResponseStream>()

  /** @throws BusError `resource_exhausted/quota_exceeded` at the limit of clients */
  constructor(bus: Bus, identity: Identity, origin: ConnectionOrigin) {
    this.#bus = bus
    this.#origin = origin
    this.client = bus.connect(identity, { protocol: 'grpc', ...origin, inbox: this.#inbox() })
  }

  get limits(): Limits {
    return this.#bus.limits
  }

  /** A client of its own for a Join stream. @throws BusError as `Bus.connect` */
  join(name: string, replace: boolean, inbox: Inbox): BusClient {
    const { identity } = this.client
    return this.#bus.connect(identity, { protocol: 'grpc', ...this.#origin, name, replace, inbox })
  }

  /** From now on requests may come from this name. Returns how to end that. */
  addNamed(name: string, named: SendingClient): () => void {
    if (name === '') return () => undefined
    this.#named.set(name, named)
    return () => {
      // It may have been taken over by another stream of this connection.
      if (this.#named.get(name) === named) this.#named.delete(name)
    }
  }

  /** Whom a request comes from. @throws BusError `failed_precondition/unknown_client` */
  sender(from: string): SendingClient {
    if (from === '') return this
    const named = this.#named.get(from)
    if (named !== undefined) return named
    const text = `no Join of this connection holds the name ${JSON.stringify(from)}`
    throw new BusError('failed_precondition', 'unknown_client', text)
  }

  addStream(stream: ResponseStream): void {
    this.#streams.add(stream)
    stream.onEnd(() => this.#streams.delete(stream))
  }

  /** Ends it and all its calls. */
  end(error: BusError): void {
    for (const stream of this.#streams) stream.fail(error)
    this.close()
  }

  close(): void {
    this.client.close()
    this.gate.close(new BusError('unavailable', 'connection_lost', 'the connection is closed'))
  }

  #inbox(): Inbox {
    const { gate } = this
    const streams = this.#streams
    const outboxBytes = () => this.outboxBytes()
    return {
      // Without a name nothing is sent to it, and its subscriptions have sinks of their own.
      message: () => undefined,
      broadcast: () => undefined,
      publication: () => undefined,
      pause: () => gate.pause(),
      resume: () => gate.resume(),
      get queuedBytes() {
        let bytes = outboxBytes()
        for (const stream of streams) bytes += stream.unsentBytes
        return bytes
      },
      // Its calls are told one by one, and the listeners close the connection.
      end: (error) => {
        this.ended = error
        gate.close(error)
      },
    }
  }
}
