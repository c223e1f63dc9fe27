/**
 * What a rule is about: a pattern for topics, names, procedures and queues. Levels are separated by `/`; `+` is one
 * level, a trailing `#` the rest and the parent, `*` any run of characters within a level; `%u` and `%c` stand for the
 * user and the name of the client, whose characters are never wildcards, whatever they are. Unlike the filters of
 * subscribers, `#` and `+` hide nothing: a rule for `#` speaks of everything.
 *
 * Subscribers ask for patterns of their own, so beside "does it match this name" there are two questions about
 * another pattern: can both match one name (`overlaps`, which may say yes too often), and does this one match all
 * that the other does (`covers`, which may say no too often). Both errors are harmless, since whoever subscribes is
 * asked for each topic again.
 */

import type { LiveFilter } from '../core/live.ts'
import type { LevelFilter } from '../model/level-filter.ts'

/** One level: a text, or texts with anything between them. */
type Level = string | readonly string[]

const anyLevel: Level = ['', '']

export class ResourcePattern {
  readonly #levels: readonly Level[]
  /** Ends with `#`. */
  readonly #hasRest: boolean

  private constructor(levels: readonly Level[], hasRest: boolean) {
    this.#levels = levels
    this.#hasRest = hasRest
  }

  /**
   * Puts user and client into a pattern.
   * @returns undefined when it speaks of `%c` and the client has no name: it matches nothing then
   * @throws RangeError when `#` is not the whole last level, or `+` not a whole one
   */
  static parse(text: string, user: string, client: string): ResourcePattern | undefined {
    checkPattern(text)
    if (text.includes('%c') && client === '') return undefined
    const written = text.split('/')
    const hasRest = written.at(-1) === '#'
    if (hasRest) written.pop()
    const levels = written.flatMap((level) => levelsOf(level, user, client))
    return new ResourcePattern(levels, hasRest)
  }

  matches(resource: string): boolean {
    const levels = this.#levels
    const given = resource.split('/')
    if (given.length < levels.length || (given.length > levels.length && !this.#hasRest)) {
      return false
    }
    for (let i = 0; i < levels.length; i++) {
      if (!levelMatches(levels[i] as Level, given[i] as string)) return false
    }
    return true
  }

  overlaps(filter: LiveFilter): boolean {
    const other = reachOf(filter)
    const own = this.#levels
    const shared = Math.min(own.length, other.levels.length)
    for (let i = 0; i < shared; i++) {
      const wanted = other.levels[i]
      if (wanted !== undefined && !levelMatches(own[i] as Level, wanted)) return false
    }
    if (own.length > other.levels.length) return other.hasRest
    return own.length === other.levels.length || this.#hasRest
  }

  covers(filter: LiveFilter): boolean {
    const other = reachOf(filter)
    const own = this.#levels
    if (other.hasRest && !this.#hasRest) return false
    if (own.length > other.levels.length) return false
    if (own.length < other.levels.length && !this.#hasRest) return false
    return own.every((level, i) => {
      const wanted = other.levels[i]
      return wanted === undefined ? isAny(level) : levelMatches(level, wanted)
    })
  }

  /** Something that consists of these texts, with anything but `/` between them, is matched. */
  overlapsTexts(texts: readonly string[]): boolean {
    const others = levelsOfTexts(texts)
    return (
      this.#hasLength(others.length) &&
      this.#levels.every((level, i) => levelsOverlap(level, others[i] as Level))
    )
  }

  /** Everything is matched that consists of these texts with anything but `/` between them. */
  coversTexts(texts: readonly string[]): boolean {
    const others = levelsOfTexts(texts)
    return (
      this.#hasLength(others.length) &&
      this.#levels.every((level, i) => levelCovers(level, others[i] as Level))
    )
  }

  #hasLength(levels: number): boolean {
    return levels === this.#levels.length || (levels > this.#levels.length && this.#hasRest)
  }
}

/** @throws RangeError */
export function checkPattern(text: string): void {
  const levels = text.split('/')
  levels.forEach((level, i) => {
    if (level.includes('#') && (level !== '#' || i !== levels.length - 1)) {
      throw new RangeError(`${JSON.stringify(text)}: # must be the whole last level`)
    }
    if (level.includes('+') && level !== '+') {
      throw new RangeError(`${JSON.stringify(text)}: + must be a whole level`)
    }
    const unknown = /%(?![uc])[a-zA-Z]/.exec(level)?.[0]
    if (unknown !== undefined) {
      throw new RangeError(
        `${JSON.stringify(text)}: ${unknown} stands for nothing; there are %u, %c`,
      )
    }
  })
}

/** What is put in may hold separators: then it is several levels. */
function levelsOf(level: string, user: string, client: string): Level[] {
  if (level === '+') return [anyLevel]
  // Texts between the stars of each level; the variables go in as texts.
  const levels: string[][] = [['']]
  for (const part of level.split(/(\*|%u|%c)/)) {
    if (part === '*') {
      levels.at(-1)?.push('')
      continue
    }
    const text = part === '%u' ? user : part === '%c' ? client : part
    text.split('/').forEach((piece, i) => {
      if (i > 0) levels.push([''])
      const last = levels.at(-1) as string[]
      last[last.length - 1] += piece
    })
  }
  return levels.map((texts) => (texts.length === 1 ? (texts[0] as string) : texts))
}

function isAny(level: Level): boolean {
  return typeof level !== 'string' && level.every((text) => text === '')
}

function levelMatches(level: Level, text: string): boolean {
  if (typeof level === 'string') return level === text
  const first = level[0] as string
  const last = level[level.length - 1] as string
  if (text.length < first.length + last.length) return false
  if (!text.startsWith(first) || !text.endsWith(last)) return false
  let at = first.length
  const end = text.length - last.length
  for (let i = 1; i < level.length - 1; i++) {
    const found = text.indexOf(level[i] as string, at)
    if (found === -1 || found + (level[i] as string).length > end) return false
    at = found + (level[i] as string).length
  }
  return true
}

function levelsOfTexts(texts: readonly string[]): Level[] {
  const levels: string[][] = []
  texts.forEach((text, i) => {
    text.split('/').forEach((piece, k) => {
      if (i > 0 && k === 0) levels.at(-1)?.push(piece)
      else levels.push([piece])
    })
  })
  return levels.map((pieces) => (pieces.length === 1 ? (pieces[0] as string) : pieces))
}

/** What stands between two gaps can be anywhere in either, so beginnings and ends alone decide. */
function levelsOverlap(a: Level, b: Level): boolean {
  if (typeof a === 'string') return levelMatches(b, a)
  if (typeof b === 'string') return levelMatches(a, b)
  const [aFirst = '', bFirst = ''] = [a[0], b[0]]
  const [aLast = '', bLast = ''] = [a.at(-1), b.at(-1)]
  return (
    (aFirst.startsWith(bFirst) || bFirst.startsWith(aFirst)) &&
    (aLast.endsWith(bLast) || bLast.endsWith(aLast))
  )
}

/** In a gap anything can be, also what no rule names: then only a gap matches it. */
function levelCovers(level: Level, other: Level): boolean {
  return levelMatches(level, typeof other === 'string' ? other : other.join('\0'))
}

/** What a filter may match at most, level by level; undefined: anything. */
interface Reach {
  readonly levels: readonly (string | undefined)[]
  readonly hasRest: boolean
}

const everything: Reach = { levels: [], hasRest: true }

function reachOf(filter: LiveFilter): Reach {
  if (filter.kind === 'level') return reachOfLevels(filter)
  if (filter.form !== 'is') return everything
  const topic = filter.view.topicOf(filter.text)
  return topic === undefined ? everything : { levels: topic.split('/'), hasRest: false }
}

function reachOfLevels({ rules, text }: LevelFilter): Reach {
  const levels: (string | undefined)[] = []
  for (const level of text.split('/')) {
    // In `busrt` one more level has to follow, which is one of those that the rest stands for here.
    if (level === '#' && rules !== 'wamp') return { levels, hasRest: true }
    const isWildcard = rules === 'wamp' ? level === '' : level === '+'
    levels.push(isWildcard ? undefined : level)
  }
  return { levels, hasRest: false }
}
