/** `msgbus tmb listen` and `watch`: prints messages as they come, until Ctrl-C. */

import type { Command } from 'commander'
import type { TmbMessage } from '../../client/tmb/index.ts'
import type { Terminal } from '../terminal.ts'
import { parseKindPatterns } from './kind-pattern.ts'
import { formatTmbMessage, jsonLine, tmbMessageFields } from './shown-message.ts'
import { staying, withTmb } from './tmb-session.ts'
import type { TmbCommandOptions } from './tmb-session.ts'

interface ListenOptions extends TmbCommandOptions {
  readonly count?: number
  readonly raw?: boolean
}

/** @param how `watch`: the last messages come first */
export function listen(
  how: 'subscribe' | 'watch',
  words: readonly string[],
  command: Command,
  terminal: Terminal,
): Promise<void> {
  const patterns = parseKindPatterns(words)
  const options = command.optsWithGlobals<ListenOptions>()
  const work = async (client: Parameters<Parameters<typeof withTmb>[2]>[0]) => {
    const stop = () => void client.close()
    terminal.signal.addEventListener('abort', stop)
    try {
      // Before the first message may come.
      const batches = client.batches()
      for (const { kind, pattern } of patterns) await client[how](kind, pattern)
      terminal.writeError(`listening at ${client.address}\n`)
      let left = options.count ?? Number.POSITIVE_INFINITY
      for await (const batch of batches) {
        const wanted = batch.slice(0, left)
        left -= wanted.length
        await terminal.write(format(wanted, options, terminal))
        if (left === 0) break
      }
    } finally {
      terminal.signal.removeEventListener('abort', stop)
    }
  }
  return withTmb(command, terminal, work, staying(terminal))
}

function format(
  messages: readonly TmbMessage[],
  { raw, json }: ListenOptions,
  { colours }: Terminal,
): string | Uint8Array {
  if (raw) return Buffer.concat(messages.flatMap((message) => [message.raw, lineBreak]))
  const now = Date.now()
  if (!json) return messages.map((each) => formatTmbMessage(each, colours, now)).join('')
  const objects = messages.map((each) => {
    return { receivedAtMs: now, ...tmbMessageFields(each), isSnapshot: each.isSnapshot }
  })
  return objects.map(jsonLine).join('')
}

const lineBreak = Uint8Array.of(0x0a)
