/**
 * The command line of msgbusd: what was asked for, as data. Options are made from the rows of
 * settings.ts and the texts of the schema, so `--help` cannot drift from either.
 */

import { Command, CommanderError, Option } from 'commander'
import { configLeaves } from './config-leaves.ts'
import type { FlagValues } from './config-layers.ts'
import { configFileSetting, nodeIdText, settings } from './settings.ts'

export type Request =
  | {
      readonly command: 'run' | 'config print'
      readonly flags: FlagValues
      readonly configFile: string | undefined
    }
  | { readonly command: 'config check'; readonly configFile: string }
  | { readonly command: 'config from-mosquitto'; readonly mosquittoFile: string }
  | {
      readonly command: 'restore'
      readonly backupFile: string
      readonly flags: FlagValues
      readonly configFile: string | undefined
    }
  | { readonly command: 'hash-password' }
  | { readonly command: 'reference'; readonly page: string }
  /** Help, version or a usage error has been written; leave with this code. */
  | { readonly command: 'none'; readonly isError: boolean }

export interface Output {
  out(text: string): void
  err(text: string): void
}

/** Never throws for what somebody typed. */
export function parseCommandLine(
  args: readonly string[],
  version: string,
  output: Output,
): Request {
  let request: Request = { command: 'none', isError: false }
  const program = new Command('msgbusd')
    .description('The msgbus daemon: durable, ordered, replayable logs for this machine.')
    .version(version, '-V, --version', 'Print the version.')
    .helpOption('-h, --help', 'Print this help.')
    .helpCommand(false)
    .showSuggestionAfterError()
    .showHelpAfterError('(msgbusd --help lists all options)')
    .configureOutput({ writeOut: (text) => output.out(text), writeErr: (text) => output.err(text) })
    .exitOverride()
    .argument('[arguments...]')
    .usage('[options] [command]')
  addOptions(program)

  const given = () => ({
    flags: flagValues(program),
    configFile: program.opts()['config'] as string | undefined,
  })
  program.action((unexpected: string[]) => {
    if (unexpected.length === 0) request = { command: 'run', ...given() }
    else program.error(`error: unexpected argument '${unexpected[0]}'`)
  })
  const config = program
    .command('config')
    .description('Look at the configuration without starting.')
  config
    .command('check <file>')
    .description('Report every fault of a configuration file.')
    .action((file: string) => {
      request = { command: 'config check', configFile: file }
    })
  config
    .command('print')
    .description('Print the effective configuration, each value with where it comes from.')
    .action(() => {
      request = { command: 'config print', ...given() }
    })
  config
    .command('from-mosquitto <file>')
    .description(
      'Print a configuration made of one of Mosquitto; what became of each line is on stderr.',
    )
    .action((file: string) => {
      request = { command: 'config from-mosquitto', mosquittoFile: file }
    })
  program
    .command('restore <file>')
    .description('Make a new store in the data folder from a backup. The folder must hold none.')
    .action((file: string) => {
      request = { command: 'restore', backupFile: file, ...given() }
    })
  program
    .command('hash-password')
    .description('Read a password from standard input, and print the hash for the configuration.')
    .action(() => {
      request = { command: 'hash-password' }
    })
  program
    .command('reference <page>', { hidden: true })
    .description('Print a page of the reference: configuration, metrics or errors.')
    .action((page: string) => {
      request = { command: 'reference', page }
    })

  try {
    program.parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return { command: 'none', isError: error.exitCode !== 0 }
  }
  return request
}

function addOptions(program: Command): void {
  const { flag, placeholder, env, text } = configFileSetting
  program.addOption(new Option(`-c, ${flag} <${placeholder}>`, `${text} [${env}]`))
  for (const setting of settings) {
    const value = setting.kind === 'switch' ? '' : ` <${setting.placeholder}>`
    const option = new Option(`${setting.flag}${value}`)
    if (setting.kind === 'list') {
      option.argParser((item: string, before: string[] | undefined) => [...(before ?? []), item])
    }
    program.addOption(option)
  }
  // The texts come from the schema, which costs some milliseconds that only help has to spend.
  program.configureHelp({ optionDescription: describeOption })
}

function describeOption(option: Option): string {
  const setting = settings.find(({ flag }) => flag === option.long)
  if (setting === undefined) return option.description
  const leaf = configLeaves().find(({ path }) => path === setting.path)
  const text = `${leaf?.text ?? nodeIdText}${setting.kind === 'list' ? ' Repeatable.' : ''}`
  const hasDefault = setting.kind !== 'switch' && leaf?.defaultText
  const byDefault = hasDefault ? ` Default ${leaf.defaultText}.` : ''
  return `${text}${byDefault} [${setting.env}]`.replaceAll('`', '')
}

function flagValues(program: Command): FlagValues {
  const values = new Map<string, string | readonly string[] | boolean>()
  for (const setting of settings) {
    const name = new Option(setting.flag).attributeName()
    const value: unknown = program.opts()[name]
    if (value !== undefined) values.set(setting.path, value as string | string[] | boolean)
  }
  return values
}
