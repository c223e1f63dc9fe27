/** `msgbusd config from-mosquitto FILE`: the new configuration, and what became of every line of the old one. */

import { readFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { parseConfigFile } from './config-file.ts'
import { ConfigError, loadConfig } from './config.ts'
import { fromMosquitto } from './from-mosquitto.ts'

export interface PrintedImport {
  /** YAML, a valid configuration but for what the report says of it. */
  readonly config: string
  readonly report: string
}

/** @throws ConfigError when the file cannot be read */
export function printMosquittoImport(file: string): PrintedImport {
  const { config, remarks } = fromMosquitto(file, readText(file), (path) => {
    try {
      return readText(path)
    } catch (error) {
      if (error instanceof ConfigError) return undefined
      throw error
    }
  })
  const text = stringify(config, { lineWidth: 0 })
  const lines = remarks.map(
    ({ file: name, line, verdict, text: shown, why }) =>
      `${name}:${line}: ${verdict}: ${shown}: ${why}\n`,
  )
  const count = (verdict: string) => remarks.filter((each) => each.verdict === verdict).length
  const sum = `${count('understood')} lines understood, ${count('not understood')} not, ${count('ignored')} of no meaning here\n`
  return { config: text, report: lines.join('') + sum + faultsOf(text) }
}

/** What `config check` would say of it: files that are not there yet do not count. */
function faultsOf(text: string): string {
  try {
    loadConfig({ flags: new Map(), env: {}, file: parseConfigFile('new configuration', text) })
    return ''
  } catch (error) {
    if (error instanceof ConfigError) return `${error.message}\n`
    throw error
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const text = `cannot be read: ${error instanceof Error ? error.message : String(error)}`
    throw new ConfigError([{ where: file, path: '', text }])
  }
}
