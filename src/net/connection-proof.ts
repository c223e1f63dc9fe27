/** What a connection itself proves of its client, as far as that counts on its listener. */

import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { ClientCertificate, ProcessCredentials } from '../core/authentication.ts'
import { type ConnectionProof, isLoopback, type ListenerSettings } from './address.ts'
import { channelIdOf } from './channel-id.ts'
import { certificateOf } from './client-certificate.ts'
import { processCredentialsOf } from './process-credentials.ts'

/** Found out when it is asked for, which is to be while the connection is open. */
export class SocketProof {
  readonly #socket: Socket
  readonly #isUnix: boolean
  readonly #counting: readonly ConnectionProof[] | undefined

  constructor(socket: Socket, settings: ListenerSettings = {}) {
    this.#socket = socket
    this.#isUnix = socket.remoteAddress === undefined
    this.#counting = settings.identifyBy
  }

  /** Undefined where there is none that was verified, or none counts. */
  get certificate(): ClientCertificate | undefined {
    return this.#counts('certificate') ? certificateOf(this.#socket) : undefined
  }

  /** Undefined on other than Unix sockets, where it cannot be known, and where it does not count. */
  get process(): ProcessCredentials | undefined {
    return this.#isUnix && this.#counts('process') ? processCredentialsOf(this.#socket) : undefined
  }

  /** As `channelIdOf`. */
  channelId(kind: string): Uint8Array | undefined {
    return channelIdOf(this.#socket, kind)
  }

  #counts(proof: ConnectionProof): boolean {
    return this.#counting?.includes(proof) ?? true
  }
}

/** Whether nobody on the way can read along: TLS, a Unix socket, or this machine only. */
export function isSecureSocket(socket: Socket): boolean {
  const { remoteAddress } = socket
  return socket instanceof TLSSocket || remoteAddress === undefined || isLoopback(remoteAddress)
}
