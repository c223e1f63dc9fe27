/**
 * JSON of what MessagePack can carry and `JSON.stringify` cannot: whole numbers of 64 bits keep all
 * their digits, bytes are base64. Control characters of any kind come out escaped.
 */

import { escapeControls } from './payload-text.ts'

/** @param indent of one level; empty: everything on one line */
export function jsonText(value: unknown, indent = ''): string {
  return format(value, indent, indent === '' ? '' : '\n')
}

/** @param lineBreak the one before members of the value's own level, with its indent */
function format(value: unknown, indent: string, lineBreak: string): string {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return quote(Buffer.from(value).toString('base64'))
  if (typeof value === 'string' || value instanceof Date) return quote(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const inner = `${lineBreak}${indent}`
  const isArray = Array.isArray(value)
  const members = isArray
    ? value.map((item) => format(item, indent, inner))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => `${quote(key)}:${indent && ' '}${format(item, indent, inner)}`)
  const [open, close] = isArray ? '[]' : '{}'
  if (members.length === 0) return `${open}${close}`
  return `${open}${inner}${members.join(`,${inner}`)}${lineBreak}${close}`
}

function quote(text: string | Date): string {
  return escapeControls(JSON.stringify(text))
}
