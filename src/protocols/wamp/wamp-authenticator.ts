/**
 * The methods by which a client of WAMP proves who it is (spec/wamp 11). The first of those it offers that is to be had
 * here is taken; who its users are, and every secret, is the business of the daemon's authentication. Whoever is not
 * known goes the same way as everybody and fails at its end.
 */

import { randomBytes } from 'node:crypto'
import type { Authentication, Caller, Credentials } from '../../core/authentication.ts'
import { BusError } from '../../model/errors.ts'
import type { Identity } from '../../model/identity.ts'
import type { AuthenticateMessage } from '../../wire/wamp/messages.ts'
import { isDict, type WampDict, type WampValue } from '../../wire/wamp/value.ts'
import type {
  Authenticator,
  JoinAttempt,
  JoinContext,
  JoinStep,
  Principal,
} from './authenticator.ts'
import { isCryptosignSignature, isWampCraSignature, scramVerifier } from './challenges.ts'
import { errorUris } from './translate-error.ts'

/** What somebody who offers a challenge's method is asked next. */
type Answer = (message: AuthenticateMessage) => Promise<JoinStep>

interface Asked {
  readonly step: JoinStep
  readonly answer?: Answer
}

type Method = (join: Join) => Promise<Asked | undefined>

const isOwnToken = (ticket: string) => ticket.startsWith('mbt_')

export class WampAuthenticator implements Authenticator {
  readonly #authentication: Authentication
  /** For the time stamp in challenges. */
  readonly #nowMs: () => number

  constructor(authentication: Authentication, nowMs: () => number) {
    this.#authentication = authentication
    this.#nowMs = nowMs
  }

  attempt(context: JoinContext): JoinAttempt {
    let expected: Answer | undefined
    const join = new Join(context, this.#authentication, this.#nowMs)
    return {
      begin: () => {
        const atOnce = join.beginAtOnce()
        if (atOnce !== undefined) return atOnce
        return join.settled(async () => {
          const { step, answer } = await join.begin()
          expected = answer
          return step
        })
      },
      answer: (message) => {
        const answer = expected
        expected = undefined
        if (answer === undefined) return denied()
        return join.settled(() => answer(message))
      },
    }
  }
}

/** One client that joins. */
class Join {
  readonly #context: JoinContext
  readonly #authentication: Authentication
  readonly #nowMs: () => number
  readonly #caller: Caller
  readonly #authid: string
  readonly #authextra: WampDict | undefined

  constructor(context: JoinContext, authentication: Authentication, nowMs: () => number) {
    const { hello, source, listener } = context
    this.#context = context
    this.#authentication = authentication
    this.#nowMs = nowMs
    this.#caller = { protocol: 'wamp', source, listener }
    this.#authid = textOf(hello.details.get('authid')) ?? ''
    this.#authextra = dictOf(hello.details.get('authextra'))
  }

  /** What needs no thought: everybody is anonymous. Undefined: ask `begin`. */
  beginAtOnce(): JoinStep | undefined {
    if (!this.#authentication.isOpen) return undefined
    const identity = this.#authentication.anonymousAt(this.#caller)
    if (identity === undefined || !this.#offered().includes('anonymous')) return undefined
    return this.#welcome(identity, 'anonymous')
  }

  /** Refusals that were thrown. */
  async settled(decide: () => Promise<JoinStep>): Promise<JoinStep> {
    try {
      return await decide()
    } catch (error) {
      if (!(error instanceof BusError)) throw error
      const { code, message } = error
      if (code === 'unauthenticated') return denied()
      return { kind: 'refuse', reason: errorUris.authenticationFailed, message }
    }
  }

  async begin(): Promise<Asked> {
    const offered = this.#offered()
    for (const name of offered) {
      const asked = await this.#methods[name]?.(this)
      if (asked !== undefined) return asked
    }
    const isAnonymous = offered.every((name) => name === 'anonymous')
    const reason = isAnonymous ? errorUris.authenticationRequired : errorUris.noMatchingAuthMethod
    const message = isAnonymous
      ? 'this daemon wants to know who you are'
      : 'none of the methods offered is to be had here'
    return { step: { kind: 'refuse', reason, message } }
  }

  readonly #methods: Readonly<Record<string, Method>> = {
    anonymous: () => this.#beginAnonymous(),
    tls: () => this.#beginCertificate(),
    peercred: () => this.#beginProcess(),
    ticket: async () => this.#beginTicket(),
    wampcra: () => this.#beginWampCra(),
    cryptosign: () => this.#beginCryptosign(),
    'wamp-scram': () => this.#beginScram('wamp-scram'),
    scram: () => this.#beginScram('scram'),
  }

  /** Without a list, and with an empty one, a client is anonymous. */
  #offered(): readonly string[] {
    const methods = this.#context.hello.details.get('authmethods')
    const names = Array.isArray(methods) ? methods.filter((each) => typeof each === 'string') : []
    return names.length === 0 ? ['anonymous'] : names
  }

  /** What the connection proves counts for those who show nothing else. */
  async #beginAnonymous(): Promise<Asked | undefined> {
    const { identity: opener } = this.#context.proof
    if (opener !== undefined && opener.method !== 'none') {
      return { step: this.#welcome(opener, methodNames[opener.method] ?? 'ticket') }
    }
    const proven = (await this.#beginProcess()) ?? (await this.#beginCertificate())
    if (proven !== undefined) return proven
    const identity = this.#authentication.anonymousAt(this.#caller)
    return identity && { step: this.#welcome(identity, 'anonymous') }
  }

  #beginCertificate(): Promise<Asked | undefined> {
    const { certificate } = this.#context.proof
    return this.#byConnection(certificate && { kind: 'certificate', certificate }, 'tls')
  }

  #beginProcess(): Promise<Asked | undefined> {
    const { process } = this.#context.proof
    return this.#byConnection(process && { kind: 'process', process }, 'peercred')
  }

  async #byConnection(
    credentials: Credentials | undefined,
    method: string,
  ): Promise<Asked | undefined> {
    if (credentials === undefined || this.#authentication.isOpen) return undefined
    try {
      const identity = await this.#authentication.authenticate(credentials, this.#caller)
      return { step: this.#welcome(identity, method) }
    } catch (error) {
      if (error instanceof BusError && error.code === 'unauthenticated') return undefined
      throw error
    }
  }

  /** A ticket passes as it is, so only where nobody can read along. */
  #beginTicket(): Asked | undefined {
    if (this.#authentication.isOpen || !this.#context.proof.isSecure) return undefined
    const user = this.#authid
    return {
      step: { kind: 'challenge', method: 'ticket', extra: {} },
      answer: async ({ signature }) => {
        const isToken = user === '' || isOwnToken(signature)
        const credentials: Credentials = isToken
          ? { kind: 'token', token: signature }
          : { kind: 'password', user, password: signature }
        const identity = await this.#authentication.authenticate(credentials, this.#caller)
        // A token of somebody else is none for this name.
        if (user !== '' && identity.user !== user) return this.#failed()
        return this.#welcome(identity, 'ticket')
      },
    }
  }

  async #beginWampCra(): Promise<Asked | undefined> {
    const user = this.#authid
    if (this.#authentication.isOpen || user === '') return undefined
    const { wampcra } = await this.#authentication.verifiersOf(user, this.#caller)
    const challenge = JSON.stringify({
      authid: user,
      authrole: textOf(this.#context.hello.details.get('authrole')) ?? 'user',
      authmethod: 'wampcra',
      authprovider: 'static',
      nonce: randomBytes(16).toString('base64url'),
      timestamp: new Date(this.#nowMs()).toISOString(),
      session: this.#context.session,
    })
    const { salt, iterations, keyBytes: keylen, key } = wampcra
    return {
      step: {
        kind: 'challenge',
        method: 'wampcra',
        extra: { challenge, salt, iterations, keylen },
      },
      answer: async ({ signature }) => {
        if (!isWampCraSignature(signature, challenge, key)) return this.#failed()
        return this.#proven('wampcra')
      },
    }
  }

  async #beginCryptosign(): Promise<Asked | undefined> {
    const publicKey = textOf(this.#authextra?.get('pubkey'))?.toLowerCase()
    if (this.#authentication.isOpen || publicKey === undefined || this.#authid === '')
      return undefined
    const { publicKeys } = await this.#authentication.verifiersOf(this.#authid, this.#caller)
    const challenge = randomBytes(32)
    const wanted = textOf(this.#authextra?.get('channel_binding'))
    const channelId = wanted === undefined ? undefined : this.#context.proof.channelId(wanted)
    return {
      step: {
        kind: 'challenge',
        method: 'cryptosign',
        extra: {
          challenge: challenge.toString('hex'),
          channel_binding: channelId === undefined ? null : (wanted ?? null),
        },
      },
      answer: async ({ signature }) => {
        // Both are looked at, so that time does not tell whether the key is known.
        const isKnown = publicKeys.includes(publicKey)
        const isSigned = isCryptosignSignature(signature, challenge, channelId, publicKey)
        return isKnown && isSigned ? this.#proven('cryptosign') : this.#failed()
      },
    }
  }

  /** Autobahn|Python and Crossbar.io call it `scram` and compute without `biws` (spec/wamp 11). */
  async #beginScram(method: 'wamp-scram' | 'scram'): Promise<Asked | undefined> {
    const clientNonce = textOf(this.#authextra?.get('nonce'))
    const authid = this.#authid
    if (this.#authentication.isOpen || clientNonce === undefined || authid === '') return undefined
    const { scram } = await this.#authentication.verifiersOf(authid, this.#caller)
    const nonce = clientNonce + randomBytes(18).toString('base64')
    const salt = Buffer.from(scram.salt).toString('base64')
    const { iterations } = scram
    const extra = { nonce, salt, kdf: 'pbkdf2', iterations, memory: 0 }
    return {
      step: { kind: 'challenge', method, extra },
      answer: async ({ signature, extra: answered }) => {
        const channelBinding = method === 'scram' ? '' : 'biws'
        const exchange = { authid, clientNonce, nonce, salt, iterations, channelBinding }
        const isOurs = (textOf(answered.get('nonce')) ?? nonce) === nonce
        const verifier = scramVerifier(exchange, signature, scram)
        if (verifier === undefined || !isOurs) return this.#failed()
        const key = method === 'scram' ? 'scram_server_signature' : 'verifier'
        return this.#proven(method, { [key]: verifier })
      },
    }
  }

  #proven(method: string, authextra?: Readonly<Record<string, string>>): JoinStep {
    const identity = this.#authentication.proven(this.#authid, 'challenge', this.#caller)
    return identity === undefined ? this.#failed() : this.#welcome(identity, method, authextra)
  }

  #failed(): JoinStep {
    this.#authentication.failed(this.#authid, this.#caller)
    return denied()
  }

  #welcome(
    identity: Identity,
    authmethod: string,
    authextra?: Readonly<Record<string, string>>,
  ): JoinStep {
    const isAnonymous = identity.method === 'none'
    const principal: Principal = {
      identity,
      authid: isAnonymous ? randomBytes(12).toString('base64url') : identity.user,
      authrole: isAnonymous ? 'anonymous' : this.#role(identity),
      authmethod: isAnonymous ? 'anonymous' : authmethod,
      authprovider: 'static',
      authextra,
    }
    return { kind: 'welcome', principal }
  }

  /** The role asked for, if it is one of the user's groups; else the first of these. */
  #role({ groups }: Identity): string {
    const asked = textOf(this.#context.hello.details.get('authrole'))
    return asked !== undefined && groups.includes(asked) ? asked : (groups[0] ?? 'user')
  }
}

/** As the protocol calls what an HTTP request has proved. */
const methodNames: Readonly<Partial<Record<Identity['method'], string>>> = {
  certificate: 'tls',
  process: 'peercred',
}

/** Whatever was wrong. */
function denied(): JoinStep {
  const message = 'user, ticket or signature is not one that is known here'
  return { kind: 'refuse', reason: errorUris.authenticationDenied, message }
}

function textOf(value: WampValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function dictOf(value: WampValue | undefined): WampDict | undefined {
  return isDict(value) ? value : undefined
}
