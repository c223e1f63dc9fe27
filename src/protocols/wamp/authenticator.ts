/**
 * How a client proves who it is while it joins (spec/wamp 11). The connection asks the realm's authenticator when HELLO
 * comes and hands it every AUTHENTICATE; everything between the two, and each method, is its business.
 */

import type { Authentication } from '../../core/authentication.ts'
import type { Identity } from '../../model/identity.ts'
import type { AuthenticateMessage, DictInput, HelloMessage } from '../../wire/wamp/messages.ts'
import { errorUris } from './translate-error.ts'

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
  readonly isSecure: boolean
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

/** Takes everybody who asks for nothing else, if the daemon does. */
export class AnonymousAuthenticator implements Authenticator {
  readonly #authentication: Authentication

  constructor(authentication: Authentication) {
    this.#authentication = authentication
  }

  attempt(context: JoinContext): JoinAttempt {
    const step = this.#decide(context)
    return { begin: () => step, answer: () => step }
  }

  #decide({ hello, source, listener }: JoinContext): JoinStep {
    const methods = hello.details.get('authmethods')
    const isAsked = !Array.isArray(methods) || methods.length === 0 || methods.includes('anonymous')
    if (!isAsked) {
      const message = 'none of the methods offered is known here'
      return { kind: 'refuse', reason: errorUris.noMatchingAuthMethod, message }
    }
    const identity = this.#authentication.anonymousAt({ protocol: 'wamp', source, listener })
    if (identity === undefined) {
      const message = 'this daemon wants to know who you are'
      return { kind: 'refuse', reason: errorUris.authenticationRequired, message }
    }
    return {
      kind: 'welcome',
      principal: {
        identity,
        authid: crypto.randomUUID(),
        authrole: 'anonymous',
        authmethod: 'anonymous',
        authprovider: 'static',
      },
    }
  }
}
