/** The reference page of the command line, made from the command tree; a test compares it. */

import type { Command, Option } from 'commander'
import { visibleCommands } from './visible-commands.ts'

/** Markdown. */
export function referencePage(program: Command): string {
  const sections = [...commandsOf(program)].map(({ path, command }) => section(path, command))
  return `# msgbus

${program.description()} Made from the program by \`msgbus reference\`; do not edit.

Options of every command, before or after its name:

${optionTable(program.options)}
| exit code | |
|---|---|
| 0 | ok |
| 1 | the daemon refused, or a check failed |
| 2 | the command line is not right |
| 3 | no daemon there, or no answer in time |
| 4 | what was asked for does not exist |
| 130 | interrupted before it was done |

\`NO_COLOR\` turns colours off, \`FORCE_COLOR\` on; \`MSGBUS_DEBUG\` prints causes and stacks of errors.

${sections.join('\n')}`
}

function* commandsOf(
  command: Command,
  path = '',
): Generator<{ readonly path: string; readonly command: Command }> {
  for (const each of visibleCommands(command)) {
    const name = `${path} ${each.name()}`
    if (each.commands.length === 0) yield { path: name, command: each }
    yield* commandsOf(each, name)
  }
}

function section(path: string, command: Command): string {
  const args = command.registeredArguments.map((argument) => {
    const name = argument.name() + (argument.variadic ? '...' : '')
    return argument.required ? ` <${name}>` : ` [${name}]`
  })
  const alias = command.alias() === undefined ? '' : `\n\nAlso \`${command.alias()}\`.`
  const text = command.description() || sentence(command.summary())
  const options = command.options.length === 0 ? '' : `\n${optionTable(command.options)}`
  return `## msgbus${path}

\`msgbus${path}${args.join('')}\`

${text}${alias}
${options}`
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map(
    ({ flags, description, envVar, defaultValue, defaultValueDescription }) => {
      const value: unknown = defaultValueDescription ?? defaultValue
      // `--no-x` has a default nobody types.
      const isText = typeof value === 'string' || typeof value === 'number'
      const usual = isText ? `\`${value}\`` : ''
      const env = envVar === undefined ? '' : `; \`${envVar}\``
      return `| \`${flags}\` | ${usual} | ${description}${env} |`
    },
  )
  return `| option | default | |\n|---|---|---|\n${rows.join('\n')}\n`
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
