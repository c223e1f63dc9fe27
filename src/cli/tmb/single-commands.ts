/** `msgbus tmb send|last|forget|categories`: one question to the server each. */

import type { Command } from 'commander'
import type { TmbClient, TmbError } from '../../client/tmb/index.ts'
import { formatCount } from '../duration.ts'
import { UsageError } from '../exit-codes.ts'
import { readPayloads } from '../payload-input.ts'
import type { Terminal } from '../terminal.ts'
import { everything, parseKind } from './kind-pattern.ts'
import type { KindPattern } from './kind-pattern.ts'
import { showBytes } from './shown-bytes.ts'
import { bytesField, formatTmbValue, jsonLine, tmbMessageFields } from './shown-message.ts'
import { withTmb } from './tmb-session.ts'
import type { TmbCommandOptions } from './tmb-session.ts'

type OneOrAll = readonly [kind: string | undefined, pattern: string | undefined]

/**
 * Sends one message, or with `-` one per line of standard input. When it returns, the server has
 * processed all of them.
 */
export function send(
  category: string,
  text: string | undefined,
  command: Command,
  terminal: Terminal,
): Promise<void> {
  const { json } = command.optsWithGlobals<TmbCommandOptions>()
  return withTmb(command, terminal, async (client) => {
    let refusal: TmbError | undefined
    client.on('messageRefused', ({ error }) => (refusal ??= error))
    let sent = 0
    for await (const rest of messagesOf(text, terminal)) {
      await client.publish(category, rest)
      sent += 1
      if (refusal !== undefined) break
    }
    await client.ping(undefined, { signal: terminal.signal })
    if (refusal !== undefined) throw refusal
    const shown = text === '-' ? `${formatCount(sent)} sent` : 'OK'
    await terminal.write(json ? jsonLine({ category, sent }) : `${shown}\n`)
  })
}

async function* messagesOf(
  text: string | undefined,
  terminal: Terminal,
): AsyncGenerator<Uint8Array | string | undefined> {
  if (text === '-') yield* readPayloads({ args: ['-'], files: [], lines: true }, terminal)
  else yield text
}

export function printLast(words: OneOrAll, command: Command, terminal: Terminal): Promise<void> {
  return ask(words, command, terminal, async (client, { kind, pattern }, json) => {
    const messages = await client.last(kind, pattern, { signal: terminal.signal })
    const lines = messages.map((message) =>
      json ? jsonLine(tmbMessageFields(message)) : formatTmbValue(message, terminal.colours),
    )
    return lines.join('')
  })
}

export function printCategories(
  words: OneOrAll,
  command: Command,
  terminal: Terminal,
): Promise<void> {
  return ask(words, command, terminal, async (client, { kind, pattern }, json) => {
    const categories = await client.categories(kind, pattern, { signal: terminal.signal })
    const lines = categories.map(({ bytes }) =>
      json ? jsonLine(bytesField('category', bytes)) : `${showBytes(bytes)}\n`,
    )
    return lines.join('')
  })
}

export function forget(words: OneOrAll, command: Command, terminal: Terminal): Promise<void> {
  return ask(words, command, terminal, async (client, { kind, pattern }, json) => {
    const forgotten = await client.forget(kind, pattern, { signal: terminal.signal })
    return json ? jsonLine({ forgotten }) : `${formatCount(forgotten)} forgotten\n`
  })
}

function ask(
  [kind, pattern]: OneOrAll,
  command: Command,
  terminal: Terminal,
  work: (client: TmbClient, about: KindPattern, json: boolean) => Promise<string>,
): Promise<void> {
  const { json = false } = command.optsWithGlobals<TmbCommandOptions>()
  const about = kind === undefined ? everything : { kind: parseKind(kind), pattern: pattern ?? '' }
  if (about.pattern === '') {
    throw new UsageError(
      `the pattern behind ${about.kind} is missing, such as: ${about.kind} /upper`,
    )
  }
  return withTmb(command, terminal, async (client) => {
    await terminal.write(await work(client, about, json))
  })
}
