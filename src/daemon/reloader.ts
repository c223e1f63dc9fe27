/**
 * Reading again while the daemon runs: the configuration for users, rules and limits, the tables of users and tokens, and
 * the certificates. Everything is read and checked before anything is taken, so that a fault changes nothing, and all
 * faults are told at once. What only counts after a restart is said.
 */

import type { Access } from '../access/access.ts'
import type { Logger } from '../core/logger.ts'
import { BusError } from '../model/errors.ts'
import type { LoadedConfig } from './config.ts'
import type { Config } from './config-schema.ts'
import { accessSettings } from './open-access.ts'
import { messageOf } from './start-error.ts'
import { readServerTls, type TlsReloader } from './tls-files.ts'

export interface ReloaderOptions {
  readonly loaded: LoadedConfig
  readonly access: Access
  readonly tls: TlsReloader | undefined
  readonly logger: Logger
  /** Loads the configuration as it was loaded at the start; undefined: it cannot be loaded again. */
  readonly reread: (() => Promise<LoadedConfig>) | undefined
}

/** Sections that count at once. */
const live: ReadonlySet<keyof Config> = new Set([
  'users',
  'rules',
  'jwt',
  'identityLimits',
  'access',
])

export class Reloader {
  readonly #options: ReloaderOptions
  #running: Promise<readonly string[]> | undefined

  constructor(options: ReloaderOptions) {
    this.#options = options
  }

  /**
   * Answers what has changed and needs a restart, and other remarks. A second call while one runs is the same one.
   * Rejects with BusError `failed_precondition/bad_config` that has every fault, one a line.
   */
  reload(): Promise<readonly string[]> {
    this.#running ??= this.#reload().finally(() => (this.#running = undefined))
    return this.#running
  }

  async #reload(): Promise<readonly string[]> {
    const { loaded, access, tls, logger, reread } = this.#options
    const faults: string[] = []
    const next = await (reread?.() ?? Promise.resolve(loaded)).catch((error: unknown) => {
      faults.push(messageOf(error))
      return loaded
    })
    try {
      readServerTls(loaded.config.tls, logger)
    } catch (error) {
      faults.push(messageOf(error))
    }
    const settings = accessSettings(next.config)
    try {
      await access.check(settings)
    } catch (error) {
      faults.push(messageOf(error))
    }
    if (faults.length > 0) {
      const text = faults.join('\n')
      logger.error('reload_failed', { reason: text })
      throw new BusError('failed_precondition', 'bad_config', text)
    }
    await access.reload(settings)
    tls?.reload()
    const notes = [...next.warnings, ...restartNotes(loaded.config, next.config)]
    logger.info('reloaded', { notes })
    return notes
  }
}

function restartNotes(before: Config, now: Config): string[] {
  const changed = Object.keys(now).filter((name) => {
    const section = name as keyof Config
    return !live.has(section) && JSON.stringify(before[section]) !== JSON.stringify(now[section])
  })
  return changed.map((name) => `${name} has changed: that counts after a restart`)
}
