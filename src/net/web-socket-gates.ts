/**
 * What protocols offer as WebSockets on the HTTP port (architecture 9): `/tmb`, `/busrt` and so on. Adapters add their
 * gates when they start; the HTTP adapter, which starts last, checks who comes (Host, Origin, sub-protocol) and hands
 * the connection over. So neither knows the other.
 */

import type { Identity } from '../model/identity.ts'
import type { ConnectionOwner } from './byte-connection.ts'
import type { Outbox } from './outbox.ts'

/**
 * An accepted WebSocket in the shape of a byte connection, so that the same session serves both. Each message that
 * comes is one call of `owner.onBytes`; each block of the outbox leaves as one message, and what was reserved in
 * one piece is never divided.
 */
export interface WebSocketConnection {
  /** `websocket`. */
  readonly transport: string
  /** `ip:port` of the other side. */
  readonly source: string | undefined
  /** Address text of the listener. */
  readonly listener: string
  /** Who opened it, where the HTTP request has proved that: by a header, a session, a certificate, a process. */
  readonly identity?: Identity | undefined
  /** Nobody on the way can read along: TLS, a Unix socket, or this machine only. */
  readonly isSecure?: boolean | undefined
  /** Sub-protocol that was agreed on; empty: none. */
  readonly protocol: string
  readonly outbox: Outbox
  owner: ConnectionOwner
  /** The message that came last was text; before the first one false. */
  readonly lastWasText: boolean
  /**
   * How blocks leave. `text-or-binary`: as text when the block is well-formed UTF-8. `frames`: as they are, since
   * whoever fills the outbox puts whole frames there (`web-socket-frame.ts`), so that many messages leave in one write.
   * Default `binary`.
   */
  sendAs: 'binary' | 'text-or-binary' | 'frames'
  /** Bytes the other side did not take; falls whenever it reads. */
  readonly unsentBytes: number
  /** As `channelIdOf` of channel-id.ts. */
  channelId?(kind: string): Uint8Array | undefined
  /** Nothing more comes after it until `resume`; then what came meanwhile comes first, not within that call. */
  pause(): void
  resume(): void
  /**
   * Writes what is in the outbox, then closes.
   * @param code of RFC 6455 7.4.1: 1000 (default) it is done, 1001 the daemon stops, 1002 the protocol was broken …
   * @param reason for people, at most 123 bytes of UTF-8
   */
  end(code?: number, reason?: string): void
  destroy(): void
}

export interface WebSocketGate {
  /** `/tmb` */
  readonly path: string
  /**
   * Sub-protocols that are spoken, by preference; a client that offers others only is refused. One that offers none is
   * taken. Empty: what a client offers has no meaning.
   */
  readonly protocols: readonly string[]
  /** The first that the client offers is taken, not the first of `protocols`; and one that offers none is refused. */
  readonly clientChooses?: boolean
  /** A larger message ends the connection with 1009. */
  readonly maxMessageBytes: number
  /** High mark of the outbox. */
  readonly outboxBytes: number
  /**
   * When the daemon stops, the gate ends its connections itself, within the grace time, after what runs on them is done.
   * Without it they are ended at once.
   */
  readonly endsItself?: boolean
  /** Sets the owner before it returns, or ends the connection. Must not throw. */
  accept(connection: WebSocketConnection): void
}

export class WebSocketGates {
  readonly #gates = new Map<string, WebSocketGate>()

  /** Returns how it is taken away; connections that were accepted stay. */
  add(gate: WebSocketGate): () => void {
    this.#gates.set(gate.path, gate)
    return () => {
      if (this.#gates.get(gate.path) === gate) this.#gates.delete(gate.path)
    }
  }

  /** The gate at a path, if there is one. */
  at(path: string): WebSocketGate | undefined {
    return this.#gates.get(path)
  }

  get paths(): string[] {
    return [...this.#gates.keys()]
  }
}
