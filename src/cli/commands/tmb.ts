/** `msgbus tmb`: the text bus from the command line. Messages are lines; see the protocol's own page. */

import type { Command } from 'commander'
import { closestWord } from '../../base/closest-word.ts'
import { parseCount } from '../duration.ts'
import { UsageError } from '../exit-codes.ts'
import type { Terminal } from '../terminal.ts'
import { addTmbOptions } from '../tmb/tmb-session.ts'
import { visibleCommands } from '../visible-commands.ts'

const kindsHelp = `
Kinds: regexp, begins-with, ends-with, contains, is; their first letters do.`

export function addTmbCommands(program: Command, terminal: Terminal): void {
  const tmb = program
    .command('tmb')
    .summary('talk over the text bus: shell, listen, send, last, watch')
    .description(
      'The text message bus: every message is a line that begins with a colon and a category. Without a ' +
        'sub-command, a line client: what is typed goes to the server, what the server sends is shown.',
    )
  addShell(tmb, terminal)
  addListeners(tmb, terminal)
  addSingleCommands(tmb, terminal)
  addBench(tmb, terminal)
  const demo = tmb
    .command('demo')
    .summary('two figures that follow messages, in the terminal')
    .description(
      'Shows an upper and a lower figure. Keys send messages; the figures follow what comes back over the ' +
        'bus, so nothing changes until something is subscribed. Start it twice and see them agree. The ' +
        'same as the page /demo/ of the daemon.',
    )
  addTmbOptions(demo)
  demo.action(async (_, self: Command) => {
    const { runDemo } = await import('../tmb/demo/run-demo.ts')
    await runDemo(self, terminal)
  })
}

function addShell(tmb: Command, terminal: Terminal): void {
  const shell = tmb
    .command('shell', { isDefault: true })
    .summary('send lines as typed and show what comes; also without its name')
    .description(
      'On a terminal: lines are edited, completed with Tab and remembered; bytes that are not printable ' +
        'show as \\xNN; Ctrl-D ends. Otherwise a plain pipe: lines of standard input go to the server, ' +
        'its lines to standard output, byte by byte. After the end of the input it stays as long as ' +
        'something is subscribed.',
    )
    .addHelpText(
      'after',
      `
Examples:
  msgbus tmb
  printf 's 1 r .\\n' | msgbus tmb
  echo ':/upper/colour red' | msgbus tmb`,
    )
  addTmbOptions(shell)
  // It also gets the words of a sub-command that there is none.
  shell.allowExcessArguments()
  shell.action(async (_, self: Command) => {
    const [word] = self.args
    if (word !== undefined) throw new UsageError(unknownCommand(word, visibleCommands(tmb)))
    const { runShell } = await import('../tmb/shell.ts')
    await runShell(self, terminal)
  })
}

function unknownCommand(word: string, known: readonly Command[]): string {
  const closest = closestWord(
    word,
    known.map((each) => each.name()),
  )
  return `unknown command 'tmb ${word}'${closest === undefined ? '' : ` (did you mean ${closest}?)`}`
}

function addListeners(tmb: Command, terminal: Terminal): void {
  const listeners = {
    listen: ['subscribe', 'print messages as they come'],
    watch: ['watch', 'print the last messages, then those that come'],
  } as const
  for (const [name, [how, summary]] of Object.entries(listeners)) {
    const command = tmb
      .command(name)
      .summary(summary)
      .description(
        how === 'watch'
          ? 'Prints the last message of every category that one of the patterns matches, then messages as they come, until Ctrl-C.'
          : 'Prints messages whose category one of the patterns matches, until Ctrl-C; without a pattern, all.',
      )
      .argument('[kind pattern...]', 'such as: begins-with /upper')
      .option('-n, --count <n>', 'end after so many', parseCount(1))
      .option('--raw', 'lines as they came, byte by byte')
      .addHelpText('after', kindsHelp)
    addTmbOptions(command)
    command.action(async (words: string[], _, self: Command) => {
      const { listen } = await import('../tmb/listen.ts')
      await listen(how, words, self, terminal)
    })
  }
}

function addSingleCommands(tmb: Command, terminal: Terminal): void {
  const send = tmb
    .command('send')
    .summary('send messages')
    .description(
      'Sends one message, or every line of standard input as one. Prints OK when the server has processed ' +
        'them; TMB does not say who received them.',
    )
    .argument('<category>', 'without white space, such as /upper/colour')
    .argument('[text]', 'without it, the category alone; - is standard input')
  addTmbOptions(send)
  send.action(async (category: string, text: string | undefined, _, self: Command) => {
    const commands = await import('../tmb/single-commands.ts')
    await commands.send(category, text, self, terminal)
  })

  const questions = [
    ['last', 'printLast', 'print the last message of every category that matches'],
    ['categories', 'printCategories', 'print the categories that the server knows'],
    ['forget', 'forget', 'make the server forget last messages, for everybody'],
  ] as const
  for (const [name, run, summary] of questions) {
    const command = tmb.command(name).summary(summary)
    const isDangerous = name === 'forget'
    command
      .argument(isDangerous ? '<kind>' : '[kind]', 'how the pattern is compared')
      .argument(
        isDangerous ? '<pattern>' : '[pattern]',
        isDangerous ? 'what it is compared with' : 'default: everything',
      )
      .addHelpText('after', kindsHelp)
    addTmbOptions(command)
    command.action(
      async (kind: string | undefined, pattern: string | undefined, _, self: Command) => {
        const commands = await import('../tmb/single-commands.ts')
        await commands[run]([kind, pattern], self, terminal)
      },
    )
  }
}

function addBench(tmb: Command, terminal: Terminal): void {
  const bench = tmb
    .command('bench')
    .summary('messages of one sender to some receivers')
    .description(
      'Sends messages and receives them, over connections of this one process, whose own speed is part of ' +
        'every figure. TMB cuts off receivers that are too slow, so the sender waits for the slowest.',
    )
    .option('--messages <n>', 'how many', parseCount(1), 100_000)
    .option('--size <bytes>', 'text of each message', parseCount(0), 100)
    .option('--receivers <n>', 'connections that receive all of them', parseCount(1), 1)
    .option('--window <n>', 'messages that the sender may be ahead', parseCount(1), 10_000)
  addTmbOptions(bench)
  bench.action(async (_, self: Command) => {
    const { bench: run } = await import('../tmb/bench.ts')
    await run(self, terminal)
  })
}
