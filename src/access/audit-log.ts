/**
 * The record of refusals and administrative acts: one JSON line each in `access/audit.log` of the data folder, chained
 * by hashes (base/hash-chain.ts). The first refusal of a kind is written at once; the same again within a minute is
 * counted and written as one line with `repeats`. A full file is put aside as `audit.log.1` …, of which a few are
 * kept. Writing never holds up who is refused; what cannot be written is reported once and counted.
 */

import { createReadStream, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { appendFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ChainCheck, chainLine, chainStart, type ChainHead } from '../base/hash-chain.ts'
import type { Clock, Timer } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'

/** What is recorded; never a secret. */
export interface AuditEntry {
  /** `refused`, `login_refused`, `user_added` … */
  readonly event: string
  readonly user: string
  readonly action?: string | undefined
  readonly resource?: string | undefined
  readonly rule?: string | undefined
  readonly source?: string | undefined
  readonly protocol?: string | undefined
  /** What was done, for administrative acts. */
  readonly detail?: string | undefined
}

export interface AuditVerdict {
  readonly lines: number
  /** Of the last line. */
  readonly head: ChainHead
  /** `audit.log line 7 was changed`; empty: all is well. */
  readonly faults: readonly string[]
}

export interface AuditLogOptions {
  /** Folder of the files; made when missing. Undefined: lines are kept nowhere. */
  readonly folder: string | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Bytes of a file before it is put aside; default 8 MiB. */
  readonly fileBytes?: number | undefined
}

const fileName = 'audit.log'
const headName = 'audit.head'
const keptFiles = 8
const fileBytesDefault = 8_388_608
const repeatWindowMs = 60_000
/** Kinds of refusal that are told apart in a window; what is beyond is counted together. */
const kindsMost = 5_000
/** Longest text of a line's field. */
const textMost = 512
const waitingLinesMost = 20_000

export class AuditLog {
  readonly #options: AuditLogOptions
  readonly #repeats = new Map<string, { readonly entry: AuditEntry; count: number }>()
  readonly #recent: string[] = []
  #others = 0
  #head: ChainHead
  #bytes = 0
  #waiting: string[] = []
  #writing: Promise<void> | undefined
  #sweep: Timer | undefined
  #hasFailed = false
  #isClosed = false

  constructor(options: AuditLogOptions) {
    this.#options = options
    this.#head = options.folder === undefined ? chainStart : this.#open(options.folder)
  }

  /** A refusal: repeats are counted. */
  refusal(entry: AuditEntry): void {
    const key = `${entry.event} ${entry.user} ${entry.action ?? ''} ${entry.rule ?? ''} ${entry.resource ?? ''}`
    const known = this.#repeats.get(key)
    if (known !== undefined) {
      known.count += 1
      return
    }
    this.#sweep ??= this.#options.clock.after(repeatWindowMs, () => this.#tellRepeats())
    if (this.#repeats.size >= kindsMost) {
      this.#others += 1
      return
    }
    this.#repeats.set(key, { entry, count: 0 })
    this.#add(entry, 0)
  }

  /** Something an administrator did. */
  act(entry: AuditEntry): void {
    this.#add(entry, 0)
  }

  /** The newest lines, oldest first. */
  tail(count: number): string[] {
    return this.#recent.slice(-count)
  }

  /** Checks everything that is there, the last number and hash included. */
  async verify(): Promise<AuditVerdict> {
    await this.#flush()
    const { folder } = this.#options
    if (folder === undefined) return { lines: 0, head: chainStart, faults: [] }
    return verifyAudit(folder)
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#tellRepeats()
    this.#isClosed = true
    this.#sweep?.cancel()
    await this.#flush()
  }

  #tellRepeats(): void {
    this.#sweep = undefined
    for (const { entry, count } of this.#repeats.values()) if (count > 0) this.#add(entry, count)
    this.#repeats.clear()
    if (this.#others > 0) {
      this.#add({ event: 'more_refused', user: '', detail: `${this.#others} other refusals` }, 0)
    }
    this.#others = 0
  }

  #add(entry: AuditEntry, repeats: number): void {
    if (this.#isClosed) return
    const fields: Record<string, unknown> = {
      at: new Date(this.#options.clock.now()).toISOString(),
    }
    for (const [name, value] of Object.entries(entry)) {
      if (typeof value === 'string' && value !== '') fields[name] = value.slice(0, textMost)
    }
    if (repeats > 0) fields['repeats'] = repeats
    if (this.#waiting.length >= waitingLinesMost) {
      // The disk does not take them; they are counted instead of kept.
      this.#others += 1
      this.#sweep ??= this.#options.clock.after(repeatWindowMs, () => this.#tellRepeats())
      return
    }
    const { line, head } = chainLine(this.#head, fields)
    this.#head = head
    this.#recent.push(line)
    if (this.#recent.length > 1_000) this.#recent.splice(0, 500)
    if (this.#options.folder === undefined) return
    this.#waiting.push(`${line}\n`)
    void this.#flush()
  }

  /** Never rejects. */
  #flush(): Promise<void> {
    const { folder } = this.#options
    if (folder === undefined) return Promise.resolve()
    this.#writing ??= this.#write(folder).finally(() => (this.#writing = undefined))
    return this.#writing
  }

  async #write(folder: string): Promise<void> {
    const path = join(folder, fileName)
    // Lines of one turn go together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const text = this.#waiting.join('')
      const lines = this.#waiting.length
      const head = this.#head
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        if (this.#bytes > (this.#options.fileBytes ?? fileBytesDefault)) await this.#putAside(path)
        await appendFile(path, text, { mode: 0o600 })
        this.#bytes += text.length
        this.#waiting.splice(0, lines)
        await writeFile(join(folder, headName), `${head.number} ${head.hash}\n`, { mode: 0o600 })
        this.#hasFailed = false
      } catch (error) {
        if (!this.#hasFailed) this.#options.logger.error('audit_not_written', { err: error })
        this.#hasFailed = true
        return
      }
    }
  }

  async #putAside(path: string): Promise<void> {
    await rm(`${path}.${keptFiles}`, { force: true })
    for (let i = keptFiles - 1; i > 0; i--) {
      if (existsSync(`${path}.${i}`)) await rename(`${path}.${i}`, `${path}.${i + 1}`)
    }
    await rename(path, `${path}.1`)
    this.#bytes = 0
  }

  /** Goes on where the last run ended. */
  #open(folder: string): ChainHead {
    const path = join(folder, fileName)
    const newest = [path, `${path}.1`].find((each) => existsSync(each) && statSync(each).size > 0)
    if (existsSync(path)) this.#bytes = statSync(path).size
    if (newest === undefined) return readHead(folder) ?? chainStart
    const lines = readFileSync(newest, 'utf8').split('\n')
    // A power cut may have torn the last line: it ends here, and `verify` says so.
    if (lines.at(-1) !== '') this.#waiting.push('\n')
    for (const line of lines.toReversed()) {
      const check = new ChainCheck()
      if (line !== '' && check.add(line) === undefined) return check.head
    }
    return readHead(folder) ?? chainStart
  }
}

/** Checks the files in a folder, which need not belong to a daemon that runs. Rejects with the system's error. */
export async function verifyAudit(folder: string): Promise<AuditVerdict> {
  const faults: string[] = []
  let lines = 0
  const check = new ChainCheck()
  const names = Array.from({ length: keptFiles }, (_, i) => `${fileName}.${keptFiles - i}`)
  for (const name of [...names, fileName]) {
    const path = join(folder, name)
    if (!existsSync(path)) continue
    let number = 0
    const input = createReadStream(path)
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      number += 1
      if (line === '') continue
      lines += 1
      const fault = check.add(line)
      if (fault !== undefined && faults.length < 20) faults.push(`${name} line ${number} ${fault}`)
    }
  }
  const head = readHead(folder)
  if (head !== undefined && head.number > check.head.number) {
    faults.push(`the last ${head.number - check.head.number} lines are missing`)
  } else if (head !== undefined && head.number === check.head.number) {
    if (head.hash !== check.head.hash) faults.push('the last line is another than the one written')
  }
  return { lines, head: check.head, faults }
}

function readHead(folder: string): ChainHead | undefined {
  try {
    const [number = '', hash = ''] = readFileSync(join(folder, headName), 'utf8').trim().split(' ')
    return /^\d+$/.test(number) && hash.length === 64 ? { number: Number(number), hash } : undefined
  } catch {
    return undefined
  }
}
