/**
 * Which answer belongs to which command: replies come in the order of the commands, and an `ok` that announces lines is
 * followed by exactly these (spec/tmb.md 6). One for each connection; without a page and without a socket.
 */

import { tmbLimits } from '../../src/wire/tmb/limits.ts'
import type { TmbError } from '../../src/wire/tmb/words.ts'
import { type Command, parseCommand } from './tmb-command.ts'
import { byteLength, type Line, parsePeerMessage, type PeerMessage, textOf } from './tmb-line.ts'

export type Incoming =
  | {
      readonly type: 'message'
      readonly message: PeerMessage
      /** It answers this `last` or `watch`; undefined: it was delivered. */
      readonly answerTo: Command | undefined
    }
  | { readonly type: 'ok'; readonly command: Command; readonly fields: readonly string[] }
  /** Without a command it is about a peer message, or about the connection. */
  | { readonly type: 'error'; readonly command: Command | undefined; readonly code: string }
  /** A line of a list, an `info`, or what this page does not know. */
  | { readonly type: 'other' }

/**
 * Commands whose answer is waited for; the oldest are given up beyond it. Only `option replies off` brings anybody there.
 */
export const maxUnanswered = 1_000

/** The server says these when it likes; they answer no command. */
const unasked: ReadonlySet<string> = new Set<TmbError>([
  'too-many-clients',
  'slow-reader',
  'http',
  'shutting-down',
  'too-many-errors',
])

export class Conversation {
  readonly #unanswered: Command[] = []
  #following: { readonly command: Command; left: number } | undefined

  /** Notes a line that goes out. */
  sending(line: string): void {
    const command = parseCommand(line)
    if (command === undefined) return
    if (this.#unanswered.length === maxUnanswered) this.#unanswered.shift()
    this.#unanswered.push(command)
  }

  received(line: Line): Incoming {
    const answerTo = this.#followed()
    const message = parsePeerMessage(line)
    if (message !== undefined) return { type: 'message', message, answerTo }
    const [verb, first = '', ...rest] = textOf(line).split(' ')
    if (verb === 'ok') return this.#ok(first, rest)
    if (verb === 'error') return this.#error(first, rest[0] ?? '')
    return { type: 'other' }
  }

  /** The command whose announced lines this one is among. */
  #followed(): Command | undefined {
    const following = this.#following
    if (following === undefined) return undefined
    following.left -= 1
    if (following.left === 0) this.#following = undefined
    return following.command
  }

  #ok(word: string, fields: readonly string[]): Incoming {
    const command = this.#answered((waiting) => waiting.word === word)
    if (command === undefined) return { type: 'other' }
    const announces = ['last', 'watch', 'categories', 'mine', 'help'].includes(word)
    const left = announces ? Number(fields.at(-1)) : 0
    if (left > 0) this.#following = { command, left }
    return { type: 'ok', command, fields }
  }

  #error(code: string, word: string): Incoming {
    if (unasked.has(code) || word === 'message') return { type: 'error', command: undefined, code }
    // Such a line was not looked at, so the server cannot know whether it was a command.
    const fits =
      code === 'line-too-long'
        ? ({ line }: Command) => byteLength(line) > tmbLimits.leastLineBytes
        : (waiting: Command) => waiting.word === word
    return { type: 'error', command: this.#answered(fits), code }
  }

  /** The oldest that fits. Those before it were never answered and never will be. */
  #answered(fits: (waiting: Command) => boolean): Command | undefined {
    const at = this.#unanswered.findIndex(fits)
    return at === -1 ? undefined : this.#unanswered.splice(0, at + 1).at(-1)
  }
}
