/** Last values that survive the daemon, wherever its store does. */

import { systemClock } from '../core/clock.ts'
import { LastValueKeeper } from '../core/last-value-keeper.ts'
import type { LogStore } from '../core/log-store.ts'
import type { Logger } from '../core/logger.ts'
import type { MsgBus } from '../core/msg-bus.ts'
import { LastValueFile } from '../stores/last-values/last-value-file.ts'

/**
 * Puts back what was saved beside an open store, before the bus is attached to it. Undefined, and nothing is saved, when
 * the store itself is forgotten with the process.
 *
 * @param folder the data folder
 */
export async function openLastValues(
  bus: MsgBus,
  store: LogStore,
  folder: string,
  logger: Logger,
): Promise<LastValueKeeper | undefined> {
  if (store.guarantees.durability === 'memory') return undefined
  const saved = new LastValueFile({ folder, epoch: store.epoch, logger })
  const keeper = new LastValueKeeper({ bus, store, saved, clock: systemClock, logger })
  await keeper.load()
  return keeper
}
