/**
 * What challenges are answered against: all from one PBKDF2-SHA-256 of the password, which SCRAM calls the salted
 * password (RFC 5802 3) and WAMP-CRA uses as its key. For a user that is not there, or has none, it is made up from
 * a secret of the daemon: always the same for a name, so that asking twice tells nothing.
 */

import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import type { Verifiers } from '../core/authentication.ts'
import type { UserSetting } from './access-schema.ts'

/** The salt is the text in both: its bytes are those of its characters. */
type ChallengeSecret = NonNullable<UserSetting['challengeSecret']>

const keyBytes = 32
const newIterations = 100_000
const derive = promisify(pbkdf2)

/** Of a new password; some 30 ms beside the loop. */
export async function makeChallengeSecret(password: string): Promise<ChallengeSecret> {
  const salt = randomBytes(16).toString('base64')
  const key = await derive(password, salt, newIterations, keyBytes, 'sha256')
  return { salt, iterations: newIterations, key: key.toString('base64') }
}

export function verifiersFor(
  user: UserSetting | undefined,
  name: string,
  secret: Uint8Array,
): Verifiers {
  const { salt, iterations, key } = user?.challengeSecret ?? madeUp(name, secret)
  const saltedPassword = Buffer.from(key, 'base64')
  const clientKey = hmac(saltedPassword, 'Client Key')
  return {
    scram: {
      salt: Buffer.from(salt),
      iterations,
      storedKey: createHash('sha256').update(clientKey).digest(),
      serverKey: hmac(saltedPassword, 'Server Key'),
    },
    wampcra: { salt, iterations, keyBytes, key },
    publicKeys: user?.publicKeys.map((publicKey) => publicKey.toLowerCase()) ?? [],
  }
}

function madeUp(name: string, secret: Uint8Array): ChallengeSecret {
  const salt = hmac(secret, `salt ${name}`).subarray(0, 16).toString('base64')
  return { salt, iterations: newIterations, key: hmac(secret, `key ${name}`).toString('base64') }
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
