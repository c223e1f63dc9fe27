#!/usr/bin/env node
// msgbusd: reads what is asked for and does it. Everything that takes long to load is loaded when
// it is needed, so that `--help` and faults of the command line answer at once.

import { readFileSync } from 'node:fs'
import process from 'node:process'
import { parseCommandLine, type Request } from './command-line.ts'
import { printConfig } from './config-print.ts'
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
      const { warnings } = loadConfig({ flags: new Map(), env: {}, file: readConfig(configFile) })
      for (const warning of warnings) output.err(`msgbusd: ${warning}\n`)
      output.out(`${configFile}: no faults\n`)
      return exitCodes.ok.code
    }
    case 'config print':
      output.out(printConfig(load(request)))
      return exitCodes.ok.code
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
      output.out(`${await restore(request.backupFile, load(request).config)}\n`)
      return exitCodes.ok.code
    }
    case 'run': {
      const { runDaemon } = await import('./run-daemon.ts')
      return runDaemon(load(request))
    }
  }
}

function load(request: Extract<Request, { readonly flags: unknown }>): LoadedConfig {
  const { env } = process
  const name = request.configFile ?? (env[configFileSetting.env] || undefined)
  const file = name === undefined ? undefined : readConfig(name)
  return loadConfig({ flags: request.flags, env, file })
}

function readConfig(name: string) {
  try {
    return { name, text: readFileSync(name, 'utf8') }
  } catch (error) {
    const text = `cannot be read: ${error instanceof Error ? error.message : String(error)}`
    throw new ConfigError([{ where: name, path: '', text }])
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  if (error instanceof ConfigError) process.exitCode = exitCodes.usage.code
  else if (error instanceof StartError) process.exitCode = exitCodes.startFailed.code
  else throw error
  output.err(`msgbusd: ${error.message}\n`)
}
