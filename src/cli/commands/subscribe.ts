/** `msgbus sub`: prints messages as they come, stored ones first. */

import type { Command } from 'commander'
import type { Message, MsgbusClient, NodeId, SubscribeFrom } from '../../client/core.ts'
import { InvalidArgumentError } from 'commander'
import { parseCount } from '../duration.ts'
import { UsageError } from '../exit-codes.ts'
import { formatMessage, messageToJson } from '../message-text.ts'
import { parseOrigin } from '../origin-option.ts'
import { collect } from '../payload-input.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import type { Terminal } from '../terminal.ts'

interface SubscribeCommandOptions extends GlobalOptions {
  readonly from: 'earliest' | 'now' | 'last' | bigint
  readonly filter?: readonly string[]
  readonly origin?: NodeId
  readonly count?: number
  readonly raw?: boolean
}

export function addSubscribeCommand(program: Command, terminal: Terminal): void {
  program
    .command('sub')
    .alias('subscribe')
    .summary('print messages as they come, stored ones first')
    .description(
      'Prints every stored message of the topics, then new ones as they come, until Ctrl-C. ' +
        'Topics may be MQTT filters: + is one level, a trailing # the rest.',
    )
    .argument('[topic...]', 'topics or filters')
    .option('-F, --filter <filter>', 'another topic or filter; repeatable', collect)
    .option(
      '--from <start>',
      'earliest, now, last, or a head id of one topic',
      parseFrom,
      'earliest',
    )
    .option('--origin <tenant/bl/device>', 'only messages first stored by this node', parseOrigin)
    .option('-n, --count <n>', 'end after so many messages', parseCount(1))
    .option('--raw', 'payloads only, a line break after each')
    .addHelpText(
      'after',
      `
Examples:
  msgbus sub events
  msgbus sub 'sensors/+/temp' --from now
  msgbus sub events --from 1 --json | jq .payload`,
    )
    .action((topics: string[], _, command: Command) => {
      const options = command.optsWithGlobals<SubscribeCommandOptions>()
      const filters = [...topics, ...(options.filter ?? [])]
      if (filters.length === 0) throw new UsageError('name a topic or a filter')
      return withClient(command, terminal, (client) => follow(client, filters, options, terminal))
    })
}

function parseFrom(text: string): SubscribeFrom {
  if (text === 'earliest' || text === 'now' || text === 'last') return text
  if (/^\d{1,20}$/.test(text)) return BigInt(text)
  throw new InvalidArgumentError('Expected earliest, now, last or a head id.')
}

async function follow(
  client: MsgbusClient,
  filters: readonly string[],
  options: SubscribeCommandOptions,
  terminal: Terminal,
): Promise<void> {
  const { from, origin } = options
  const print = new MessagePrinter(options, terminal)
  const subscriptions = filters.map((filter) => client.subscribe(filter, { from, origin }))
  const stop = () => subscriptions.forEach((each) => void each.close())
  terminal.signal.addEventListener('abort', stop)
  try {
    await Promise.all(
      subscriptions.map(async (subscription) => {
        for await (const batch of subscription.batches()) {
          await print.batch(batch)
          if (print.isDone) return stop()
        }
      }),
    )
  } finally {
    terminal.signal.removeEventListener('abort', stop)
    stop()
  }
}

/** Writes each batch at once and counts. */
class MessagePrinter {
  readonly #options: SubscribeCommandOptions
  readonly #terminal: Terminal
  #left: number

  constructor(options: SubscribeCommandOptions, terminal: Terminal) {
    this.#options = options
    this.#terminal = terminal
    this.#left = options.count ?? Number.POSITIVE_INFINITY
  }

  get isDone(): boolean {
    return this.#left <= 0
  }

  async batch(messages: readonly Message[]): Promise<void> {
    const wanted = messages.slice(0, this.#left)
    this.#left -= wanted.length
    await this.#terminal.write(this.#format(wanted))
  }

  #format(messages: readonly Message[]): string | Uint8Array {
    const { raw, json } = this.#options
    if (raw) {
      const lineBreak = Uint8Array.of(0x0a)
      return Buffer.concat(messages.flatMap(({ payload }) => [payload, lineBreak]))
    }
    if (json) return messages.map(messageToJson).join('')
    return messages.map((each) => formatMessage(each, this.#terminal.colours)).join('')
  }
}
