/**
 * Starts the protocol adapters and holds them together: what was asked for must come up, a default
 * address that somebody else has is passed over, and a daemon that nobody could send a message to
 * does not start.
 */

import type { Logger } from '../core/logger.ts'
import { formatListenAddress, isAddressInUse } from '../net/address.ts'
import {
  type AdapterContext,
  AdapterStartError,
  type BoundListener,
  type ProtocolAdapter,
  type ServerTls,
} from '../protocols/adapter.ts'
import { defaultOrigin, type LoadedConfig } from './config.ts'
import { adapters, isNeededAnyway, passedOverQuietly, type ProtocolName } from './protocols.ts'
import { messageOf, StartError } from './start-error.ts'

export interface RunningAdapters {
  readonly listeners: readonly BoundListener[]
  readonly reloadTls: (tls: ServerTls) => void
  /** Refuses new work at once, everywhere; resolves when all are closed. Never rejects. */
  stop(graceMs: number): Promise<void>
}

/** All that are configured, or none. @throws StartError */
export async function startAdapters(
  context: AdapterContext,
  { config, originOf }: LoadedConfig,
): Promise<RunningAdapters> {
  const { logger } = context
  const running = new Map<ProtocolName, ProtocolAdapter>()
  const skipped: string[] = []
  let isMissed = false
  try {
    for (const name of Object.keys(adapters) as ProtocolName[]) {
      const { listen } = config.protocols[name]
      const isNeeded = isNeededAnyway(name, config.protocols)
      if (listen.length === 0 && !isNeeded) continue
      const origin = originOf(`protocols.${name}.listen`)
      try {
        running.set(name, await adapters[name](context, config.protocols))
      } catch (error) {
        if (error instanceof AdapterStartError)
          throw new StartError(error.message, { cause: error })
        const where = listen.map(formatListenAddress).join(', ')
        const isTaken = isAddressInUse(error)
        if (!(isTaken || isPathRefused(error)) || origin !== defaultOrigin) {
          const why = isTaken ? 'another program listens there already' : messageOf(error)
          throw new StartError(`${origin}: cannot listen on ${where}: ${why}`, { cause: error })
        }
        skipped.push(`${name} on ${where}`)
        isMissed ||= isTaken && !passedOverQuietly.has(name)
        logger.warn('listener_skipped', {
          protocol: name,
          address: where,
          reason: isTaken ? 'address in use' : messageOf(error),
        })
        if (isNeeded) {
          const section = { ...config.protocols[name], listen: [] }
          const protocols = { ...config.protocols, [name]: section }
          running.set(name, await adapters[name](context, protocols))
        }
      }
    }
    const bound = [...running].filter(([, { listeners }]) => listeners.length > 0)
    const waysIn = bound.map(([name]) => name)
    const isAsked = waysIn.some((name) => originOf(`protocols.${name}.listen`) !== defaultOrigin)
    // Where a default way in is taken, and none was asked for, what is left is not what anybody expects.
    if (waysIn.length === 0 || (isMissed && !isAsked)) throw noWayIn(skipped)
  } catch (error) {
    await stopAll(running.values(), 0, logger)
    throw error
  }
  return {
    listeners: [...running.values()].flatMap((adapter) => adapter.listeners),
    reloadTls: (tls) => running.forEach((adapter) => adapter.reloadTls(tls)),
    stop: (graceMs) => stopAll(running.values(), graceMs, logger),
  }
}

/** A socket in a data folder whose path is too long for one, or on a file system without sockets. */
function isPathRefused(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'EINVAL' || code === 'ENAMETOOLONG' || code === 'ENOTSUP' || code === 'EPERM'
}

function noWayIn(skipped: readonly string[]): StartError {
  if (skipped.length === 0) {
    return new StartError('no listener takes messages; give --listen an address')
  }
  return new StartError(
    `another program, perhaps another msgbusd, listens already: ${skipped.join(', ')}; choose other addresses with --listen and --http`,
  )
}

async function stopAll(
  running: Iterable<ProtocolAdapter>,
  graceMs: number,
  logger: Logger,
): Promise<void> {
  const stops = [...running].map((adapter) => adapter.stop(graceMs))
  for (const result of await Promise.allSettled(stops)) {
    if (result.status === 'rejected') logger.error('adapter_stop_failed', { err: result.reason })
  }
}
