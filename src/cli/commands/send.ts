/** `msgbus send|broadcast`: messages to clients by name, of whatever protocol. Nothing is stored. */

import type { Command } from 'commander'
import type { MsgbusClient } from '../../client/core.ts'
import { BusError } from '../../model/errors.ts'
import { formatCount } from '../duration.ts'
import { CommandFailure, exitCodes } from '../exit-codes.ts'
import { collect, readPayloads } from '../payload-input.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import type { Terminal } from '../terminal.ts'

interface SendOptions extends GlobalOptions {
  readonly file?: readonly string[]
  readonly lines?: boolean
  readonly realtime?: boolean
}

/** Sends one message. Returns what to print for people and for programs. */
type Send = (
  client: MsgbusClient,
  payload: Uint8Array | string,
  options: { readonly realtime: boolean; readonly signal: AbortSignal },
) => Promise<readonly [text: string, value: object]>

export function addSendCommands(program: Command, terminal: Terminal): void {
  const send = program
    .command('send')
    .summary('send messages to one client by its name')
    .description(
      'Sends every payload as one message to the client of exactly this name, over whatever protocol ' +
        'it is connected. Prints OK for each that was handed to it. Nothing is stored.',
    )
    .argument('<target>', 'full name of the client; msgbus clients lists them')
  addPayloads(send)
  send.action((target: string, args: string[], _, command: Command) =>
    sendAll(command, terminal, args, async (client, payload, options) => {
      await client.send(target, payload, options).catch(explain)
      return ['OK', { target, sent: true }]
    }),
  )

  const broadcast = program
    .command('broadcast')
    .summary('send messages to all clients whose name matches')
    .description(
      'Sends every payload to all clients whose name matches the mask, and prints how many took it. ' +
        'Names are divided by dots: ? is one part, a * the rest. Nothing is stored.',
    )
    .argument('<mask>', "such as 'lights.*' or 'sensors.?.hall'")
  addPayloads(broadcast)
  broadcast.action((mask: string, args: string[], _, command: Command) =>
    sendAll(command, terminal, args, async (client, payload, options) => {
      const receivers = await client.broadcast(mask, payload, options)
      const text = `${formatCount(receivers)} ${receivers === 1 ? 'receiver' : 'receivers'}`
      return [text, { mask, receivers }]
    }),
  )
}

/** Says what to do about a name that nobody has. @throws always */
function explain(error: unknown): never {
  if (!(error instanceof BusError) || error.reason !== 'unknown_client') throw error
  const text = `${error.message}: msgbus clients lists who is connected, msgbus broadcast takes masks`
  throw new CommandFailure(exitCodes.notFound, text)
}

function addPayloads(command: Command): void {
  command
    .argument('[payload...]', 'one message each; - is standard input')
    .option('-f, --file <file>', 'the file is one message; repeatable', collect)
    .option('-l, --lines', 'every line of the files or of standard input is one message')
    .option('--realtime', 'deliver without delay')
}

function sendAll(
  command: Command,
  terminal: Terminal,
  args: readonly string[],
  send: Send,
): Promise<void> {
  const options = command.optsWithGlobals<SendOptions>()
  const { file: files = [], lines = false, realtime = false, json } = options
  const { signal } = terminal
  return withClient(command, terminal, async (client) => {
    for await (const payload of readPayloads({ args, files, lines }, terminal)) {
      const [text, value] = await send(client, payload, { realtime, signal })
      await terminal.write(`${json ? JSON.stringify(value) : text}\n`)
    }
  })
}
