/**
 * How a client proves who it is while it joins (spec/wamp 11). The connection asks the realm's authenticator when HELLO
 * comes and hands it every AUTHENTICATE; everything between the two, and each method, is its business.
 */

import type { ClientCertificate, ProcessCredentials } from '../../core/authentication.ts'
import type { Identity } from '../../model/identity.ts'
import type { AuthenticateMessage, DictInput, HelloMessage } from '../../wire/wamp/messages.ts'

/** Who somebody is, for the bus and as WAMP tells it. */
export interface Principal {
  readonly identity: Identity
  readonly authid: string
  readonly authrole: string
  readonly authmethod: string
  readonly authprovider: string
  /** For WELCOME. */
  readonly authextra?: DictInput | undefined
}

export type JoinStep =
  | { readonly kind: 'welcome'; readonly principal: Principal }
  | { readonly kind: 'challenge'; readonly method: string; readonly extra: DictInput }
  | { readonly kind: 'refuse'; readonly reason: string; readonly message: string }

/** What is known about the connection and the session to be. */
export interface JoinContext {
  readonly hello: HelloMessage
  /** The id that WELCOME will carry. */
  readonly session: number
  readonly realm: string
  /** `ip:port`; undefined for a Unix socket. */
  readonly source: string | undefined
  readonly listener: string
  readonly proof: ChannelProof
}

/** What the connection proves, found out when it is asked for. */
export interface ChannelProof {
  /** Nobody on the way can read along: TLS, a Unix socket, or this machine only. */
  readonly isSecure: boolean
  /** Who opened it, where the HTTP request of a WebSocket has proved that. */
  readonly identity: Identity | undefined
  readonly certificate: ClientCertificate | undefined
  readonly process: ProcessCredentials | undefined
  /**
   * 32 octets that both ends of the TLS channel know and nobody else.
   * @param kind `tls-exporter` or `tls-unique`; undefined: this channel has none of that kind
   */
  channelId(kind: string): Uint8Array | undefined
}

/** One attempt to join. Neither method throws or rejects. */
export interface JoinAttempt {
  begin(): JoinStep | Promise<JoinStep>
  /** After a challenge, once for each. */
  answer(message: AuthenticateMessage): JoinStep | Promise<JoinStep>
}

export interface Authenticator {
  attempt(context: JoinContext): JoinAttempt
}
