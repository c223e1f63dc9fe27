/**
 * Regular expressions of TMB clients (spec/tmb 4.1): the dialect of RE2. Each distinct expression is compiled once and
 * shared by all who use it. What one may cost is bounded before it is used (automaton.ts).
 */

import { Buffer, isUtf8 } from 'node:buffer'
import { RE2JS } from 're2js'
import { Automaton, TooComplexError } from './automaton.ts'

/** Why an expression is not taken. */
export class RegexpError extends Error {
  readonly code: 'bad-pattern' | 'pattern-too-complex'

  constructor(code: RegexpError['code'], message: string) {
    super(message)
    this.name = 'RegexpError'
    this.code = code
  }
}

/** Size of the compiled program, in instructions. */
const programSizeMost = 500
/** What the tables of all expressions in use may take together, bytes. */
const tableBytesMost = 134_217_728
/** Expressions without a table that may be in use, since each of them costs up to a millisecond for a new category. */
const followedMost = 32
/** Categories whose outcome such an expression remembers. */
const outcomesMost = 1_024
/** Steps of such an expression for one question about all categories: some 10 ms. */
const stepsMost = 2_000_000

/** An expression in use. Give it back with `release`, once. */
export class SharedRegexp {
  /** In UTF-8, each character a byte: as clients wrote it. */
  readonly pattern: string
  readonly automaton: Automaton
  users = 0
  /** Undefined: a look-up would cost as much as the answer. */
  readonly #outcomes: Map<string, boolean> | undefined

  constructor(pattern: string, automaton: Automaton) {
    this.pattern = pattern
    this.automaton = automaton
    this.#outcomes = this.hasTable ? undefined : new Map()
  }

  get hasTable(): boolean {
    return this.automaton.tableBytes > 0
  }

  /** @param category each character a byte */
  test(category: string): boolean {
    const outcomes = this.#outcomes
    if (outcomes === undefined) return this.automaton.test(category)
    const known = outcomes.get(category)
    if (known !== undefined) return known
    const outcome = this.automaton.test(category)
    if (outcomes.size >= outcomesMost) outcomes.clear()
    outcomes.set(category, outcome)
    return outcome
  }

  /**
   * For asking about many categories at once: as `test`, until that has cost too much.
   * @throws RegexpError by the returned function
   */
  boundedTest(): (category: string) => boolean {
    const { automaton } = this
    const stepsEnd = automaton.steps + stepsMost
    return (category) => {
      if (automaton.steps < stepsEnd) return this.test(category)
      const text = 'there are too many categories for this expression'
      throw new RegexpError('pattern-too-complex', text)
    }
  }
}

export class Regexps {
  readonly #known = new Map<string, SharedRegexp>()
  #tableBytes = 0
  #followed = 0

  /** Distinct expressions in use. */
  get size(): number {
    return this.#known.size
  }

  /**
   * @param pattern each character a byte
   * @throws RegexpError
   */
  take(pattern: string): SharedRegexp {
    let regexp = this.#known.get(pattern)
    if (regexp === undefined) {
      regexp = new SharedRegexp(pattern, compile(pattern))
      const { tableBytes } = regexp.automaton
      const followed = this.#followed + (regexp.hasTable ? 0 : 1)
      if (this.#tableBytes + tableBytes > tableBytesMost || followed > followedMost) {
        throw new RegexpError('pattern-too-complex', 'too many expressions like it are in use')
      }
      this.#followed = followed
      this.#tableBytes += tableBytes
      this.#known.set(pattern, regexp)
    }
    regexp.users += 1
    return regexp
  }

  release(regexp: SharedRegexp): void {
    regexp.users -= 1
    if (regexp.users > 0) return
    this.#known.delete(regexp.pattern)
    this.#tableBytes -= regexp.automaton.tableBytes
    if (!regexp.hasTable) this.#followed -= 1
  }
}

function compile(pattern: string): Automaton {
  const bytes = Buffer.from(pattern, 'latin1')
  if (!isUtf8(bytes)) throw new RegexpError('bad-pattern', 'an expression must be UTF-8')
  const text = bytes.toString()
  // Compiling takes time, too: what is far too large is not even begun.
  if (leastSize(text) > 4 * programSizeMost) throw tooLarge('far more')
  let expression: RE2JS
  try {
    expression = RE2JS.compile(text)
  } catch (error) {
    // Whatever it is that the engine does not like, it is about the expression.
    throw new RegexpError('bad-pattern', error instanceof Error ? error.message : 'not understood')
  }
  const size = expression.programSize()
  if (size > programSizeMost) throw tooLarge(String(size))
  try {
    return new Automaton(expression)
  } catch (error) {
    if (!(error instanceof TooComplexError)) throw error
    throw new RegexpError('pattern-too-complex', error.message)
  }
}

function tooLarge(size: string): RegexpError {
  const text = `it compiles to ${size} steps, the limit is ${programSizeMost}`
  return new RegexpError('pattern-too-complex', text)
}

const token =
  /\\Q[^]*?(?:\\E|$)|\\[pPx]\{[^}]*\}|\\[^]?|\[\^?\]?(?:\\[^]|\[:[^\]]*:\]|[^\]\\])*\]?|\{(\d{1,9})(?:,(\d{0,9}))?\}|[^]/gu

/** About how large the program will be: characters, times the repetitions around them. */
function leastSize(pattern: string): number {
  const outer: number[] = []
  /** Of the group so far; and its last part, which a repetition is about. */
  let size = 0
  let last = 0
  for (const [text, least, most] of pattern.matchAll(token)) {
    if (least !== undefined) {
      const times = Math.max(Number(least), Number(most ?? 0))
      size += last * Math.max(0, times - 1)
      last *= times
    } else if (text === '(') {
      outer.push(size)
      size = 0
      last = 0
    } else if (text === ')') {
      last = size
      size += outer.pop() ?? 0
    } else {
      last = text.startsWith('\\Q') ? text.length : 1
      size += last
    }
  }
  return outer.reduce((sum, part) => sum + part, size)
}
