/** Match kinds and patterns as people type them: kinds may be abbreviated, as on the wire. */

import type { TmbKind } from '../../client/tmb/index.ts'
import { expandWord, tmbKinds } from '../../wire/tmb/words.ts'
import { UsageError } from '../exit-codes.ts'

export interface KindPattern {
  readonly kind: TmbKind
  readonly pattern: string
}

export const everything: KindPattern = { kind: 'regexp', pattern: '.' }

/** @throws UsageError */
export function parseKind(typed: string): TmbKind {
  const kind = expandWord(tmbKinds, typed)
  if (kind !== undefined) return kind
  throw new UsageError(`${JSON.stringify(typed)} is no match kind: use ${tmbKinds.join(', ')}`)
}

/** `kind pattern kind pattern …`; none: everything. @throws UsageError */
export function parseKindPatterns(words: readonly string[]): readonly KindPattern[] {
  if (words.length === 0) return [everything]
  const pairs: KindPattern[] = []
  for (let i = 0; i < words.length; i += 2) {
    const kind = parseKind(words[i] ?? '')
    const pattern = words[i + 1]
    if (pattern === undefined || pattern === '') {
      throw new UsageError(`the pattern behind ${kind} is missing, such as: ${kind} /upper`)
    }
    pairs.push({ kind, pattern })
  }
  return pairs
}
