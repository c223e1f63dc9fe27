/** Lines of the server that are no peer messages (spec/tmb 6). */

import { ProtocolError } from '../../model/errors.ts'
import { blank } from '../../wire/tmb/category.ts'
import { payloadText } from '../payload-codec.ts'

export type Reply =
  | { readonly kind: 'ok' | 'item'; readonly command: string; readonly rest: Uint8Array }
  | {
      readonly kind: 'error'
      readonly code: string
      readonly command: string
      readonly text: string
    }
  | { readonly kind: 'info'; readonly code: string; readonly text: string }

/**
 * Reads one reply line, given without its LF. `rest` is borrowed from it: the fields behind the command.
 * @throws ProtocolError when it is none
 */
export function parseReply(line: Uint8Array): Reply {
  const [kind, afterKind] = word(line, 0)
  const [second, afterSecond] = word(line, afterKind)
  switch (kind) {
    case 'ok':
    case 'item':
      if (second === '') break
      return { kind, command: second, rest: line.subarray(afterSecond) }
    case 'error': {
      const [command, afterCommand] = word(line, afterSecond)
      if (command === '') break
      const text = payloadText(line.subarray(afterCommand))
      return { kind, code: second, command, text }
    }
    case 'info':
      if (second === '') break
      return { kind, code: second, text: payloadText(line.subarray(afterSecond)) }
    default:
  }
  const shown = JSON.stringify(payloadText(line.subarray(0, 60)))
  throw new ProtocolError(`${shown} is no line of a TMB server`)
}

/** The last blank-separated field as a number. @throws ProtocolError when it is none */
export function lastNumber(rest: Uint8Array): number {
  const text = payloadText(rest)
  const digits = text.slice(text.lastIndexOf(' ') + 1)
  if (/^\d{1,9}$/.test(digits)) return Number(digits)
  throw new ProtocolError(`a reply ends with ${JSON.stringify(digits)} instead of a number`)
}

/** The word from `start` on, and where what follows its blank begins. */
function word(line: Uint8Array, start: number): readonly [text: string, next: number] {
  const blankAt = line.indexOf(blank, start)
  const end = blankAt === -1 ? line.length : blankAt
  return [payloadText(line.subarray(start, end)), Math.min(end + 1, line.length)]
}
