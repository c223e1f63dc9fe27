/** `msgbus rpc`: calls, notifications and a listener for services that speak BUS/RT. */

import type { Command } from 'commander'
import { addBusrtOptions } from '../busrt-session.ts'
import { parseCount } from '../duration.ts'
import { collect } from '../payload-input.ts'
import type { Terminal } from '../terminal.ts'

const paramsHelp = `
Parameters are key=value words: true, false, numbers, and text for everything else. They are sent as
a MessagePack map; --params takes JSON for what words cannot say. A single - sends standard input as it is.`

export function addRpcCommands(program: Command, terminal: Terminal): void {
  const rpc = program
    .command('rpc')
    .summary('BUS/RT services: call, call0, notify, listen')
    .description('Calls of services over BUS/RT, of msgbusd or of any other broker.')

  for (const verb of ['call', 'call0'] as const) {
    const isCall = verb === 'call'
    const command = rpc
      .command(verb)
      .summary(isCall ? 'call a method and print its result' : 'call a method without a reply')
      .argument('<target>', 'name of the client that serves it; .broker is the broker itself')
      .argument('<method>')
      .argument('[param...]', 'key=value, or - for standard input')
      .option('-p, --params <json>', 'parameters as JSON, sent as MessagePack')
    if (isCall) {
      command
        .description(
          'Calls a method and prints its result: MessagePack as JSON, text as it is, other bytes in ' +
            'hexadecimal. An error of the service ends with exit code 1.',
        )
        .option('--raw', 'the bytes of the result as they are')
    } else {
      command.description(
        'Has a method called without wanting to know the result; prints OK when the broker has ' +
          'handed the request on.',
      )
    }
    addBusrtOptions(command)
    command.addHelpText(
      'after',
      `${paramsHelp}

Examples:
  msgbus rpc ${verb} .broker stats
  msgbus rpc ${verb} lights.hall set level=0.5 on=true
  msgbus rpc ${verb} lights.hall scene -p '{"lamps":[1,2,3]}'`,
    )
    command.action(async (target: string, method: string, words: string[], _, self: Command) => {
      const { callMethod } = await import('../rpc/rpc-calls.ts')
      await callMethod({ target, method, words, wantsReply: isCall }, self, terminal)
    })
  }

  const notify = rpc
    .command('notify')
    .summary('send notifications')
    .description('Sends every payload as one notification; prints OK when all are handed on.')
    .argument('<target>', 'name of the client it is for')
    .argument('[payload...]', 'one notification each; - is standard input')
    .option('-f, --file <file>', 'the file is one notification; repeatable', collect)
    .option('-l, --lines', 'every line of the files or of standard input is one notification')
  addBusrtOptions(notify)
  notify.action(async (target: string, payloads: string[], _, self: Command) => {
    const { notifyClient } = await import('../rpc/rpc-calls.ts')
    await notifyClient(target, payloads, self, terminal)
  })

  const listen = rpc
    .command('listen')
    .summary('print what is sent to a client, and answer its calls')
    .description(
      'Joins under a name and prints calls, notifications, messages, broadcasts and, with --topic, ' +
        'publications, until Ctrl-C. Every call is answered with an empty result.',
    )
    .option('-t, --topic <filter>', 'subscribe; + is one level, # the rest; repeatable', collect)
    .option('--exclude <filter>', 'leave these topics out; repeatable', collect)
    .option('-n, --count <n>', 'end after so many', parseCount(1))
  addBusrtOptions(listen)
  listen.action(async (_, self: Command) => {
    const { listen: run } = await import('../rpc/rpc-listener.ts')
    await run(self, terminal)
  })
}
