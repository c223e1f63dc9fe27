/**
 * Enhanced authentication (MQTT 5.0 section 4.12) with SCRAM-SHA-256: the messages of one connection, at CONNECT and
 * whenever its client proves itself anew.
 */

import { BusError } from '../../model/errors.ts'
import type { Identity } from '../../model/identity.ts'
import { type Admission, type Newcomer, wrongCredentials } from '../admission.ts'
import { parseScramBegin, ScramExchange } from '../scram.ts'

export class Exchange {
  readonly #admission: Admission
  readonly #newcomer: Newcomer
  #answer: ((data: Uint8Array) => void) | undefined
  #isUnderWay = false

  constructor(admission: Admission, newcomer: Newcomer) {
    this.#admission = admission
    this.#newcomer = newcomer
  }

  get isUnderWay(): boolean {
    return this.#isUnderWay
  }

  /** A challenge was sent and is not answered. */
  get isAwaited(): boolean {
    return this.#answer !== undefined
  }

  /** What the client sent; only while it is awaited. */
  answer(data: Uint8Array): void {
    const answer = this.#answer
    this.#answer = undefined
    answer?.(data)
  }

  /**
   * @param tell sends the challenge
   * @throws BusError `unauthenticated/bad_credentials` whatever was wrong; `resource_exhausted/too_many_logins`
   */
  async run(
    begin: Uint8Array,
    tell: (challenge: Uint8Array) => void,
  ): Promise<{ readonly identity: Identity; readonly last: Uint8Array }> {
    this.#isUnderWay = true
    try {
      return await this.#run(begin, tell)
    } catch (error) {
      const isMalformed = error instanceof BusError && error.code === 'invalid_argument'
      throw isMalformed ? wrongCredentials(error.message) : error
    } finally {
      this.#isUnderWay = false
    }
  }

  async #run(begin: Uint8Array, tell: (challenge: Uint8Array) => void) {
    const first = parseScramBegin(textOf(begin))
    const verifiers = await this.#admission.verifiersOf(first.user, this.#newcomer)
    const exchange = new ScramExchange(first, verifiers)
    const answered = new Promise<Uint8Array>((resolve) => {
      this.#answer = resolve
    })
    tell(Buffer.from(exchange.challenge))
    const last = exchange.verify(textOf(await answered))
    if (last === undefined) {
      this.#admission.failed(first.user, this.#newcomer)
      throw wrongCredentials('the answer to the challenge is wrong')
    }
    return { identity: this.#admission.proven(first.user, this.#newcomer), last: Buffer.from(last) }
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
