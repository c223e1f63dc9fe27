/**
 * What the demo program knows and what keys and messages do to it (spec/tmb 12). Keys send messages and
 * change no figure; figures change only when a message comes back.
 */

import type { TmbKind, TmbMessage } from '../../../client/tmb/index.ts'
import type { ScreenKey } from '../../screen.ts'
import { showBytes } from '../shown-bytes.ts'
import { isColour } from './demo-colours.ts'

export const figureNames = ['upper', 'lower'] as const
export type FigureName = (typeof figureNames)[number]

export const shapes = ['circle', 'square', 'triangle'] as const
export type Shape = (typeof shapes)[number]

export const colourKeys = ['red', 'green', 'blue'] as const

/** What of a figure is known; a colour may be known without its shape. */
export interface Figure {
  readonly shape: Shape | undefined
  readonly colour: string | undefined
}

export interface DemoRow {
  readonly id: string
  readonly kind: TmbKind
  readonly pattern: string
  /** By the server's replies, not by the keys. */
  readonly lamp: 'off' | 'asked' | 'on'
  /** Matching messages since it is on. */
  readonly received: number
}

export interface LogLine {
  readonly direction: '>' | '<' | '!'
  /** Printable. */
  readonly text: string
}

export interface DemoState {
  readonly connection: string
  /** Which figure the keys for shapes and colours are about. */
  readonly selected: FigureName
  readonly figures: Readonly<Record<FigureName, Figure>>
  readonly rows: readonly DemoRow[]
  /** `watch` instead of `subscribe` for the next one. */
  readonly watches: boolean
  /** Newest last, `maxLog` at most. */
  readonly log: readonly LogLine[]
}

/** What a key asks for. */
export type DemoAction =
  | { readonly do: 'quit' | 'sendAll' | 'getLast' | 'none' }
  | { readonly do: 'send'; readonly category: string; readonly text: string }
  | { readonly do: 'toggle'; readonly row: number }

const maxLog = 100

const unknownFigure: Figure = { shape: undefined, colour: undefined }

export const firstState: DemoState = {
  connection: '',
  selected: 'upper',
  figures: { upper: unknownFigure, lower: unknownFigure },
  rows: [
    ['1', 'regexp', '.'],
    ['2', 'begins-with', '/upper'],
    ['3', 'ends-with', 'shape'],
    ['4', 'contains', 'colour'],
    ['5', 'is', '/upper/shape'],
  ].map(([id = '', kind = '', pattern = '']) => {
    return { id, kind: kind as TmbKind, pattern, lamp: 'off', received: 0 }
  }),
  watches: false,
  log: [],
}

/** All that the figures are made of, and nothing else. */
export const demoPattern = '^/(upper|lower)/(shape|colour)$'

/** The state after a key, and what is to be done. */
export function onKey(state: DemoState, key: ScreenKey): readonly [DemoState, DemoAction] {
  const other = state.selected === 'upper' ? 'lower' : 'upper'
  const name = key.name ?? ''
  if (key.ctrl === true) return [state, { do: name === 'c' ? 'quit' : 'none' }]
  const shape = shapes.find((each) => each.startsWith(name) && name !== '')
  const colour = colourKeys.find((each) => each.startsWith(name) && name !== '')
  if (name.length === 1 && shape !== undefined) {
    return [state, { do: 'send', category: `/${state.selected}/shape`, text: shape }]
  }
  if (name.length === 1 && colour !== undefined) {
    return [state, { do: 'send', category: `/${state.selected}/colour`, text: colour }]
  }
  const row = /^[1-9]$/.test(name) ? Number(name) - 1 : -1
  if (row >= 0 && row < state.rows.length) return [state, { do: 'toggle', row }]
  switch (name) {
    case 'q':
      return [state, { do: 'quit' }]
    case 'a':
      return [state, { do: 'sendAll' }]
    case 'l':
      return [state, { do: 'getLast' }]
    case 'w':
      return [{ ...state, watches: !state.watches }, { do: 'none' }]
    case 'up':
      return [{ ...state, selected: 'upper' }, { do: 'none' }]
    case 'down':
      return [{ ...state, selected: 'lower' }, { do: 'none' }]
    case 'tab':
      return [{ ...state, selected: other }, { do: 'none' }]
    default:
      return [state, { do: 'none' }]
  }
}

/** What describes both figures, for instances started later; what is unknown is left out. */
export function allMessages(
  state: DemoState,
): readonly (readonly [category: string, text: string])[] {
  return figureNames.flatMap((name) => {
    const { shape, colour } = state.figures[name]
    const messages: (readonly [string, string])[] = []
    if (shape !== undefined) messages.push([`/${name}/shape`, shape])
    if (colour !== undefined) messages.push([`/${name}/colour`, colour])
    return messages
  })
}

/** @param isAnswer an answer to `last` is no delivery: the rows do not count it */
export function onMessage(state: DemoState, message: TmbMessage, isAnswer = false): DemoState {
  const category = message.categoryText
  const rows = state.rows.map((row) =>
    !isAnswer && row.lamp === 'on' && matches(row, category)
      ? { ...row, received: row.received + 1 }
      : row,
  )
  const next = withLog({ ...state, rows }, '<', showBytes(message.raw))
  const [, figure, part] = /^\/(upper|lower)\/(shape|colour)$/.exec(category) ?? []
  const name = figureNames.find((each) => each === figure)
  if (name === undefined) return next
  const changed = changedFigure(next.figures[name], part, message.text().trim().toLowerCase())
  if (changed === undefined) return withLog(next, '!', 'not understood')
  return { ...next, figures: { ...next.figures, [name]: changed } }
}

/** By the replies of the server. */
export function withLamp(state: DemoState, id: string, lamp: DemoRow['lamp']): DemoState {
  const rows = state.rows.map((row) =>
    row.id === id ? { ...row, lamp, received: lamp === 'on' ? 0 : row.received } : row,
  )
  return { ...state, rows }
}

/** @param text printable */
export function withLog(
  state: DemoState,
  direction: LogLine['direction'],
  text: string,
): DemoState {
  return { ...state, log: [...state.log.slice(1 - maxLog), { direction, text }] }
}

function changedFigure(
  figure: Figure,
  part: string | undefined,
  value: string,
): Figure | undefined {
  if (part === 'shape') {
    const shape = shapes.find((each) => each === value)
    return shape && { ...figure, shape }
  }
  return isColour(value) ? { ...figure, colour: value } : undefined
}

function matches({ kind, pattern }: DemoRow, category: string): boolean {
  switch (kind) {
    case 'begins-with':
      return category.startsWith(pattern)
    case 'ends-with':
      return category.endsWith(pattern)
    case 'contains':
      return category.includes(pattern)
    case 'is':
      return category === pattern
    case 'regexp':
      // The only one of the rows is `.`, and a category has at least one byte.
      return true
  }
}
