/**
 * Who can log in: the users of the configuration, and those added at run time, which are kept in `access/users.json`
 * of the data folder. One name is in one of the two places only.
 */

import { z } from 'zod'
import type { ClientCertificate, ProcessCredentials } from '../core/authentication.ts'
import { BusError } from '../model/errors.ts'
import { type UserSetting, usersSchema } from './access-schema.ts'
import { readPrivateJson, writePrivateJson } from './private-file.ts'

const fileSchema = z.strictObject({ users: usersSchema })

/** Bounds the file and the memory. */
const usersMost = 100_000

export class UserTable {
  readonly #path: string | undefined
  #configured: ReadonlyMap<string, UserSetting> = new Map()
  #added = new Map<string, UserSetting>()
  #wasChanged = false
  #byCertificate = new Map<string, UserSetting>()
  #byProcess = new Map<string, UserSetting>()

  /** @param path undefined: what is added is kept in memory only */
  constructor(path: string | undefined) {
    this.#path = path
  }

  /** Reads the file again. @throws BusError `failed_precondition/bad_config`; nothing has changed then */
  load(configured: readonly UserSetting[]): void {
    const table = new Map(configured.map((user) => [user.name, user]))
    const found = this.#path === undefined ? undefined : readPrivateJson(this.#path)
    const added =
      this.#path === undefined ? this.#added : parseUsers(found ?? { users: [] }, this.#path)
    for (const name of added.keys()) {
      if (!table.has(name)) continue
      const text = `the user ${name} is in the configuration and in ${this.#path ?? 'memory'}`
      throw new BusError('failed_precondition', 'bad_config', text)
    }
    this.#configured = table
    this.#wasChanged ||= found !== undefined
    this.#added = added
    this.#sort()
  }

  /** Somebody was added at some time: a daemon that was closed stays so when the last one goes. */
  get wasChanged(): boolean {
    return this.#wasChanged
  }

  get size(): number {
    return this.#configured.size + this.#added.size
  }

  get(name: string): UserSetting | undefined {
    return this.#configured.get(name) ?? this.#added.get(name)
  }

  isConfigured(name: string): boolean {
    return this.#configured.has(name)
  }

  *values(): Iterable<UserSetting> {
    yield* this.#configured.values()
    yield* this.#added.values()
  }

  /** By fingerprint first, then subject, common name and alternative names. */
  byCertificate({
    fingerprint,
    subject,
    commonName,
    names,
  }: ClientCertificate): UserSetting | undefined {
    const forms = [`sha256:${fingerprint.toLowerCase()}`, subject]
    if (commonName !== undefined) forms.push(`CN=${commonName}`)
    for (const form of [...forms, ...names]) {
      const user = this.#byCertificate.get(form)
      if (user !== undefined) return user
    }
    return undefined
  }

  /** By user first, then by group. */
  byProcess({ uid, gid }: ProcessCredentials): UserSetting | undefined {
    return this.#byProcess.get(`uid:${uid}`) ?? this.#byProcess.get(`gid:${gid}`)
  }

  /** Adds a user, or changes one that was added. @throws BusError `already_exists`, `resource_exhausted` (rejects) */
  async set(user: UserSetting): Promise<void> {
    if (this.#configured.has(user.name)) {
      const text = `${user.name} is a user of the configuration file; change it there`
      throw new BusError('already_exists', 'name_taken', text)
    }
    if (!this.#added.has(user.name) && this.size >= usersMost) {
      const text = `there are ${usersMost} users, which is the limit`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    const added = new Map(this.#added).set(user.name, user)
    await this.#save(added)
  }

  /** False: nobody of that name was added. */
  async remove(name: string): Promise<boolean> {
    if (this.#configured.has(name)) {
      const text = `${name} is a user of the configuration file; take it out there and reload`
      throw new BusError('failed_precondition', 'bad_argument', text)
    }
    if (!this.#added.has(name)) return false
    const added = new Map(this.#added)
    added.delete(name)
    await this.#save(added)
    return true
  }

  async #save(added: Map<string, UserSetting>): Promise<void> {
    if (this.#path !== undefined) await writePrivateJson(this.#path, { users: [...added.values()] })
    this.#added = added
    this.#wasChanged = true
    this.#sort()
  }

  #sort(): void {
    this.#byCertificate = new Map()
    this.#byProcess = new Map()
    for (const user of this.values()) {
      for (const form of user.certificates) {
        this.#byCertificate.set(certificateKey(form), user)
      }
      for (const form of user.processes) this.#byProcess.set(form, user)
    }
  }
}

/** Fingerprints are written with and without colons, large and small. */
function certificateKey(form: string): string {
  if (!/^sha256:/i.test(form)) return form
  return `sha256:${form.slice('sha256:'.length).replaceAll(':', '').toLowerCase()}`
}

function parseUsers(found: unknown, path: string): Map<string, UserSetting> {
  const parsed = fileSchema.safeParse(found)
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join('.') ?? ''
    const text = `${path} is not a table of users (at ${where})`
    throw new BusError('failed_precondition', 'bad_config', text)
  }
  return new Map(parsed.data.users.map((user) => [user.name, user]))
}
