/**
 * What a line that goes out will be answered with: commands get exactly one answer each, peer messages none
 * (spec/tmb.md 3). The page reads its own lines as the server will, so that lines typed by hand move the lamps, too.
 */

import {
  expandWord,
  type TmbCommand,
  tmbCommands,
  type TmbKind,
  tmbKinds,
} from '../../src/wire/tmb/words.ts'
import { trimmed, whiteSpace } from './tmb-line.ts'

export interface SubscriptionSpec {
  readonly id: string
  readonly kind: TmbKind
  readonly pattern: string
}

export interface Command {
  /** In full, as replies repeat it; `-` when no command begins with what was typed. */
  readonly word: TmbCommand | '-'
  /** Of subscribe, watch and unsubscribe. */
  readonly id: string
  /** Of subscribe and watch, when the server can understand it. */
  readonly subscription: SubscriptionSpec | undefined
  readonly line: string
}

const commandWords = Object.keys(tmbCommands) as TmbCommand[]
const schemes = ['token', 'plain']
const words = new RegExp(`${whiteSpace.source}+`)

/** Undefined: the server answers nothing, since the line is a peer message or blank. */
export function parseCommand(line: string): Command | undefined {
  if (line.startsWith(':') || trimmed(line) === '') return undefined
  const [typed = '', id = ''] = trimmed(line).split(words)
  const word = expandWord(commandWords, typed) ?? '-'
  const isSubscribing = word === 'subscribe' || word === 'watch'
  return {
    word,
    id: isSubscribing || word === 'unsubscribe' ? id : '',
    subscription: isSubscribing ? parseSubscription(trimmed(line)) : undefined,
    line,
  }
}

/** The line as it may be shown and kept: what proves who somebody is, is left out. */
export function withoutSecrets(line: string): string {
  if (parseCommand(line)?.word !== 'auth') return line
  const [word = '', ...rest] = trimmed(line).split(words)
  if (rest.length === 0) return line
  // A secret in the place of the scheme is a secret, too.
  const scheme = schemes.find((known) => known === rest[0])
  return [word, ...(scheme === undefined ? [] : [scheme]), '…'].join(' ')
}

/** The pattern is everything behind the kind, blanks inside included. */
function parseSubscription(line: string): SubscriptionSpec | undefined {
  const [, id = '', typedKind = ''] = line.split(words)
  const kind = expandWord(tmbKinds, typedKind)
  let pattern = line
  for (let skipped = 0; skipped < 3; skipped++) {
    const space = words.exec(pattern)
    if (space === null) return undefined
    pattern = pattern.slice(space.index + space[0].length)
  }
  return kind === undefined ? undefined : { id, kind, pattern }
}
