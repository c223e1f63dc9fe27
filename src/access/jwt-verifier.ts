/**
 * JSON Web Tokens of configured issuers (RFC 7519), by keys in files. Signature, issuer, audience and expiry are
 * required; the algorithm is one that the configuration names, whatever the token says of itself.
 */

import { createLocalJWKSet, decodeJwt, importSPKI, jwtVerify, type JSONWebKeySet } from 'jose'
import { readFileSync } from 'node:fs'
import { BusError } from '../model/errors.ts'
import type { JwtSetting } from './access-schema.ts'

export interface JwtIdentity {
  readonly user: string
  readonly groups: readonly string[]
  /** Wall clock, ms. */
  readonly expiresAtMs: number
}

/** How far clocks may be apart. */
const toleranceS = 30
/** A longer one is not looked at. */
const tokenCharactersMost = 16_384

interface Issuer {
  readonly setting: JwtSetting
  verify(token: string, nowMs: number): Promise<Record<string, unknown>>
}

export class JwtVerifier {
  readonly #issuers: readonly Issuer[]

  private constructor(issuers: readonly Issuer[]) {
    this.#issuers = issuers
  }

  /** Reads the keys. @throws BusError `failed_precondition/bad_config` that names the file (rejects) */
  static async open(settings: readonly JwtSetting[]): Promise<JwtVerifier> {
    return new JwtVerifier(await Promise.all(settings.map(openIssuer)))
  }

  get size(): number {
    return this.#issuers.length
  }

  /** Undefined: it is none of a configured issuer that holds now. */
  async verify(token: string, nowMs: number): Promise<JwtIdentity | undefined> {
    if (token.length > tokenCharactersMost) return undefined
    const issuer = issuerOf(token)
    for (const each of this.#issuers) {
      if (each.setting.issuer !== issuer) continue
      try {
        const found = identityOf(await each.verify(token, nowMs), each.setting)
        if (found !== undefined) return found
      } catch {
        // What is wrong with it is nobody's business: another key of the same issuer may fit.
      }
    }
    return undefined
  }
}

/** What it says of itself, to choose the keys; nothing is believed yet. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss
  } catch {
    return undefined
  }
}

async function openIssuer(setting: JwtSetting): Promise<Issuer> {
  const { jwks, publicKey, algorithms, issuer, audience } = setting
  const path = jwks ?? publicKey ?? ''
  try {
    const text = readFileSync(path, 'utf8')
    const options = (nowMs: number) => {
      return {
        issuer,
        audience,
        algorithms,
        clockTolerance: toleranceS,
        requiredClaims: ['exp'],
        currentDate: new Date(nowMs),
      }
    }
    if (jwks !== undefined) {
      const keys = createLocalJWKSet(JSON.parse(text) as JSONWebKeySet)
      return {
        setting,
        verify: async (token, nowMs) => (await jwtVerify(token, keys, options(nowMs))).payload,
      }
    }
    const key = await importSPKI(text, algorithms[0] ?? 'RS256')
    return {
      setting,
      verify: async (token, nowMs) => (await jwtVerify(token, key, options(nowMs))).payload,
    }
  } catch (error) {
    const text = `jwt: ${path} has no public keys that can be read`
    throw new BusError('failed_precondition', 'bad_config', text, { cause: error })
  }
}

function identityOf(
  claims: Record<string, unknown>,
  { userClaim, userPrefix, groupsClaim }: JwtSetting,
): JwtIdentity | undefined {
  const name = claims[userClaim]
  const expires = claims['exp']
  if (typeof name !== 'string' || name === '' || name.length > 256) return undefined
  if (/\p{Cc}/u.test(name) || typeof expires !== 'number') return undefined
  const found = claims[groupsClaim]
  const groups = Array.isArray(found)
    ? found.filter((group) => typeof group === 'string')
    : typeof found === 'string'
      ? found.split(' ').filter((group) => group !== '')
      : []
  const expiresAtMs = (expires + toleranceS) * 1000
  return { user: userPrefix + name, groups, expiresAtMs }
}
