/** A line of a TMB server as it is shown: messages and replies look different, bytes stay visible. */

import { TmbMessage } from '../../client/tmb/index.ts'
import type { Colours } from '../colours.ts'
import { asText } from '../payload-text.ts'
import { showBytes } from './shown-bytes.ts'
import { jsonLine, tmbMessageFields } from './shown-message.ts'

const colon = 0x3a

/** With its line break. */
export function formatLine(line: Uint8Array, colours: Colours): string {
  const shown = showBytes(line)
  const blankAt = shown.indexOf(' ')
  const first = blankAt === -1 ? shown : shown.slice(0, blankAt)
  const rest = blankAt === -1 ? '' : shown.slice(blankAt)
  return `${line[0] === colon ? colours.name(first) : paintReply(first, colours)}${rest}\n`
}

/** `{"kind":"message","category":…}`, or the kind of reply and what stands behind it. */
export function lineToJson(line: Uint8Array): string {
  if (line[0] === colon) {
    return jsonLine({ kind: 'message', ...tmbMessageFields(new TmbMessage(line)) })
  }
  const text = asText(line) ?? Buffer.from(line).toString('latin1')
  const [kind = '', ...words] = text.split(' ')
  return jsonLine({ kind, text: words.join(' ') })
}

function paintReply(word: string, colours: Colours): string {
  switch (word) {
    case 'ok':
      return colours.good(word)
    case 'error':
      return colours.bad(word)
    case 'info':
      return colours.warning(word)
    default:
      return colours.faint(word)
  }
}
