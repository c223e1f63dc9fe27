#!/usr/bin/env node
// msgbusd: reads what is asked for and does it. Everything that takes long to load is loaded when
// it is needed, so that `--help` and faults of the command line answer at once.

import { readFileSync } from 'node:fs'
import process from 'node:process'
import { parseCommandLine, type Request } from './command-line.ts'
import type { ConfigFile } from './config-file.ts'
import { ConfigError, loadConfig, type LoadedConfig } from './config.ts'
import { exitCodes } from './exit-codes.ts'
import { configFileSetting } from './settings.ts'
import { StartError } from './start-error.ts'
import { version } from './version.ts'

const output = {
  out: (text: string) => void process.stdout.write(text),
  err: (text: string) => void process.stderr.write(text),
}

async function main(): Promise<number> {
  const request = parseCommandLine(process.argv.slice(2), version, output)
  switch (request.command) {
    case 'none':
      return request.isError ? exitCodes.usage.code : exitCodes.ok.code
    case 'config check': {
      const { configFile } = request
      const file = await readConfig(configFile)
      const { warnings } = loadConfig({ flags: new Map(), env: {}, file })
      for (const warning of warnings) output.err(`msgbusd: ${warning}\n`)
      output.out(`${configFile}: no faults\n`)
      return exitCodes.ok.code
    }
    case 'config from-mosquitto': {
      const { printMosquittoImport } = await import('./print-mosquitto-import.ts')
      const { config, report } = printMosquittoImport(request.mosquittoFile)
      output.out(config)
      output.err(report)
      return exitCodes.ok.code
    }
    case 'config print': {
      const { printConfig } = await import('./config-print.ts')
      output.out(printConfig(await load(request)))
      return exitCodes.ok.code
    }
    case 'hash-password': {
      const { hashPassword } = await import('./hash-password.ts')
      output.out(`${await hashPassword(process.stdin)}\n`)
      return exitCodes.ok.code
    }
    case 'reference': {
      const { referencePages } = await import('./reference.ts')
      const page = referencePages.get(request.page)
      if (page === undefined) {
        output.err(`msgbusd: the pages are ${[...referencePages.keys()].join(', ')}\n`)
        return exitCodes.usage.code
      }
      output.out(await page())
      return exitCodes.ok.code
    }
    case 'restore': {
      const { restore } = await import('./restore.ts')
      output.out(`${await restore(request.backupFile, (await load(request)).config)}\n`)
      return exitCodes.ok.code
    }
    case 'run': {
      const loaded = await load(request)
      const { runDaemon } = await import('./run-daemon.ts')
      return runDaemon(loaded, () => load(request))
    }
  }
}

async function load(request: Extract<Request, { readonly flags: unknown }>): Promise<LoadedConfig> {
  const { env } = process
  const name = request.configFile ?? (env[configFileSetting.env] || undefined)
  const file = name === undefined ? undefined : await readConfig(name)
  return loadConfig({ flags: request.flags, env, file })
}

async function readConfig(name: string): Promise<ConfigFile> {
  try {
    const { parseConfigFile } = await import('./config-file.ts')
    return parseConfigFile(name, readFileSync(name, 'utf8'))
  } catch (error) {
    const text = `cannot be read: ${error instanceof Error ? error.message : String(error)}`
    throw new ConfigError([{ where: name, path: '', text }])
  }
}

/** Runs what was asked for; what people typed or configured wrong ends in a message and a code. */
async function run(): Promise<number> {
  try {
    return await main()
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof StartError)) throw error
    output.err(`msgbusd: ${error.message}\n`)
    return error instanceof ConfigError ? exitCodes.usage.code : exitCodes.startFailed.code
  }
}

const code = await run()
// Handles of engines and libraries that did not close must not keep a finished program alive.
for (const stream of [process.stdout, process.stderr]) {
  await new Promise((resolve) => stream.write('', resolve))
}
process.exit(code)
