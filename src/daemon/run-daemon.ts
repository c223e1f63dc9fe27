/**
 * The daemon as a process: what it prints, what signals do, and what happens when we are wrong.
 *  - SIGTERM, SIGINT: the first stops within the grace time, the second leaves at once. Every store
 *    survives that, since it must survive a kill.
 *  - SIGHUP: reads configuration, users, tokens and certificates again.
 *  - a defect (an error nobody caught): is logged, the store is closed if that works, exit code 70.
 */

import { resolve } from 'node:path'
import process from 'node:process'
import type { Logger } from '../core/logger.ts'
import { formatNodeId } from '../model/node-id.ts'
import type { BoundListener } from '../protocols/adapter.ts'
import { exposedAddresses, hasAccessSections, type LoadedConfig } from './config.ts'
import { type Daemon, startDaemon } from './daemon.ts'
import { exitCodes } from './exit-codes.ts'
import { nodeOf } from './open-store.ts'
import { createLogger } from './pino-logger.ts'
import { notifyServiceManager } from './service-manager.ts'
import { version } from './version.ts'

// npm and other parents pass on what the terminal has already sent to everybody: one Ctrl-C arrives
// twice within milliseconds, and nobody presses it twice that fast.
const echoMs = 200

// Beyond the grace time, for closing the store and for handles that will not close.
const closeMarginMs = 5000

/** Runs until the daemon was told to stop; resolves with the exit code. @throws StartError */
export async function runDaemon(
  loaded: LoadedConfig,
  reread: () => Promise<LoadedConfig>,
): Promise<number> {
  const { config } = loaded
  const { level, format } = config.log
  const node = formatNodeId(nodeOf(config))
  const plainFormat = process.stderr.isTTY ? 'pretty' : 'json'
  const logger = createLogger({ level, format: format === 'auto' ? plainFormat : format, node })
  for (const text of loaded.warnings) logger.warn('configuration_warning', { text })
  const exposed = exposedAddresses(config, hasAccessSections(config)).length
  if (exposed > 0)
    logger.warn('serving_everybody', { addresses: exposed, allowed: 'allowInsecure' })
  // Whoever read our first lines may have gone since, as `head` does.
  process.stdout.on('error', () => undefined)

  const daemon = await startDaemon(loaded, logger, undefined, reread)
  const stopped = stopOnSignals(daemon, logger, config.shutdown.graceMs)
  const { data, engine, durability } = config.storage
  print(`msgbusd ${version}, node ${node}`)
  print(
    engine === 'memory'
      ? 'data in memory, gone when it stops'
      : `data in ${resolve(data)} (${engine}, durability ${durability})`,
  )
  daemon.listeners.forEach((listener) => print(describeListener(listener)))

  const opened = daemon.ready.then(() => {
    const tookMs = Math.round(performance.now() - startedAt())
    print(`ready after ${tookMs} ms`)
    logger.info('ready', { version, pid: process.pid, tookMs })
    notifyServiceManager(logger)
  })
  try {
    await Promise.race([opened, stopped])
  } catch (error) {
    await daemon.stop()
    throw error
  }
  return stopped
}

/** Resolves with the exit code once a signal has stopped the daemon. */
function stopOnSignals(daemon: Daemon, logger: Logger, graceMs: number): Promise<number> {
  return new Promise((leave) => {
    let isStopping = false
    let first: { readonly signal: string; readonly at: number } | undefined

    const stop = async (signal: string): Promise<void> => {
      if (isStopping) {
        if (signal === first?.signal && performance.now() - first.at < echoMs) return
        logger.warn('stopped_at_once', { signal })
        process.exit(exitCodes.ok.code)
      }
      isStopping = true
      first = { signal, at: performance.now() }
      logger.info('stopping', { signal, graceMs })
      const overdue = setTimeout(() => {
        logger.error('stop_overdue', { graceMs, closeMarginMs })
        process.exit(exitCodes.ok.code)
      }, graceMs + closeMarginMs)
      await daemon.stop()
      clearTimeout(overdue)
      logger.info('stopped')
      leave(exitCodes.ok.code)
    }

    const giveUp = (error: unknown): void => {
      logger.error('defect', { err: error })
      const isSecond = isStopping
      isStopping = true
      if (isSecond) exitAsDefect()
      setTimeout(exitAsDefect, closeMarginMs)
      daemon.stop().then(exitAsDefect, exitAsDefect)
    }

    for (const signal of ['SIGTERM', 'SIGINT']) {
      process.on(signal, () => void stop(signal).catch(giveUp))
    }
    // What is wrong has been logged; the old configuration goes on.
    process.on('SIGHUP', () => void daemon.reload().catch(() => undefined))
    process.on('uncaughtException', giveUp)
    process.on('unhandledRejection', giveUp)
  })
}

/** Start of the process, or of the daemon within it where scripts/run.mjs had to build first. */
function startedAt(): number {
  return performance.getEntriesByName('msgbusd')[0]?.startTime ?? 0
}

function exitAsDefect(): never {
  process.exit(exitCodes.defect.code)
}

function describeListener({ protocol, address, tls }: BoundListener): string {
  if (protocol !== 'http') return `${protocol} listens on ${address}${tls ? ' with TLS' : ''}`
  const url = address.startsWith('unix:') ? address : `http${tls ? 's' : ''}://${address}`
  return `http listens on ${url} (console, API at /v1, /healthz, /readyz, /metrics)`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
