/** Settings of single listeners, attached to the addresses that they are about. */

import {
  AddressError,
  type ListenAddress,
  type ListenerSettings,
  parseListenAddress,
} from '../net/address.ts'
import type { Config } from './config-schema.ts'

/** The configuration with every address knowing what holds for it alone. */
export function withListenerSettings(config: Config): Config {
  if (config.listeners.length === 0) return config
  const { grpc, http, tmb, mqtt, busrt, wamp } = config.protocols
  const known = <Section extends Listening>(section: Section): Section => {
    return withSection(section, config.listeners)
  }
  const protocols = {
    grpc: known(grpc),
    http: known(http),
    tmb: known(tmb),
    mqtt: known(mqtt),
    busrt: known(busrt),
    wamp: known(wamp),
  }
  return { ...config, protocols }
}

interface Listening {
  readonly listen: readonly ListenAddress[]
}

/** One about which nothing is said stays the same object, which means something to its adapter. */
function withSection<Section extends Listening>(
  section: Section,
  listeners: Config['listeners'],
): Section {
  const listen = section.listen.map((address) => withSettings(address, listeners))
  return listen.some(({ settings }) => settings !== undefined) ? { ...section, listen } : section
}

/** What is said about addresses that nobody listens on, or that are none; the index of each. */
export function strayListeners({
  listeners,
  protocols,
}: Pick<Config, 'listeners' | 'protocols'>): { readonly index: number; readonly text: string }[] {
  const bound = Object.values(protocols).flatMap(({ listen }) => listen)
  return listeners.flatMap(({ address }, index) => {
    try {
      const meant = parseListenAddress(address)
      if (bound.some((one) => isSame(one, meant))) return []
      return [{ index, text: `${address} is none of the addresses that are listened on` }]
    } catch (error) {
      if (!(error instanceof AddressError)) throw error
      return [{ index, text: error.message }]
    }
  })
}

function withSettings(address: ListenAddress, listeners: Config['listeners']): ListenAddress {
  const found = listeners.find((listener) => isSame(address, parseListenAddress(listener.address)))
  if (found === undefined) return address
  const { address: _address, ...given } = found
  const settings: ListenerSettings = given
  return { ...address, settings }
}

/** Whether `tls+` stands before it or not: gRPC gets it by itself. */
function isSame(one: ListenAddress, other: ListenAddress): boolean {
  if (one.kind === 'unix') return other.kind === 'unix' && one.path === other.path
  return other.kind === 'tcp' && one.host === other.host && one.port === other.port
}
