/**
 * From flags, environment and file to one checked configuration. The three are laid over each other
 * as plain values first and validated once, so that all faults come at once, whatever they are made
 * of, and each names where it was said: a flag, a variable, or a line of the file.
 */

import { join, resolve } from 'node:path'
import { closestWord } from '../base/closest-word.ts'
import { formatListenAddress, isLocalOnly, type ListenAddress } from '../net/address.ts'
import type { ConfigFile } from './config-file.ts'
import { configLeaves } from './config-leaves.ts'
import { type Config, configSchema } from './config-schema.ts'
import { describeIssue } from './config-issue.ts'
import { strayListeners, withListenerSettings } from './listener-settings.ts'
import {
  readFileLayer,
  readEnvironment,
  readFlags,
  type FlagValues,
  type Layer,
} from './config-layers.ts'

export interface ConfigSources {
  /** By path of the setting, as the command line gave them. */
  readonly flags: FlagValues
  readonly env: Readonly<Record<string, string | undefined>>
  readonly file?: ConfigFile | undefined
}

export interface ConfigFault {
  /** The flag, variable or `file:line:column` it comes from; `default` when nobody said it. */
  readonly where: string
  /** Path of the setting. */
  readonly path: string
  readonly text: string
}

export interface LoadedConfig {
  readonly config: Config
  /** What was given, before checks filled in defaults. */
  readonly given: Readonly<Record<string, unknown>>
  /** Where the value at this path comes from, as in `ConfigFault.where`. */
  readonly originOf: (path: string) => string
  /** What an operator should know although it is legal. */
  readonly warnings: readonly string[]
}

/** All faults at once. The message lists them, one line each. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[]

  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map(({ where, path, text }) => {
      const source = where === defaultOrigin ? '' : `${where}: `
      return `  ${source}${path === '' ? '' : `${path}: `}${text}`
    })
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`
    super([`${count} in the configuration`, ...lines].join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

export const defaultOrigin = 'default'

/** @throws ConfigError with every fault there is */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const { file } = sources
  const faults: ConfigFault[] = (file?.faults ?? []).map((fault) => ({ ...fault, path: '' }))
  const warnings: string[] = []
  const layers = [
    readFileLayer(file, faults),
    readEnvironment(sources.env, faults, warnings),
    readFlags(sources.flags, faults),
  ]
  const tree = merge(file?.tree ?? {}, layers)
  warnOfAliases(tree, warnings)

  const originOf = (path: readonly PropertyKey[], ofKey = false): string => {
    for (let length = path.length; length > 0; length--) {
      const prefix = path.slice(0, length).join('.')
      const layer = layers.findLast(({ values }) => values.has(prefix))
      const entry = layer?.values.get(prefix)
      if (entry !== undefined) return entry.origin
    }
    return file?.placeOf(path, ofKey) ?? defaultOrigin
  }

  const result = configSchema.safeParse(tree, { reportInput: true })
  for (const issue of result.error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) faults.push(unknownKey([...issue.path, key], originOf))
    } else {
      const text = describeIssue(issue)
      faults.push({ where: originOf(issue.path), path: issue.path.join('.'), text })
    }
  }
  faults.push(...exposureFaults(tree, originOf))
  if (!result.success || faults.length > 0) throw new ConfigError(faults)
  return {
    config: withDataFolder(withListenerSettings(withServerTls(result.data))),
    given: tree,
    originOf: (path) => {
      const steps = path.split('.')
      return valueAt(tree, steps) === undefined ? defaultOrigin : originOf(steps)
    },
    warnings,
  }
}

/** Addresses that others can reach although nobody has to show who they are. */
export function exposedAddresses(
  config: Pick<Config, 'protocols' | 'tls'>,
  asksWho: boolean,
): ListenAddress[] {
  return Object.values(config.protocols)
    .flatMap((protocol) => protocol.listen)
    .filter((a) => !isLocalOnly(a) && !(a.tls && (asksWho || requiresCertificate(a, config.tls))))
}

/** Nobody comes in without a certificate of the authority. */
function requiresCertificate({ settings }: ListenAddress, tls: Config['tls']): boolean {
  const wanted = settings?.clientCertificates ?? tls.clientCertificates
  return tls.clientCa !== undefined && wanted === 'required'
}

/** The file with the other layers laid over it. A section that is no section stays for the checks. */
function merge(file: Record<string, unknown>, layers: readonly Layer[]): Record<string, unknown> {
  const tree = structuredClone(file)
  // The short form was expanded by its layer.
  if (isSection(tree['node'])) delete tree['node']['id']
  for (const { values } of layers) {
    for (const [path, { value }] of values) {
      const steps = path.split('.')
      const last = steps.pop() ?? ''
      let section: unknown = tree
      for (const step of steps) {
        if (!isSection(section)) break
        section[step] ??= {}
        section = section[step]
      }
      if (isSection(section)) section[last] = value
    }
  }
  return tree
}

/** The value in nested sections; undefined where one is missing. */
export function valueAt(tree: unknown, steps: readonly string[]): unknown {
  let value = tree
  for (const step of steps) value = isSection(value) ? value[step] : undefined
  return value
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The reference's engine has no reader here; its name means our default. */
function warnOfAliases(tree: Record<string, unknown>, warnings: string[]): void {
  const storage = tree['storage']
  if (!isSection(storage) || storage['engine'] !== 'redb') return
  storage['engine'] = 'lmdb'
  warnings.push('storage engine redb stands for lmdb here; files of redb are not read')
}

function unknownKey(
  path: readonly PropertyKey[],
  originOf: (path: readonly PropertyKey[], ofKey: boolean) => string,
): ConfigFault {
  const key = String(path.at(-1))
  const parent = path.slice(0, -1).join('.').replace(/\.\d+/g, '[]')
  const paths = configLeaves().map((leaf) => leaf.path)
  const siblings = new Set<string>()
  for (const candidate of paths) {
    if (parent !== '' && !candidate.startsWith(`${parent}.`)) continue
    const below = parent === '' ? candidate : candidate.slice(parent.length + 1)
    siblings.add(below.split(/[.[]/, 1)[0] ?? below)
  }
  const near = closestWord(key, siblings)
  const prefix = path.slice(0, -1).join('.')
  const suggestion =
    near === undefined
      ? paths.find((candidate) => candidate.split('.').at(-1)?.toLowerCase() === key.toLowerCase())
      : `${prefix === '' ? '' : `${prefix}.`}${near}`
  const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`
  return { where: originOf(path, true), path: path.join('.'), text: `unknown setting${hint}` }
}

/** gRPC follows the certificate, as in the reference; other protocols are asked by `tls+`. */
function withServerTls(config: Config): Config {
  if (config.tls.cert === undefined) return config
  const { grpc } = config.protocols
  const listen = grpc.listen.map((a) => (a.kind === 'tcp' ? { ...a, tls: true } : a))
  return { ...config, protocols: { ...config.protocols, grpc: { ...grpc, listen } } }
}

/** Sockets and pipes can be said to lie in the data folder, wherever that is. */
const dataFolderMark = '<data>/'

function withDataFolder(config: Config): Config {
  const data = resolve(config.storage.data)
  const placePath = (path: string): string =>
    path.startsWith(dataFolderMark) ? join(data, path.slice(dataFolderMark.length)) : path
  const place = (address: ListenAddress): ListenAddress =>
    address.kind === 'unix' ? { ...address, path: placePath(address.path) } : address
  const protocols = { ...config.protocols }
  const { listen, fifos } = protocols.busrt
  const busrt = { ...protocols.busrt, listen: listen.map(place), fifos: fifos.map(placePath) }
  return { ...config, protocols: { ...protocols, busrt } }
}

/** Whether the configuration says who there is, so that nobody comes in unasked. */
export function hasAccessSections(tree: Readonly<Record<string, unknown>>): boolean {
  return ['users', 'jwt', 'rules'].some((name) => {
    const section = tree[name]
    return Array.isArray(section) && section.length > 0
  })
}

/** Default is closed (architecture 8): who can be reached must know who asks, or be told not to care. */
function exposureFaults(
  tree: Record<string, unknown>,
  originOf: (path: readonly PropertyKey[]) => string,
): ConfigFault[] {
  const { shape } = configSchema
  const protocols = shape.protocols.safeParse(tree['protocols'])
  const tls = shape.tls.safeParse(tree['tls'])
  const access = shape.access.safeParse(tree['access'])
  if (!protocols.success || !tls.success || !access.success) return []
  const listeners = shape.listeners.safeParse(tree['listeners'])
  if (!listeners.success) return []
  const sections = { protocols: protocols.data, tls: tls.data, listeners: listeners.data }
  const stray = strayListeners(sections).map(({ index, text }) => {
    const path = ['listeners', index, 'address']
    return { where: originOf(path), path: path.join('.'), text }
  })
  if (stray.length > 0) return stray
  const config = withListenerSettings(withServerTls(sections as Config))
  const asksWho = hasAccessSections(tree)
  const exposed = access.data.allowInsecure ? [] : exposedAddresses(config, asksWho)
  const faults: ConfigFault[] = []
  for (const [name, { listen }] of Object.entries(config.protocols)) {
    const path = ['protocols', name, 'listen']
    const where = originOf(path)
    for (const address of listen) {
      const shown = formatListenAddress(address)
      if (address.tls && tls.data.cert === undefined) {
        const text = `${shown} needs --tls-cert and --tls-key`
        faults.push({ where, path: path.join('.'), text })
      } else if (exposed.includes(address) && asksWho) {
        const prefix = name === 'grpc' ? '' : 'put tls+ before the address and '
        const text = `${shown} can be reached from other machines, and passwords and tokens would go there in clear; ${prefix}give --tls-cert and --tls-key, or --allow-insecure if the network is trusted`
        faults.push({ where, path: path.join('.'), text })
      } else if (exposed.includes(address)) {
        const prefix = address.tls || name === 'grpc' ? '' : 'put tls+ before the address and '
        const text = `${shown} can be reached from other machines, and clients need not show who they are; ${prefix}give --tls-cert and --tls-key, and either users (or jwt, rules) in the configuration or --tls-client-ca; or --allow-insecure if everybody there may do everything`
        faults.push({ where, path: path.join('.'), text })
      }
    }
  }
  return faults
}
