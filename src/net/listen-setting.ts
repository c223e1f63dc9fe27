/**
 * The setting `listen` that every adapter has: one text, several separated by commas, or a list; in
 * the grammar of address.ts, or the word `off`. One schema, so that flags, environment and file say
 * the same everywhere and a fault names the very item.
 */

import { z } from 'zod'
import { AddressError, parseListenAddress, type ListenAddress } from './address.ts'

/**
 * Becomes the list of addresses; empty for `off`. Empty items and blanks are ignored.
 * @param byDefault what holds when nobody says anything
 * @param protocol name for people
 */
export function listenSetting(byDefault: string, protocol = 'gRPC') {
  return z
    .union([z.string(), z.array(z.string())])
    .default(byDefault)
    .transform(parseListenList)
    .describe(`Where ${protocol} listens; \`off\` for nowhere.`)
}

/** For settings that know words beside addresses; faults go to `context`. */
export function parseListenList(
  value: string | string[],
  context: z.RefinementCtx,
): readonly ListenAddress[] {
  const texts = [value].flat().flatMap((item) => item.split(','))
  const items = texts.map((text) => text.trim()).filter((text) => text !== '')
  if (items.length === 1 && items[0] === 'off') return []
  const addresses: ListenAddress[] = []
  for (const item of items) {
    try {
      if (item === 'off') throw new AddressError(item, 'stands alone or not at all')
      addresses.push(parseListenAddress(item))
    } catch (error) {
      if (!(error instanceof AddressError)) throw error
      context.addIssue(error.message)
    }
  }
  if (items.length === 0) context.addIssue('names no address; to listen nowhere, say off')
  return addresses
}
