/**
 * Regular expressions of TMB clients (spec/tmb 4.1): the dialect of RE2, in time linear in the category. Each distinct
 * expression is compiled once and shared by all who use it, with what it answered for the categories it met: they
 * repeat, and the router asks again after every change of subscriptions.
 */

import { Buffer, isUtf8 } from 'node:buffer'
import { RE2JS } from 're2js'

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
/** Categories whose outcome one expression remembers; and all of them together. */
const outcomesMost = 4_096

/** An expression in use. Give it back with `release`, once. */
export class SharedRegexp {
  /** In UTF-8, each character a byte: as clients wrote it. */
  readonly pattern: string
  users = 0
  readonly #program: RE2JS
  readonly #outcomes = new Map<string, boolean>()

  constructor(pattern: string, program: RE2JS) {
    this.pattern = pattern
    this.#program = program
  }

  /** @param category each character a byte */
  test(category: string): boolean {
    const known = this.#outcomes.get(category)
    if (known !== undefined) return known
    const outcome = this.#program.test(readable(category))
    if (this.#outcomes.size >= outcomesMost) this.#outcomes.clear()
    this.#outcomes.set(category, outcome)
    return outcome
  }
}

export class Regexps {
  readonly #known = new Map<string, SharedRegexp>()

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
      this.#known.set(pattern, regexp)
    }
    regexp.users += 1
    return regexp
  }

  release(regexp: SharedRegexp): void {
    regexp.users -= 1
    if (regexp.users === 0) this.#known.delete(regexp.pattern)
  }
}

function compile(pattern: string): RE2JS {
  const bytes = Buffer.from(pattern, 'latin1')
  if (!isUtf8(bytes)) throw new RegexpError('bad-pattern', 'an expression must be UTF-8')
  let program: RE2JS
  try {
    program = RE2JS.compile(bytes.toString())
  } catch (error) {
    // Whatever it is that the engine does not like, it is about the expression.
    throw new RegexpError('bad-pattern', error instanceof Error ? error.message : 'not understood')
  }
  const size = program.programSize()
  if (size <= programSizeMost) return program
  const text = `the expression compiles to ${size} steps, the limit is ${programSizeMost}`
  throw new RegexpError('pattern-too-complex', text)
}

/** Text where that is the same; else bytes, of which the engine reads each that is not UTF-8 as one U+FFFD. */
function readable(category: string): string | Uint8Array {
  // oxlint-disable-next-line no-control-regex -- all of ASCII
  return /^[\0-\x7f]*$/.test(category) ? category : Buffer.from(category, 'latin1')
}
