/**
 * The text of a command taken apart (spec/tmb 3): words between white space, and patterns, which are what is left of
 * the line. Text is bytes here, each character one: no character above 7F is white space.
 */

import { tmbLimits } from '../../wire/tmb/limits.ts'
import {
  expandWord,
  type TmbCommand,
  type TmbError,
  tmbCommands,
  type TmbKind,
  tmbKinds,
} from '../../wire/tmb/words.ts'

/** A command that cannot be done. Its text is for people. */
export class CommandError extends Error {
  readonly code: TmbError

  constructor(code: TmbError, message: string) {
    super(message)
    this.name = 'CommandError'
    this.code = code
  }
}

export const commandWords = Object.keys(tmbCommands) as TmbCommand[]

const whiteSpaceByte = (code: number) => code === 0x20 || (code >= 0x09 && code <= 0x0d)
/** Of what a client typed, as errors repeat it. */
const repeatedMost = 64

export class CommandLine {
  readonly #text: string
  readonly #end: number
  #at = 0

  constructor(text: string) {
    this.#text = text
    let end = text.length
    while (end > 0 && whiteSpaceByte(text.charCodeAt(end - 1))) end--
    this.#end = end
  }

  /** The next word; empty: there is none. */
  word(): string {
    const start = this.#skipBlanks()
    let at = start
    while (at < this.#end && !whiteSpaceByte(this.#text.charCodeAt(at))) at++
    this.#at = at
    return this.#text.slice(start, at)
  }

  /** What is left, without white space around it. */
  rest(): string {
    const start = this.#skipBlanks()
    this.#at = this.#end
    return this.#text.slice(start, this.#end)
  }

  /** @throws CommandError */
  required(what: string): string {
    const word = this.word()
    if (word === '') throw new CommandError('missing-argument', `${what} is missing`)
    return word
  }

  /** Nothing may follow. @throws CommandError */
  end(): void {
    const word = this.word()
    if (word !== '')
      throw new CommandError('extra-argument', `nothing is expected at ${shown(word)}`)
  }

  /** An id that names one subscription. @throws CommandError */
  id(): string {
    const id = this.required('the id')
    if (id === '*') throw new CommandError('bad-id', '* is not an id')
    return checkedId(id)
  }

  /** An id, or `*` for all. @throws CommandError */
  idOrAll(): string {
    return checkedId(this.required('the id'))
  }

  /** A match kind and the pattern behind it. @throws CommandError */
  pattern(): { readonly kind: TmbKind; readonly text: string } {
    const word = this.required('the match kind')
    const text = this.rest()
    if (text === '') throw new CommandError('missing-argument', 'the pattern is missing')
    const kind = expandWord(tmbKinds, word)
    if (kind === undefined) {
      const known = tmbKinds.join(' ')
      throw new CommandError('unknown-kind', `${shown(word)} is not one of ${known}`)
    }
    const limit = kind === 'regexp' ? tmbLimits.regexpBytes : tmbLimits.patternBytes
    if (text.length > limit) {
      const why = `the pattern has ${text.length} bytes, the limit is ${limit}`
      throw new CommandError('pattern-too-long', why)
    }
    if (kind !== 'regexp' && hasWhiteSpace(text)) {
      throw new CommandError('bad-pattern', 'no category has white space in it')
    }
    return { kind, text }
  }

  #skipBlanks(): number {
    let at = this.#at
    while (at < this.#end && whiteSpaceByte(this.#text.charCodeAt(at))) at++
    return at
  }
}

/** Something typed, short enough to be repeated. */
export function shown(word: string): string {
  return word.length <= repeatedMost ? word : `${word.slice(0, repeatedMost)}...`
}

function checkedId(id: string): string {
  const { subscriptionIdBytes } = tmbLimits
  if (id.length <= subscriptionIdBytes) return id
  const why = `the id has ${id.length} bytes, the limit is ${subscriptionIdBytes}`
  throw new CommandError('bad-id', why)
}

function hasWhiteSpace(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (whiteSpaceByte(text.charCodeAt(i))) return true
  return false
}
