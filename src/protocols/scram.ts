/**
 * SCRAM-SHA-256 (RFC 5802, RFC 7677), the side of the server: somebody proves to know a password without saying it, and
 * learns that the server knows it too. Without channel binding. Texts in, texts out: whatever carries them is the
 * protocol's business.
 */

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Verifiers } from '../core/authentication.ts'
import { BusError } from '../model/errors.ts'

export const scramMethod = 'SCRAM-SHA-256'

/** What the client begins with. */
export interface ScramBegin {
  readonly user: string
  readonly nonce: string
  /** As it goes into what is signed. */
  readonly bare: string
}

/** @throws BusError `invalid_argument/bad_argument` */
export function parseScramBegin(text: string): ScramBegin {
  // `n,,` or `y,,`: no channel binding; an identity to act for is not taken.
  const [, bare = '', user = '', nonce = ''] =
    /^[ny],,(n=((?:[^,=]|=2C|=3D)+),r=([!-+\--~]+)(?:,.*)?)$/s.exec(text) ?? []
  if (nonce === '') throw malformed()
  const plain = user.replaceAll('=2C', ',').replaceAll('=3D', '=')
  return { user: plain, nonce, bare }
}

export class ScramExchange {
  readonly user: string
  readonly #keys: Verifiers['scram']
  readonly #nonce: string
  readonly #begin: ScramBegin

  /** @param serverNonce for tests; default: a random one */
  constructor(
    begin: ScramBegin,
    { scram }: Pick<Verifiers, 'scram'>,
    serverNonce = randomBytes(18).toString('base64'),
  ) {
    this.user = begin.user
    this.#begin = begin
    this.#keys = scram
    this.#nonce = begin.nonce + serverNonce
  }

  /** What the server answers first. */
  get challenge(): string {
    const { salt, iterations } = this.#keys
    return `r=${this.#nonce},s=${Buffer.from(salt).toString('base64')},i=${iterations}`
  }

  /**
   * The server's last word to a right answer; undefined: the answer is wrong.
   * @throws BusError `invalid_argument/bad_argument`
   */
  verify(text: string): string | undefined {
    const [, withoutProof = '', nonce = '', encoded = ''] =
      /^(c=(?:biws|eSws),r=([!-+\--~]+)(?:,[^,]+)*),p=([A-Za-z0-9+/]+=*)$/.exec(text) ?? []
    if (encoded === '') throw malformed()
    const proof = Buffer.from(encoded, 'base64')
    const { storedKey, serverKey } = this.#keys
    const signed = `${this.#begin.bare},${this.challenge},${withoutProof}`
    const signature = hmac(storedKey, signed)
    if (nonce !== this.#nonce || proof.length !== signature.length) return undefined
    const clientKey = proof.map((byte, i) => byte ^ (signature[i] as number))
    const isRight = timingSafeEqual(createHash('sha256').update(clientKey).digest(), storedKey)
    return isRight ? `v=${hmac(serverKey, signed).toString('base64')}` : undefined
  }
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function malformed(): BusError {
  return new BusError('invalid_argument', 'bad_argument', 'that is no message of SCRAM-SHA-256')
}
