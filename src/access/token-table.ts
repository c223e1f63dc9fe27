/**
 * The tokens of the daemon: 256 random bits each, of which only the SHA-256 is kept, in `access/tokens.json` of the
 * data folder. A token is for a user name, which need not have a password; it ends at its time, when it is revoked,
 * and when its user is.
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { BusError } from '../model/errors.ts'
import { readPrivateJson, writePrivateJson } from './private-file.ts'

const rowSchema = z.strictObject({
  /** Public part, by which it is listed and revoked. */
  id: z.string().regex(/^[0-9a-f]{12}$/),
  user: z.string().min(1),
  groups: z.array(z.string()),
  /** SHA-256 of the whole token, hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  createdAtMs: z.number(),
  /** Absent: it has no end. */
  expiresAtMs: z.number().optional(),
  note: z.string().optional(),
})
const fileSchema = z.strictObject({ tokens: z.array(rowSchema) })

export type TokenRow = z.output<typeof rowSchema>

/** Bounds the file and the memory. */
const tokensMost = 100_000

const prefix = 'mbt_'

export class TokenTable {
  readonly #path: string | undefined
  #rows = new Map<string, TokenRow>()
  #wasChanged = false

  /** @param path undefined: kept in memory only */
  constructor(path: string | undefined) {
    this.#path = path
  }

  /** @throws BusError `failed_precondition/bad_config`; what was there before stays */
  load(): void {
    if (this.#path === undefined) return
    const found = readPrivateJson(this.#path)
    if (found === undefined) {
      this.#rows = new Map()
      return
    }
    this.#wasChanged = true
    const parsed = fileSchema.safeParse(found)
    if (!parsed.success) {
      const where = parsed.error.issues[0]?.path.join('.') ?? ''
      const text = `${this.#path} is not a table of tokens (at ${where})`
      throw new BusError('failed_precondition', 'bad_config', text)
    }
    this.#rows = new Map(parsed.data.tokens.map((row) => [row.id, row]))
  }

  /** A token was made at some time: a daemon that was closed stays so when the last one goes. */
  get wasChanged(): boolean {
    return this.#wasChanged
  }

  get size(): number {
    return this.#rows.size
  }

  get(id: string): TokenRow | undefined {
    return this.#rows.get(id)
  }

  values(): Iterable<TokenRow> {
    return this.#rows.values()
  }

  /** The row of a token that is right, whether it has expired or not. */
  find(token: string): TokenRow | undefined {
    if (!isOwnToken(token)) return undefined
    const row = this.#rows.get(token.slice(prefix.length, prefix.length + 12))
    // Same work for tokens that are not there.
    const expected = Buffer.from(row?.hash ?? '0'.repeat(64), 'hex')
    const isRight = timingSafeEqual(sha256(token), expected)
    return isRight ? row : undefined
  }

  /** The token itself is told here and never again. */
  async add(
    given: Pick<TokenRow, 'user' | 'groups' | 'createdAtMs' | 'expiresAtMs' | 'note'>,
  ): Promise<{ readonly token: string; readonly row: TokenRow }> {
    if (this.#rows.size >= tokensMost) {
      const text = `there are ${tokensMost} tokens, which is the limit; revoke some`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    const id = randomBytes(6).toString('hex')
    const token = `${prefix}${id}_${randomBytes(32).toString('base64url')}`
    const row: TokenRow = { ...given, id, hash: sha256(token).toString('hex') }
    await this.#save([...this.#rows.values(), row])
    this.#rows.set(id, row)
    return { token, row }
  }

  /** Returns how many there were. */
  async remove(isGone: (row: TokenRow) => boolean): Promise<number> {
    const gone = [...this.#rows.values()].filter(isGone)
    if (gone.length === 0) return 0
    await this.#save([...this.#rows.values()].filter((row) => !isGone(row)))
    for (const { id } of gone) this.#rows.delete(id)
    return gone.length
  }

  async #save(tokens: readonly TokenRow[]): Promise<void> {
    if (this.#path !== undefined) await writePrivateJson(this.#path, { tokens })
    this.#wasChanged = true
  }
}

/** Whether a text is written like one of our tokens. */
export function isOwnToken(token: string): boolean {
  return token.startsWith(prefix)
}

function sha256(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
