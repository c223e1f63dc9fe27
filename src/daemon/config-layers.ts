/**
 * The environment and the command line as layers of settings: text to values by the rows of
 * settings.ts, and `node.id` to the three parts it stands for, within each layer, so that a part
 * given in a stronger layer wins over a whole id in a weaker one.
 */

import { closestWord } from '../base/closest-word.ts'
import { BusError } from '../model/errors.ts'
import { configFileSetting, settings, type Setting } from './settings.ts'
import { parseNodeId } from './peer-spec.ts'
import type { ConfigFault } from './config.ts'
import type { ConfigFile } from './config-file.ts'

/** Settings by path, each with where it was said. */
export interface Layer {
  readonly values: Map<string, { readonly value: unknown; readonly origin: string }>
}

/** By path: the texts of a list, the text of a value, true for a switch. */
export type FlagValues = ReadonlyMap<string, string | readonly string[] | boolean>

/** Empty variables count as absent. */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  faults: ConfigFault[],
  warnings: string[],
): Layer {
  const layer: Layer = { values: new Map() }
  for (const setting of settings) {
    const text = env[setting.env]
    if (text === undefined || text === '') continue
    add(layer, setting, setting.env, fromText(setting, text), faults)
  }
  if (!layer.values.has('log.level')) readRustLog(env['RUST_LOG'], layer, warnings)
  warnOfMisspelled(env, warnings)
  return layer
}

export function readFlags(flags: FlagValues, faults: ConfigFault[]): Layer {
  const layer: Layer = { values: new Map() }
  for (const setting of settings) {
    const given = flags.get(setting.path)
    if (given === undefined) continue
    const value = typeof given === 'string' ? fromText(setting, given) : given
    add(layer, setting, setting.flag, value, faults)
  }
  return layer
}

/** Of the file only the short form of the node id needs a layer; everything else stands as it is. */
export function readFileLayer(file: ConfigFile | undefined, faults: ConfigFault[]): Layer {
  const layer: Layer = { values: new Map() }
  const node = file?.tree['node']
  if (file === undefined || typeof node !== 'object' || node === null) return layer
  for (const setting of settings) {
    const key = setting.path.replace('node.', '')
    if (setting.path === `node.${key}` && key in node) {
      const origin = file.placeOf(['node', key]) ?? ''
      add(layer, setting, origin, (node as Record<string, unknown>)[key], faults)
    }
  }
  return layer
}

function add(
  layer: Layer,
  setting: Setting,
  origin: string,
  value: unknown,
  faults: ConfigFault[],
): void {
  const { path } = setting
  if (path !== 'node.id') {
    const other = layer.values.get(path)
    // The row of the short form stands first, so only its parts can be there already.
    if (other !== undefined)
      faults.push({ where: origin, path, text: `${other.origin} says it too` })
    layer.values.set(path, { value, origin })
    return
  }
  try {
    const { tenantId, blName, deviceId } = parseNodeId(String(value))
    layer.values.set('node.tenantId', { value: tenantId, origin })
    layer.values.set('node.blName', { value: blName, origin })
    layer.values.set('node.deviceId', { value: deviceId, origin })
  } catch (error) {
    if (!(error instanceof BusError)) throw error
    faults.push({ where: origin, path, text: error.message })
  }
}

/** What is not a number or a truth value stays text; the schema then says what it expected. */
function fromText({ kind }: Setting, text: string): unknown {
  if (kind === 'number' && /^-?\d+$/.test(text)) return Number(text)
  if (kind === 'switch' && /^(true|yes|on|1)$/i.test(text)) return true
  if (kind === 'switch' && /^(false|no|off|0)$/i.test(text)) return false
  return kind === 'list' ? text.split(',') : text
}

const rustLevels: Readonly<Record<string, string>> = {
  off: 'error',
  error: 'error',
  warn: 'warn',
  info: 'info',
  debug: 'debug',
  trace: 'debug',
}

/** The reference's variable: `info`, or directives such as `msgbus=debug,warn`. */
function readRustLog(text: string | undefined, layer: Layer, warnings: string[]): void {
  if (text === undefined || text === '') return
  const directives = text.split(',').map((item) => item.trim().toLowerCase())
  const own = directives.find((item) => item.startsWith('msgbus'))?.split('=')[1]
  const level = rustLevels[own ?? directives.find((item) => item in rustLevels) ?? '']
  if (level === undefined) {
    // It may be meant for other programs, so it is no reason not to start.
    warnings.push(`RUST_LOG=${text} names no log level for msgbus; MSGBUS_LOG sets it`)
    return
  }
  layer.values.set('log.level', { value: level, origin: 'RUST_LOG' })
}

function warnOfMisspelled(
  env: Readonly<Record<string, string | undefined>>,
  warnings: string[],
): void {
  const names = new Set<string>([configFileSetting.env, ...settings.map((setting) => setting.env)])
  // Of the command line client and of the images; orchestrators add more beginning with MSGBUS_.
  const foreign = new Set(['MSGBUS_SERVER', 'MSGBUS_PORT', 'MSGBUS_SERVICE_HOST'])
  for (const name of Object.keys(env)) {
    if (!name.startsWith('MSGBUS_') || names.has(name) || foreign.has(name)) continue
    const near = closestWord(
      name.slice(7),
      [...names].map((known) => known.slice(7)),
    )
    if (near !== undefined) warnings.push(`${name} is not known; did you mean MSGBUS_${near}?`)
  }
}
