/** The commands that people are told of: not the hidden ones, nor `help`, which the library adds. */

import type { Command } from 'commander'

export function visibleCommands(command: Command): Command[] {
  const visible = command.createHelp().visibleCommands(command)
  return visible.filter((each) => each.name() !== 'help')
}
