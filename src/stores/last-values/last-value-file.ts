/**
 * The file of last values in the data folder (docs/reference/disk-format.md): a line with the version, a record that names
 * the store, then what was saved, the newer behind the older. Changes are appended; when most of the file is
 * outdated, everything is written into a new one that takes its place by renaming. So a crash leaves the old file or
 * the new one, and at worst a record that was cut at the end.
 *
 * Appended changes are not synced: they survive the daemon, not a loss of power. `sync` and every new file are.
 */

import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../core/logger.ts'
import type {
  LoadedValues,
  Save,
  SavedChange,
  SavedLast,
  SavedValues,
} from '../../core/saved-values.ts'
import { errorCode } from '../../journal/storage-errors.ts'
import { readRecords } from './last-value-reader.ts'
import { LiveBytes } from './live-bytes.ts'
import { RecordWriter } from './record-writer.ts'

export const lastValuesFileName = 'last-values'
const draftFileName = `${lastValuesFileName}.new`

/** Version of the records; a file of another one is not read. */
const version = 1
const versionLine = /^msgbus last values (\d{1,9})\n/
const ownVersionLine = Buffer.from(`msgbus last values ${version}\n`)

/** The file may be this much larger than twice what lives in it. */
const wasteBytes = 1_048_576

export interface LastValueFileOptions {
  /** The data folder. It is there, and ours alone while the store is open. */
  readonly folder: string
  /** Of the store: what was saved beside another one is not about this one. */
  readonly epoch: string
  readonly logger: Logger
  /** How files are opened; tests put something in between. */
  readonly openFile?: typeof open
}

export class LastValueFile implements SavedValues {
  readonly #options: LastValueFileOptions
  readonly #path: string
  readonly #draftPath: string
  readonly #open: typeof open
  #handle: FileHandle | undefined
  /** Changes can be appended at `#length`. */
  #isSound = false
  #length = 0
  #live = new LiveBytes()

  constructor(options: LastValueFileOptions) {
    this.#options = options
    this.#path = join(options.folder, lastValuesFileName)
    this.#draftPath = join(options.folder, draftFileName)
    this.#open = options.openFile ?? open
  }

  get needsEverything(): boolean {
    return !this.#isSound || this.#length > 2 * this.#live.total + wasteBytes
  }

  async load(): Promise<LoadedValues> {
    const { logger } = this.#options
    try {
      await rm(this.#draftPath, { force: true })
      this.#handle = await this.#open(this.#path, 'r+')
      const { size } = await this.#handle.stat()
      return await this.#read(this.#handle, size)
    } catch (error) {
      this.#live = new LiveBytes()
      this.#isSound = false
      if (errorCode(error) !== 'ENOENT') logger.warn('last_values_unreadable', { err: error })
      return nothingSaved
    }
  }

  begin(scope: 'changes' | 'everything'): Save {
    return scope === 'changes' ? this.#beginChanges() : this.#beginEverything()
  }

  async sync(): Promise<void> {
    await this.#handle?.datasync()
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    this.#isSound = false
    await handle?.close()
  }

  #beginChanges(): Save {
    const handle = this.#handle
    if (handle === undefined || !this.#isSound) throw new Error('there is no file to append to')
    const writer = new RecordWriter(Promise.resolve(handle), this.#length)
    // Until the commit nobody knows where the file ends.
    this.#isSound = false
    return {
      put: (change) => put(writer, this.#live, change),
      commit: async (accountedTo) => {
        writer.put({ kind: 'mark', accountedTo })
        await writer.flush()
        this.#length = writer.position
        this.#isSound = true
      },
      abandon: () => Promise.resolve(),
    }
  }

  #beginEverything(): Save {
    const opening = this.#open(this.#draftPath, 'w', 0o600)
    const writer = new RecordWriter(opening, 0)
    const live = new LiveBytes()
    this.#isSound = false
    writer.raw(ownVersionLine)
    writer.put({ kind: 'store', epoch: this.#options.epoch })
    return {
      put: (change) => put(writer, live, change),
      commit: async (accountedTo) => {
        writer.put({ kind: 'mark', accountedTo })
        await writer.flush()
        const handle = await opening
        await handle.datasync()
        // Some systems do not replace a file that is open.
        await this.close()
        await rename(this.#draftPath, this.#path)
        this.#handle = handle
        this.#length = writer.position
        this.#live = live
        this.#isSound = true
        await syncFolder(this.#options.folder)
      },
      abandon: () => this.#abandonDraft(opening),
    }
  }

  async #abandonDraft(opening: Promise<FileHandle>): Promise<void> {
    try {
      const handle = await opening
      if (handle === this.#handle) return
      await handle.close()
      await rm(this.#draftPath, { force: true })
    } catch (error) {
      // It is in nobody's way: the next draft overwrites it, the next start removes it.
      this.#options.logger.debug('last_values_draft_left', { err: error })
    }
  }

  async #read(handle: FileHandle, size: number): Promise<LoadedValues> {
    const { logger, epoch } = this.#options
    const start = Buffer.alloc(Math.min(size, 64))
    await handle.read(start, 0, start.length, 0)
    const line = versionLine.exec(start.toString('latin1'))
    if (line === null || Number(line[1]) !== version) {
      const reason = line === null ? 'no file of ours' : 'another version'
      logger.warn('last_values_ignored', { reason })
      return nothingSaved
    }
    const values = new Map<string, SavedLast>()
    let isOurs = false
    let accountedTo = 0
    const found = await readRecords(
      handle,
      line[0].length,
      size,
      (record, bytes, isAfterDamage) => {
        if (record.kind === 'store') isOurs = record.epoch === epoch
        else if (!isOurs) return false
        else if (record.kind === 'mark') {
          // What is missing may be newer than what is there, so the store is read from before it.
          if (!isAfterDamage) accountedTo = record.accountedTo
        } else {
          if (record.kind === 'forgotten') values.delete(record.topic)
          else values.set(record.topic, record)
          this.#live.set(record.topic, record.kind === 'forgotten' ? 0 : bytes)
        }
        return isOurs
      },
    )
    if (!isOurs) {
      logger.warn('last_values_ignored', { reason: 'of another store' })
      return nothingSaved
    }
    this.#isSound = found.damagedRecords === 0 && found.cutBytes === 0
    this.#length = size
    if (!this.#isSound) logger.warn('last_values_damaged', { ...found })
    return { values: [...values.values()], accountedTo }
  }
}

const nothingSaved: LoadedValues = { values: [], accountedTo: 0 }

function put(
  writer: RecordWriter,
  live: LiveBytes,
  change: SavedChange,
): Promise<void> | undefined {
  const { kind, topic } = change
  if (kind === 'forgotten' && !live.has(topic)) return undefined
  const bytes = writer.put(change)
  live.set(topic, kind === 'forgotten' ? 0 : bytes)
  return writer.isFull ? writer.flush() : undefined
}

/** So that the new name is there after a loss of power. Some file systems cannot, and promise it anyway. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!cannotSyncFolders.has(errorCode(error) ?? '')) throw error
  }
}

const cannotSyncFolders = new Set(['EACCES', 'EINVAL', 'EISDIR', 'ENOTSUP', 'EPERM'])
