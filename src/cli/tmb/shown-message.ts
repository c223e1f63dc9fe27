/** Messages and other lines of a TMB server: for people, and as JSON for programs. */

import type { TmbMessage } from '../../client/tmb/index.ts'
import type { Colours } from '../colours.ts'
import { formatTime } from '../message-text.ts'
import { asText, escapeControls } from '../payload-text.ts'
import { showBytes } from './shown-bytes.ts'

/** `time  category  rest`; a snapshot has no time, since the server does not tell it. */
export function formatTmbMessage(message: TmbMessage, colours: Colours, atMs: number): string {
  const time = message.isSnapshot ? 'last value'.padEnd(23) : formatTime(atMs)
  return `${colours.faint(time)}  ${formatTmbValue(message, colours)}`
}

/** `category  rest` */
export function formatTmbValue({ category, rest }: TmbMessage, colours: Colours): string {
  const shown = colours.name(showBytes(category))
  return rest.length === 0 ? `${shown}\n` : `${shown}  ${showBytes(rest)}\n`
}

/** What is no UTF-8 comes in base64, under another name. */
export function tmbMessageFields(message: TmbMessage): Record<string, unknown> {
  const { category, separator, rest } = message
  return {
    ...bytesField('category', category),
    separator: Buffer.from(separator).toString('latin1'),
    ...bytesField('rest', rest),
  }
}

export function bytesField(name: string, bytes: Uint8Array): Record<string, string> {
  const text = asText(bytes)
  if (text !== undefined) return { [name]: text }
  return { [`${name}Base64`]: Buffer.from(bytes).toString('base64') }
}

/** One line of JSON in which nothing moves the cursor. */
export function jsonLine(value: object): string {
  return `${escapeControls(JSON.stringify(value))}\n`
}
