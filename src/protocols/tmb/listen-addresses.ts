/**
 * Where TMB listens when nobody says anything: on both loopback addresses, at the first number from 4711 to 4720 that is
 * free on both (spec/tmb 8.1), as clients of the published text bus expect it. An address that was asked for is
 * bound or not.
 */

import { z } from 'zod'
import type { ListenAddress } from '../../net/address.ts'
import { parseListenList } from '../../net/listen-setting.ts'
import { tmbLimits } from '../../wire/tmb/limits.ts'

const searchWord = 'auto'
const { firstPort, lastPort } = tmbLimits

/** Both loopback addresses, at the first port. */
const searched: readonly ListenAddress[] = ['127.0.0.1', '::1'].map((host) => {
  return { kind: 'tcp', host, port: firstPort, tls: false }
})

/** Whether these addresses stand for the search of a free port. */
export function isPortSearch(addresses: readonly ListenAddress[]): boolean {
  return addresses === searched
}

export function portsToSearch(): readonly number[] {
  return Array.from({ length: lastPort - firstPort + 1 }, (_, i) => firstPort + i)
}

/** The setting `listen` of TMB: as that of other protocols, or the word `auto`. */
export function tmbListenSetting() {
  return z
    .union([z.string(), z.array(z.string())])
    .default(searchWord)
    .transform((value, context) => {
      const items = [value].flat()
      if (items.length === 1 && items[0]?.trim() === searchWord) return searched
      return parseListenList(value, context)
    })
    .describe(
      `Where TMB listens; \`off\` for nowhere. \`auto\`: on 127.0.0.1 and ::1, at the first port from ${firstPort} to ${lastPort} that is free on both.`,
    )
}
