/** `msgbus doctor`: what is wrong with this installation, and how to mend it. */

import type { Command } from 'commander'
import { CommandFailure, exitCodes } from '../exit-codes.ts'
import type { Finding } from '../doctor/finding.ts'
import type { GlobalOptions } from '../session.ts'
import type { Terminal } from '../terminal.ts'

interface DoctorOptions extends GlobalOptions {
  readonly data: string
  readonly verify?: boolean
}

export function addDoctorCommand(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .summary('find what is wrong with this installation, and say how to mend it')
    .description(
      'Checks Node.js, the storage engines, the data folder, the ports and the daemon. Every finding ' +
        'comes with a remedy. Exit code 1 when something is wrong.',
    )
    .option('--data <folder>', 'data folder of the daemon on this machine', './msgbus-data')
    .option('--verify', 'have the daemon check every stored record; takes a while')
    .action(async (_, command: Command) => {
      const options = command.optsWithGlobals<DoctorOptions>()
      const { checkMachine } = await import('../doctor/machine-checks.ts')
      const { checkDaemon } = await import('../doctor/daemon-checks.ts')
      const daemon = await checkDaemon(command, terminal, options.verify ?? false)
      const machine = await checkMachine(daemon.dataFolder ?? options.data, daemon.isReached)
      const findings = [...machine, ...daemon.findings]
      for (const finding of findings) {
        const line = options.json ? `${JSON.stringify(finding)}\n` : format(finding, terminal)
        await terminal.write(line)
      }
      const wrong = findings.filter(({ level }) => level === 'wrong').length
      if (wrong > 0) {
        throw new CommandFailure(
          exitCodes.refused,
          `${wrong} of ${findings.length} checks found a fault`,
        )
      }
    })
}

function format({ level, check, text, remedy }: Finding, { colours }: Terminal): string {
  const marks = {
    good: colours.good('ok     '),
    note: colours.faint('note   '),
    warning: colours.warning('warning'),
    wrong: colours.bad('wrong  '),
  }
  const advice = remedy === undefined ? '' : `${' '.repeat(26)}${colours.strong('→')} ${remedy}\n`
  return `${marks[level]}  ${check.padEnd(16)} ${text}\n${advice}`
}
