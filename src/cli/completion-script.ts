/**
 * Completion scripts for bash, zsh and fish, made from the command tree, so they cannot know less or
 * more than the program. They complete commands and options; values are left to file names.
 */

import type { Command } from 'commander'
import { visibleCommands } from './visible-commands.ts'

interface Words {
  /** Commands that lead here, without the program: `` or `queue` or `queue peek`. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly summary: string }[]
  readonly options: readonly { readonly flag: string; readonly summary: string }[]
}

export function completionScript(shell: 'bash' | 'zsh' | 'fish', program: Command): string {
  const all = [...collectWords(program, '', globalOptions(program))]
  if (shell === 'bash') return bash(all)
  if (shell === 'zsh') return zsh(all)
  return fish(all)
}

function* collectWords(
  command: Command,
  path: string,
  inherited: Words['options'],
): Generator<Words> {
  const own = path === '' ? [] : optionsOf(command)
  yield {
    path,
    commands: visibleCommands(command).flatMap((each) =>
      [each.name(), ...each.aliases()].map((name) => ({ name, summary: each.summary() })),
    ),
    options: [...own, ...inherited],
  }
  for (const each of visibleCommands(command)) {
    for (const name of [each.name(), ...each.aliases()]) {
      yield* collectWords(each, path === '' ? name : `${path} ${name}`, inherited)
    }
  }
}

function globalOptions(program: Command): Words['options'] {
  return [...optionsOf(program), { flag: '--help', summary: 'print help' }]
}

function optionsOf(command: Command): Words['options'] {
  return command.options
    .filter((option) => option.long)
    .map((option) => ({ flag: option.long ?? '', summary: option.description }))
}

function bash(all: readonly Words[]): string {
  const cases = all.map(({ path, commands, options }) => {
    const words = [...commands.map(({ name }) => name), ...options.map(({ flag }) => flag)]
    return `    '${path}') words='${words.join(' ')}' ;;`
  })
  return `# bash completion for msgbus
_msgbus() {
  local path='' word words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == -* ]] && continue
    case "\${path:+$path }$word" in
      ${patternOf(all)}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _msgbus msgbus
`
}

function zsh(all: readonly Words[]): string {
  const cases = all.map(({ path, commands, options }) => {
    const described = [
      ...commands.map(({ name, summary }) => quote(`${name}:${plain(summary)}`)),
      ...options.map(({ flag, summary }) => quote(`${flag}:${plain(summary)}`)),
    ]
    return `    '${path}') choices=(${described.join(' ')}) ;;`
  })
  return `#compdef msgbus
_msgbus() {
  local path_='' word i
  local -a choices
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    [[ $word == -* ]] && continue
    case "\${path_:+$path_ }$word" in
      (${patternOf(all)}) path_="\${path_:+$path_ }$word" ;;
    esac
  done
  case "$path_" in
${cases.join('\n')}
  esac
  _describe 'msgbus' choices || _files
}
(( $+functions[compdef] )) && compdef _msgbus msgbus
[[ $zsh_eval_context[-1] == loadautofunc ]] && _msgbus "$@"
`
}

function fish(all: readonly Words[]): string {
  const lines = all.flatMap(({ path, commands, options }) => {
    const when = `__msgbus_at ${quote(path)}`
    return [
      ...commands.map(
        ({ name, summary }) =>
          `complete -c msgbus -n ${quote(when)} -f -a ${quote(name)} -d ${quote(plain(summary))}`,
      ),
      ...options.map(
        ({ flag, summary }) =>
          `complete -c msgbus -n ${quote(when)} -l ${quote(flag.slice(2))} -d ${quote(plain(summary))}`,
      ),
    ]
  })
  const paths = all.filter(({ path }) => path !== '').map(({ path }) => quote(path))
  return `# fish completion for msgbus
function __msgbus_at
  set -l path
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and continue
    set -l next (string trim -- "$path $word")
    contains -- $next ${paths.join(' ')}; and set path $next
  end
  test "$path" = "$argv[1]"
end
${lines.join('\n')}
`
}

/** Every command path as one shell pattern. */
function patternOf(all: readonly Words[]): string {
  return all
    .filter(({ path }) => path !== '')
    .map(({ path }) => `'${path}'`)
    .join('|')
}

function plain(text: string): string {
  return text.replaceAll(':', ' -')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", '’')}'`
}
