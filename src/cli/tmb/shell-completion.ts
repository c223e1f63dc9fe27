/** What Tab makes of a line of the text bus: words of commands, and the categories and ids seen so far. */

import { endOfCategory } from '../../wire/tmb/category.ts'
import { expandWord, tmbCommands, tmbKinds, tmbOptions } from '../../wire/tmb/words.ts'
import type { TmbCommand, TmbOption } from '../../wire/tmb/words.ts'
import { asText } from '../payload-text.ts'

/** Names seen longest ago are forgotten beyond this. */
const maxSeen = 1_000

const commandWords = Object.keys(tmbCommands) as TmbCommand[]
const optionNames = Object.keys(tmbOptions) as TmbOption[]

/** Which words stand behind a command, as far as they can be completed. */
const grammar: Partial<Record<TmbCommand, readonly ('id' | 'kind' | 'category')[]>> = {
  subscribe: ['id', 'kind', 'category'],
  watch: ['id', 'kind', 'category'],
  unsubscribe: ['id'],
  last: ['kind', 'category'],
  forget: ['kind', 'category'],
  categories: ['kind', 'category'],
}

export class ShellCompletion {
  readonly #categories = new Set<string>()
  readonly #ids = new Set<string>()

  /** Remembers what a line of the server names. */
  learn(line: Uint8Array): void {
    const isMessage = line[0] === 0x3a
    const item = isMessage ? undefined : /^item categories (.+)$/.exec(asText(line) ?? '')
    const category = isMessage
      ? asText(line.subarray(1, endOfCategory(line, 1, line.length)))
      : item?.[1]
    if (category !== undefined && category !== '') remember(this.#categories, category)
  }

  /** Remembers what a line to the server names. */
  learnTyped(line: string): void {
    const [word = '', id] = line.trim().split(/\s+/)
    const command = expandWord(commandWords, word)
    if (id === undefined || id === '*') return
    if (command === 'subscribe' || command === 'watch') remember(this.#ids, id)
  }

  /** @returns what the end of the line may become, and that end */
  complete(line: string): readonly [candidates: string[], replaced: string] {
    const words = line.trimStart().split(/\s+/)
    const typed = words.at(-1) ?? ''
    const candidates = this.#candidates(words).filter((each) => each.startsWith(typed))
    // A single one is finished: the next word may follow.
    const [only] = candidates
    const isWhole = candidates.length === 1 && only !== undefined
    return [isWhole ? [`${only} `] : candidates.toSorted(), typed]
  }

  #candidates(words: readonly string[]): readonly string[] {
    const [first = ''] = words
    if (words.length === 1) {
      if (first.startsWith(':')) return [...this.#categories].map((each) => `:${each}`)
      return commandWords
    }
    const command = expandWord(commandWords, first)
    if (command === undefined) return []
    if (command === 'help') return words.length === 2 ? commandWords : []
    if (command === 'option') return optionCandidates(words)
    switch (grammar[command]?.[words.length - 2]) {
      case 'id':
        return command === 'unsubscribe' ? [...this.#ids, '*'] : [...this.#ids]
      case 'kind':
        return tmbKinds
      case 'category':
        return [...this.#categories]
      case undefined:
        return []
    }
  }
}

function optionCandidates(words: readonly string[]): readonly string[] {
  if (words.length === 2) return optionNames
  const option = optionNames.find((name) => name === words[1])
  return option === undefined || words.length > 3 ? [] : tmbOptions[option]
}

function remember(seen: Set<string>, name: string): void {
  // Behind all others: a set keeps the order in which it was filled.
  seen.delete(name)
  seen.add(name)
  if (seen.size > maxSeen) for (const oldest of [...seen].slice(0, 1)) seen.delete(oldest)
}
