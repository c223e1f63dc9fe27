/**
 * Regular expressions as automata whose worst case is known before they are used. RE2's own engines are linear, but with
 * a factor that somebody can choose: expressions within the limit on their size took 80 ms, and more, for one category
 * of 1,024 bytes (`a.{200}b.{200}$`). One slow answer is one slow answer for all clients of the daemon, so:
 *
 *   - the whole deterministic automaton is made when somebody subscribes, if it is small. Then a category costs one
 *     look-up per character, whatever the expression looks like;
 *   - where it is large (`a.{20}b` has a million states) but the program has few edges, the program is followed
 *     as it is, which costs those edges per character at most;
 *   - everything else is refused, as too complex.
 *
 * The engine, re2js, is the parser and compiler: its programs are read here, and a test compares outcomes with its own.
 * What is built is for categories alone: no line feed is ever in one, so lines begin and end where the text does.
 */

import assert from 'node:assert/strict'
import type { RE2JS } from 're2js'

/** Most entries of a table (states times classes of characters), and work to make one. */
const tableEntriesMost = 32_768
const buildStepsMost = 300_000
/** What one entry costs beside the places that it is found from, in steps. */
const entrySteps = 32
/** Most edges of a program that is followed as it is. */
const edgesMost = 96

/** Operations of compiled programs, as the engine numbers them. */
const ops = {
  alt: 1,
  altMatch: 2,
  capture: 3,
  emptyWidth: 4,
  fail: 5,
  match: 6,
  nop: 7,
  rune: 8,
  rune1: 9,
  runeAny: 10,
  runeAnyNotNewLine: 11,
} as const

/** What an empty-width operation can ask for, as bits. */
const begins = 1 | 4
const ends = 2 | 8
const wordBoundary = 16
const noWordBoundary = 32

interface Instruction {
  readonly op: number
  readonly out: number
  readonly arg: number
  readonly runes: Int32Array
  matchRune(rune: number): boolean
}

interface Program {
  readonly inst: readonly Instruction[]
  readonly start: number
}

/** States that stand for themselves. */
const rejected = 0
const accepted = 1
const firstState = 2

/** The expression needs more than an answer may cost. */
export class TooComplexError extends Error {}

export class Automaton {
  /** The program by place: what is done there, and where it goes on. */
  readonly #ops: Uint8Array
  readonly #outs: Int32Array
  readonly #args: Int32Array
  readonly #start: number
  readonly #classes: RuneClasses
  readonly #looksAtWords: boolean
  /** `table[state * width + class]` is the next state; the last class is the end of the text. Empty: there is none. */
  #table = new Uint16Array(0)
  readonly #width: number
  /** For following the program: what is reached now, and next. */
  readonly #now: Positions
  readonly #next: Positions
  #steps = 0

  /** @throws TooComplexError */
  constructor(expression: RE2JS) {
    const { prog, dfa } = expression.re2Input
    const program: Program = prog
    const knownOps = new Set<number>(Object.values(ops))
    for (const { op } of program.inst) assert.ok(knownOps.has(op), `no operation ${op} is known`)
    const { inst } = program
    this.#ops = Uint8Array.from(inst, ({ op }) => op)
    this.#outs = Int32Array.from(inst, ({ out }) => out)
    this.#args = Int32Array.from(inst, ({ arg }) => arg)
    this.#start = program.start
    this.#classes = new RuneClasses(program, dfa.classBounds)
    this.#width = this.#classes.count + 1
    this.#looksAtWords = inst.some(({ op, arg }) => {
      return op === ops.emptyWidth && (arg & (wordBoundary | noWordBoundary)) !== 0
    })
    this.#now = new Positions(inst.length)
    this.#next = new Positions(inst.length)
    if (!this.#build() && this.#edges() > edgesMost) {
      throw new TooComplexError('matching it could take too long')
    }
  }

  /** Memory of its table, bytes; 0: the program is followed as it is. */
  get tableBytes(): number {
    return this.#table.byteLength
  }

  /** Work done so far where there is no table, in steps of some nanoseconds. */
  get steps(): number {
    return this.#steps
  }

  /** @param category in UTF-8, each character a byte; what is not UTF-8 counts as U+FFFD, byte by byte */
  test(category: string): boolean {
    return this.#table.length > 0 ? this.#look(category) : this.#follow(category)
  }

  #look(category: string): boolean {
    const table = this.#table
    const width = this.#width
    const { ascii } = this.#classes
    let state = firstState
    for (let at = 0; at < category.length; at++) {
      const byte = category.charCodeAt(at)
      let runeClass: number
      if (byte < 0x80) runeClass = ascii[byte] as number
      else {
        const length = sequenceLength(category, at)
        runeClass = this.#classes.of(runeAt(category, at, length))
        if (length > 1) at += length - 1
      }
      state = table[state * width + runeClass] as number
      if (state <= accepted) return state === accepted
    }
    return table[state * width + width - 1] === accepted
  }

  #follow(category: string): boolean {
    let now = this.#now
    let next = this.#next
    this.#begin(now)
    let isAfterWord = false
    for (let at = 0; at < category.length; at++) {
      const length = sequenceLength(category, at)
      const runeClass = this.#classes.of(runeAt(category, at, length))
      if (this.#step(now, runeClass, at === 0, isAfterWord, next)) return true
      isAfterWord = this.#classes.isWord(runeClass)
      if (length > 1) at += length - 1
      const spare = now
      now = next
      next = spare
    }
    return this.#step(now, this.#classes.count, category.length === 0, isAfterWord, next)
  }

  /** Makes the table; false when it would be too large. */
  #build(): boolean {
    const width = this.#width
    const known = new Map<string, number>()
    const sets: { readonly positions: Int32Array; readonly flags: number }[] = []
    const rows: number[] = []
    const stateOf = (positions: Positions, flags: number): number => {
      if (positions.count === 0) return rejected
      const own = positions.sorted()
      const key = String.fromCharCode(flags, ...own)
      let state = known.get(key)
      if (state === undefined) {
        state = sets.length + firstState
        known.set(key, state)
        sets.push({ positions: own, flags })
      }
      return state
    }
    const now = this.#now
    this.#begin(now)
    stateOf(now, isFirst)
    for (let i = 0; i < sets.length; i++) {
      if ((sets.length + firstState) * width > tableEntriesMost) return false
      const set = sets[i]
      assert.ok(set !== undefined)
      for (let runeClass = 0; runeClass < width; runeClass++) {
        if (this.#steps > buildStepsMost) return false
        this.#steps += entrySteps
        now.set(set.positions)
        const isAfterWord = (set.flags & afterWord) !== 0
        const next = this.#next
        const isMatch = this.#step(now, runeClass, (set.flags & isFirst) !== 0, isAfterWord, next)
        if (isMatch) rows.push(accepted)
        else if (runeClass === width - 1) rows.push(rejected)
        else {
          const isWord = this.#looksAtWords && this.#classes.isWord(runeClass)
          rows.push(stateOf(next, isWord ? afterWord : 0))
        }
      }
    }
    this.#table = new Uint16Array(firstState * width + rows.length)
    this.#table.set(rows, firstState * width)
    return true
  }

  /** The positions before the first character. */
  #begin(positions: Positions): void {
    positions.clear()
    positions.add(this.#start)
  }

  /**
   * One character, or the end of the text, by all positions at once. True: the expression has matched. `now` may be
   * added to.
   */
  #step(
    now: Positions,
    runeClass: number,
    isAtStart: boolean,
    isAfterWord: boolean,
    next: Positions,
  ): boolean {
    const classes = this.#classes
    const allOps = this.#ops
    const outs = this.#outs
    const args = this.#args
    const isAtEnd = runeClass === classes.count
    const isBoundary = isAfterWord !== (!isAtEnd && classes.isWord(runeClass))
    const holds =
      (isAtStart ? begins : 0) | (isAtEnd ? ends : 0) | (isBoundary ? wordBoundary : noWordBoundary)
    next.clear()
    // Grows while it is gone through.
    for (let i = 0; i < now.count; i++) {
      const pc = now.list[i] as number
      const op = allOps[pc] as number
      if (op >= ops.rune) {
        if (!isAtEnd && classes.matches(pc, runeClass)) next.add(outs[pc] as number)
      } else if (op === ops.match) return true
      else if (op === ops.emptyWidth) {
        if (((args[pc] as number) & ~holds) === 0) now.add(outs[pc] as number)
      } else if (op !== ops.fail) {
        now.add(outs[pc] as number)
        if (op <= ops.altMatch) now.add(args[pc] as number)
      }
    }
    this.#steps += now.count + next.count
    if (isAtEnd) return false
    // Not anchored: it may begin at every character.
    next.add(this.#start)
    return this.#settle(next)
  }

  /**
   * Goes through what does not depend on what follows, so that the same positions look the same however they were
   * reached. True: the expression has matched.
   */
  #settle(positions: Positions): boolean {
    const allOps = this.#ops
    const outs = this.#outs
    const args = this.#args
    for (let i = 0; i < positions.count; i++) {
      const pc = positions.list[i] as number
      const op = allOps[pc] as number
      if (op === ops.match) return true
      if (op >= ops.rune || op === ops.emptyWidth || op === ops.fail) continue
      positions.add(outs[pc] as number)
      if (op <= ops.altMatch) positions.add(args[pc] as number)
    }
    const { count, list } = positions
    this.#steps += count
    // What is behind us: nothing begins here, and ways that were gone are no places to be.
    positions.clear()
    for (let i = 0; i < count; i++) {
      const pc = list[i] as number
      const op = allOps[pc] as number
      const isPlace =
        op >= ops.rune || (op === ops.emptyWidth && ((args[pc] as number) & begins) === 0)
      if (isPlace) positions.add(pc)
    }
    return false
  }

  /** What one character can cost: the ways from all characters of the program to those that can follow. */
  #edges(): number {
    const reached = this.#now
    let edges = 0
    this.#ops.forEach((op, pc) => {
      if (op < ops.rune && pc !== this.#start) return
      reached.clear()
      reached.add(op < ops.rune ? pc : (this.#outs[pc] as number))
      for (let i = 0; i < reached.count; i++) {
        const place = reached.list[i] as number
        const one = this.#ops[place] as number
        if (one >= ops.rune || one === ops.match || one === ops.fail) continue
        reached.add(this.#outs[place] as number)
        if (one <= ops.altMatch) reached.add(this.#args[place] as number)
      }
      edges += reached.count
    })
    return edges
  }
}

/** Flags of a state. */
const isFirst = 1
const afterWord = 2

/** A set of places in a program, in the order in which they were added. */
class Positions {
  readonly list: Int32Array
  /** Where a place stands in the list, if it does. */
  readonly #index: Int32Array
  count = 0

  constructor(size: number) {
    this.list = new Int32Array(size)
    this.#index = new Int32Array(size)
  }

  add(pc: number): void {
    const index = this.#index[pc] as number
    if (index < this.count && this.list[index] === pc) return
    this.list[this.count] = pc
    this.#index[pc] = this.count
    this.count += 1
  }

  clear(): void {
    this.count = 0
  }

  set(positions: Int32Array): void {
    this.clear()
    for (const pc of positions) this.add(pc)
  }

  /** As a list of its own, in the order of the program. */
  sorted(): Int32Array {
    return this.list.slice(0, this.count).sort()
  }
}

/** Characters that no place of a program tells apart are one class. */
class RuneClasses {
  /** Class by character, of ASCII. */
  readonly ascii = new Uint16Array(128)
  /** Where intervals of characters begin; the first begins at 0. */
  readonly #bounds: Int32Array
  readonly #ofInterval: Uint16Array
  readonly #isWord: boolean[] = []
  /** For each place where its set of characters begins; there, by class, whether it is in. */
  readonly #setOf: Int32Array
  #members = new Uint8Array(0)

  /** @throws TooComplexError */
  constructor({ inst }: Program, bounds: Int32Array) {
    // Words are told apart, too; and no interval goes over the end of ASCII.
    this.#bounds = Int32Array.from(new Set([...bounds, ...wordBounds, 0x80]).values()).sort()
    const sets = new Map<string, Instruction>()
    const ids = new Map<string, number>()
    this.#setOf = Int32Array.from(inst, (instruction) => {
      const { op, arg, runes } = instruction
      if (op < ops.rune) return -1
      const key = `${op} ${runes.length === 1 ? arg : 0} ${runes.join(',')}`
      if (!sets.has(key)) {
        ids.set(key, sets.size)
        sets.set(key, instruction)
      }
      return ids.get(key) ?? -1
    })
    const intervals = this.#bounds.length + 1
    if (intervals * sets.size > buildStepsMost) {
      throw new TooComplexError('it tells too many kinds of characters apart')
    }
    const rows: boolean[][] = []
    const known = new Map<string, number>()
    this.#ofInterval = Uint16Array.from({ length: intervals }, (_, i) => {
      const rune = i === 0 ? 0 : (this.#bounds[i - 1] as number)
      const word = isWordRune(rune)
      const members = Array.from(sets.values(), (instruction) => includes(instruction, rune))
      const key = `${word}${members.join(',')}`
      let id = known.get(key)
      if (id === undefined) {
        id = known.size
        known.set(key, id)
        this.#isWord.push(word)
        rows.push(members)
      }
      return id
    })
    this.#members = new Uint8Array(sets.size * rows.length)
    rows.forEach((members, id) => {
      members.forEach((isMember, set) => (this.#members[set * rows.length + id] = Number(isMember)))
    })
    // By place from here on, so that one look-up is enough.
    for (let pc = 0; pc < inst.length; pc++) this.#setOf[pc] = (this.#setOf[pc] ?? 0) * rows.length
    for (let byte = 0; byte < 128; byte++) this.ascii[byte] = this.of(byte)
  }

  get count(): number {
    return this.#isWord.length
  }

  of(rune: number): number {
    const bounds = this.#bounds
    let low = 0
    let high = bounds.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((bounds[middle] as number) <= rune) low = middle + 1
      else high = middle
    }
    return this.#ofInterval[low] as number
  }

  isWord(runeClass: number): boolean {
    return this.#isWord[runeClass] === true
  }

  /** Whether the characters of a class may stand at a place. */
  matches(pc: number, runeClass: number): boolean {
    return this.#members[(this.#setOf[pc] as number) + runeClass] === 1
  }
}

function includes(instruction: Instruction, rune: number): boolean {
  if (instruction.op === ops.runeAny) return true
  if (instruction.op === ops.runeAnyNotNewLine) return rune !== 0x0a
  return instruction.matchRune(rune)
}

/** `\w` of RE2 is ASCII. */
const wordBounds = [0x30, 0x3a, 0x41, 0x5b, 0x5f, 0x60, 0x61, 0x7b]

function isWordRune(rune: number): boolean {
  return (
    (rune >= 0x61 && rune <= 0x7a) ||
    (rune >= 0x41 && rune <= 0x5a) ||
    (rune >= 0x30 && rune <= 0x39) ||
    rune === 0x5f
  )
}

/** Bytes of the well-formed UTF-8 sequence that begins at `at`; 0: there is none. */
function sequenceLength(bytes: string, at: number): number {
  const first = bytes.charCodeAt(at)
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  const second = bytes.charCodeAt(at + 1)
  if (first < 0xe0) return isContinuation(second) ? 2 : 0
  // Neither longer than needed, nor half a surrogate pair, nor beyond U+10FFFF.
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (!(second >= low && second <= high) || !isContinuation(bytes.charCodeAt(at + 2))) return 0
  if (first < 0xf0) return 3
  return isContinuation(bytes.charCodeAt(at + 3)) ? 4 : 0
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xbf
}

function runeAt(bytes: string, at: number, length: number): number {
  const first = bytes.charCodeAt(at)
  if (length === 1) return first
  if (length === 0) return 0xfffd
  let rune = first & (0xff >> (length + 1))
  for (let i = 1; i < length; i++) rune = (rune << 6) | (bytes.charCodeAt(at + i) & 0x3f)
  return rune
}
