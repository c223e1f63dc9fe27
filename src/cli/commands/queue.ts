/** `msgbus queue`: FIFO queues that several programs work off. */

import type { Command } from 'commander'
import type { NodeId, QueueInfo, QueueMessage } from '../../client/core.ts'
import { formatCount, formatDuration, parseCount, parseDuration } from '../duration.ts'
import { CommandFailure, exitCodes } from '../exit-codes.ts'
import { formatQueueMessage, queueMessageToJson } from '../message-text.ts'
import { parseOrigin } from '../origin-option.ts'
import { collect, collectHeader, readPayloads } from '../payload-input.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import { formatTable } from '../table.ts'
import type { Column } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface EnqueueOptions extends GlobalOptions {
  readonly topic?: string
  readonly target?: NodeId
  readonly file?: readonly string[]
  readonly lines?: boolean
  readonly header?: ReadonlyMap<string, string>
}

interface ConsumeCommandOptions extends GlobalOptions {
  readonly count?: number
  readonly maxInFlight?: number
  readonly lease?: number
  readonly ack: boolean
}

export function addQueueCommands(program: Command, terminal: Terminal): void {
  const queue = program
    .command('queue')
    .alias('fifo')
    .summary('FIFO queues: enqueue, peek, ack, reject, ls, consume, purge')

  queue
    .command('enqueue')
    .summary('add messages at the end and print their ids')
    .argument('<queue>')
    .argument('[payload...]', 'one message each; - is standard input')
    .option('--topic <topic>', 'kept with the message (default: the name of the queue)')
    .option(
      '--target <tenant/bl/device>',
      'node it is meant for, kept with the message',
      parseOrigin,
    )
    .option('-f, --file <file>', 'the file is one message; repeatable', collect)
    .option('-l, --lines', 'every line of the files or of standard input is one message')
    .option('-H, --header <key=value>', 'a header of every message; repeatable', collectHeader)
    .action((name: string, args: string[], _, command: Command) =>
      withClient(command, terminal, async (client) => {
        const options = command.optsWithGlobals<EnqueueOptions>()
        const { topic = name, target, file: files = [], lines = false, header: headers } = options
        const { signal } = terminal
        for await (const payload of readPayloads({ args, files, lines }, terminal)) {
          const message = await client.enqueueFifo(name, topic, payload, {
            target,
            headers,
            signal,
          })
          await terminal.write(options.json ? queueMessageToJson(message) : `${message.id}\n`)
        }
      }),
    )

  queue
    .command('peek')
    .summary('print the front message, which stays')
    .argument('<queue>')
    .action((name: string, _, command: Command) =>
      withClient(command, terminal, async (client) => {
        const message = await client.peekFifo(name, { signal: terminal.signal })
        if (message === undefined) {
          throw new CommandFailure(exitCodes.notFound, `the queue ${name} is empty`)
        }
        await terminal.write(formatter(command, terminal)(message))
      }),
    )

  for (const verb of ['ack', 'reject'] as const) {
    queue
      .command(verb)
      .summary(verb === 'ack' ? 'remove the front message' : 'count a failed attempt on it')
      .argument('<queue>')
      .argument('<id>', 'id of the front message, as peek printed it')
      .action((name: string, id: string, _, command: Command) =>
        withClient(command, terminal, async (client) => {
          const { signal } = terminal
          const accepted =
            verb === 'ack'
              ? await client.ackFifo(name, id, { signal })
              : await client.rejectFifo(name, id, { signal })
          if (!accepted) {
            const text = `${id} is not the front message of ${name}: another consumer may have settled it`
            throw new CommandFailure(exitCodes.refused, text)
          }
          const { json } = command.optsWithGlobals<GlobalOptions>()
          if (json) await terminal.write(`${JSON.stringify({ queue: name, id, accepted })}\n`)
        }),
      )
  }

  queue
    .command('ls')
    .summary('list queues with their depth')
    .action((_, command: Command) =>
      withClient(command, terminal, async (client) => {
        const queues = await client.listQueues({ signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        const lines = json
          ? queues.map((each) => `${JSON.stringify(each)}\n`).join('')
          : formatTable(queueColumns, queues)
        await terminal.write(lines)
      }),
    )

  queue
    .command('consume')
    .summary('take messages as they become available, until Ctrl-C')
    .description(
      'Prints each message and acknowledges it once it is printed. Messages are leased: several ' +
        'consumers never get the same one while its lease lasts.',
    )
    .argument('<queue>')
    .option('-n, --count <n>', 'end after so many messages', parseCount(1))
    .option('--max-in-flight <n>', 'messages leased at a time (default: 1)', parseCount(1))
    .option('--lease <duration>', 'how long a message is leased (default: 30s)', parseDuration)
    .option('--no-ack', 'print without acknowledging: the messages go back at the end')
    .action((name: string, _, command: Command) =>
      withClient(command, terminal, async (client) => {
        const options = command.optsWithGlobals<ConsumeCommandOptions>()
        const { maxInFlight, lease: leaseMs } = options
        const consumer = client.consume(name, { maxInFlight, leaseMs })
        const stop = () => consumer.close()
        terminal.signal.addEventListener('abort', stop)
        const format = formatter(command, terminal)
        let left = options.count ?? Number.POSITIVE_INFINITY
        for await (const delivery of consumer) {
          await terminal.write(format(delivery.message))
          if (options.ack && !(await delivery.ack())) {
            terminal.writeError(
              `the lease of ${delivery.message.id} had ended: it will come again\n`,
            )
          }
          left -= 1
          if (left === 0) break
        }
        terminal.signal.removeEventListener('abort', stop)
      }),
    )

  queue
    .command('purge')
    .summary('remove every message that nobody has leased')
    .argument('<queue>')
    .action((name: string, _, command: Command) =>
      withClient(command, terminal, async (client) => {
        const removed = await client.purgeQueue(name, { signal: terminal.signal })
        const { json } = command.optsWithGlobals<GlobalOptions>()
        const text = json
          ? JSON.stringify({ queue: name, removed })
          : `${formatCount(removed)} removed`
        await terminal.write(`${text}\n`)
      }),
    )
}

function formatter(command: Command, terminal: Terminal): (message: QueueMessage) => string {
  if (command.optsWithGlobals<GlobalOptions>().json) return queueMessageToJson
  return (message) => formatQueueMessage(message, terminal.colours)
}

/** Where messages that leave are, and what keeps them. */
function forwardingText({ forwarding }: QueueInfo): string {
  if (forwarding === undefined) return ''
  const { target, state, attempts, lastError } = forwarding
  const failed = attempts === 0 ? '' : `, ${formatCount(attempts)} failed: ${lastError}`
  return `to ${target}: ${state}${failed}`
}

const queueColumns: readonly Column<QueueInfo>[] = [
  { title: 'QUEUE', cell: ({ queue }) => queue },
  { title: 'DEPTH', cell: (queue) => formatCount(queue.depth), align: 'right' },
  { title: 'LEASED', cell: (queue) => formatCount(queue.leased), align: 'right' },
  { title: 'CONSUMERS', cell: (queue) => formatCount(queue.consumers), align: 'right' },
  {
    title: 'OLDEST',
    cell: ({ oldestAtMs }) => (oldestAtMs === 0 ? '-' : formatDuration(Date.now() - oldestAtMs)),
    align: 'right',
  },
  { title: 'FORWARDING', cell: forwardingText },
]
