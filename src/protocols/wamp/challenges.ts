/**
 * The arithmetic of WAMP's challenges (spec/wamp 11): WAMP-CRA, cryptosign and SCRAM. Pure; what is secret here are keys
 * that were derived from passwords, never a password.
 */

import {
  createHash,
  createHmac,
  createPublicKey,
  type KeyObject,
  timingSafeEqual,
  verify,
} from 'node:crypto'

/**
 * Whether it answers a challenge of WAMP-CRA.
 * @param key the secret, or for salted ones the derived key in base64; its characters are the key
 */
export function isWampCraSignature(signature: string, challenge: string, key: string): boolean {
  const expected = createHmac('sha256', key).update(challenge).digest()
  return isSame(Buffer.from(signature, 'base64'), expected)
}

/**
 * Whether it answers a challenge of cryptosign: 128 hex digits of signature, 64 of what was signed.
 * @param challenge 32 octets
 * @param channelId 32 octets of the TLS channel, when the challenge is bound to it
 * @param publicKey 64 hex digits
 */
export function isCryptosignSignature(
  signature: string,
  challenge: Uint8Array,
  channelId: Uint8Array | undefined,
  publicKey: string,
): boolean {
  if (!/^[0-9a-f]{192}$/i.test(signature)) return false
  const message = Buffer.from(signature.slice(128), 'hex')
  const expected = challenge.map((octet, i) => octet ^ (channelId?.[i] ?? 0))
  if (!isSame(message, expected)) return false
  const key = ed25519Key(publicKey)
  return (
    key !== undefined && verify(null, message, key, Buffer.from(signature.slice(0, 128), 'hex'))
  )
}

/** What both sides of SCRAM compute over. Implementations differ in what stands for no channel binding. */
export interface ScramExchange {
  readonly authid: string
  readonly clientNonce: string
  /** The client's nonce with the router's behind it. */
  readonly nonce: string
  /** In base64. */
  readonly salt: string
  readonly iterations: number
  /** `biws`, or nothing. */
  readonly channelBinding: string
}

/** Undefined: the proof is wrong. Else what proves the router to the client, in base64. */
export function scramVerifier(
  exchange: ScramExchange,
  proof: string,
  keys: { readonly storedKey: Uint8Array; readonly serverKey: Uint8Array },
): string | undefined {
  const message = scramMessage(exchange)
  const given = Buffer.from(proof, 'base64')
  const signature = createHmac('sha256', keys.storedKey).update(message).digest()
  if (given.length !== signature.length) return undefined
  const clientKey = signature.map((octet, i) => octet ^ (given[i] ?? 0))
  if (!isSame(createHash('sha256').update(clientKey).digest(), keys.storedKey)) return undefined
  return createHmac('sha256', keys.serverKey).update(message).digest('base64')
}

export function scramMessage(exchange: ScramExchange): string {
  const { authid, clientNonce, nonce, salt, iterations, channelBinding } = exchange
  const name = authid.replaceAll('=', '=3D').replaceAll(',', '=2C')
  const server = `r=${nonce},s=${salt},i=${iterations}`
  return `n=${name},r=${clientNonce},${server},c=${channelBinding},r=${nonce}`
}

/** Undefined: no 64 hex digits, or no key. */
function ed25519Key(publicKey: string): KeyObject | undefined {
  if (!/^[0-9a-f]{64}$/i.test(publicKey)) return undefined
  const x = Buffer.from(publicKey, 'hex').toString('base64url')
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  } catch {
    return undefined
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}
