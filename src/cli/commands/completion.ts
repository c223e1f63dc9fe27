/** `msgbus completion` and the hidden `msgbus reference`: what is made from the command tree. */

import { Argument } from 'commander'
import type { Command } from 'commander'
import type { Terminal } from '../terminal.ts'

const shells = ['bash', 'zsh', 'fish'] as const

type Shell = (typeof shells)[number]

export function addTreeCommands(program: Command, terminal: Terminal): void {
  program
    .command('completion')
    .summary('print a completion script for your shell')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText(
      'after',
      `
Examples:
  source <(msgbus completion bash)
  msgbus completion zsh > "\${fpath[1]}/_msgbus"
  msgbus completion fish > ~/.config/fish/completions/msgbus.fish`,
    )
    .action(async (shell: Shell) => {
      const { completionScript } = await import('../completion-script.ts')
      await terminal.write(completionScript(shell, program))
    })
  program.command('reference', { hidden: true }).action(async () => {
    const { referencePage } = await import('../reference-page.ts')
    await terminal.write(referencePage(program))
  })
}
