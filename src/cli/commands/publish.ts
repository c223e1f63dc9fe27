/** `msgbus pub`: stores messages and prints their head ids. */

import type { Command } from 'commander'
import type { MsgbusClient, Publisher, Receipt } from '../../client/core.ts'
import { BusError } from '../../model/errors.ts'
import { UsageError } from '../exit-codes.ts'
import { formatCount } from '../duration.ts'
import { collect, collectHeader, readPayloads } from '../payload-input.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import type { Terminal } from '../terminal.ts'

interface PublishOptions extends GlobalOptions {
  readonly file?: readonly string[]
  readonly lines?: boolean
  readonly header?: ReadonlyMap<string, string>
  readonly publishId?: string
  readonly quiet?: boolean
}

export function addPublishCommand(program: Command, terminal: Terminal): void {
  program
    .command('pub')
    .alias('publish')
    .summary('store messages and print their head ids')
    .description(
      'Stores every payload as one message and prints its head id once it is safely stored. ' +
        'Payloads are arguments, files, or standard input.',
    )
    .argument('<topic>')
    .argument('[payload...]', 'one message each; - is standard input')
    .option('-f, --file <file>', 'the file is one message; repeatable', collect)
    .option('-l, --lines', 'every line of the files or of standard input is one message')
    .option('-H, --header <key=value>', 'a header of every message; repeatable', collectHeader)
    .option('--publish-id <id>', 'a repeat with the same id stores nothing; for one message')
    .option('-q, --quiet', 'print no head ids')
    .addHelpText(
      'after',
      `
Examples:
  msgbus pub events hello
  msgbus pub -H content-type=application/json events '{"door":"open"}'
  tail -f app.log | msgbus pub --lines logs/app`,
    )
    .action((topic: string, payloads: string[], _, command: Command) =>
      withClient(command, terminal, (client) =>
        publish(client, topic, payloads, command, terminal),
      ),
    )
}

async function publish(
  client: MsgbusClient,
  topic: string,
  args: readonly string[],
  command: Command,
  terminal: Terminal,
): Promise<void> {
  const options = command.optsWithGlobals<PublishOptions>()
  const { file: files = [], lines = false, header: headers, publishId } = options
  if (publishId !== undefined && (lines || args.length + files.length > 1)) {
    throw new UsageError('--publish-id names one message: give one payload')
  }
  // The output of a pipeline that publishes for hours is a line per message: it is waited for.
  const report = (receipt: Receipt) =>
    terminal.write(options.quiet ? '' : format(topic, receipt, options))
  await using publisher = client.publisher({ giveUpAfterMs: options.timeout })
  const pending = new Reports(publisher, report)
  let count = 0
  for await (const payload of readPayloads({ args, files, lines }, terminal)) {
    if (terminal.signal.aborted) break
    await pending.publish(topic, payload, { headers, publishId })
    count += 1
  }
  await pending.finish()
  if (terminal.signal.aborted) throw new BusError('cancelled', 'cancelled', 'interrupted')
  if (lines && terminal.stderrIsTerminal) {
    terminal.writeError(`${formatCount(count)} messages stored\n`)
  }
}

/** Publishes without waiting for each answer and reports the answers in order. */
class Reports {
  readonly #publisher: Publisher
  readonly #report: (receipt: Receipt) => Promise<void> | undefined
  #last: Promise<void> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined

  constructor(publisher: Publisher, report: (receipt: Receipt) => Promise<void> | undefined) {
    this.#publisher = publisher
    this.#report = report
  }

  async publish(topic: string, payload: Uint8Array | string, fields: object): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    const receipt = this.#publisher.publish(topic, payload, fields)
    const before = this.#last
    this.#last = receipt.then(
      async (stored) => {
        await before
        await this.#report(stored)
      },
      (error: unknown) => {
        this.#failure ??= { error }
      },
    )
    // Enough to keep batches full; what the input holds beyond stays unread.
    if (this.#publisher.pending >= 5_000) await this.#last
  }

  async finish(): Promise<void> {
    await this.#last
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

function format(topic: string, receipt: Receipt, options: PublishOptions): string {
  const { headId, id, createdAtMs, duplicate } = receipt
  if (!options.json) return `${headId}\n`
  return `${JSON.stringify({ topic, headId: Number(headId), id, createdAtMs, duplicate })}\n`
}
