/** The demo as lines of a terminal. Every colour stands beside a word or a sign that says the same. */

import type { Colours } from '../../colours.ts'
import { formatCount } from '../../duration.ts'
import type { ScreenSize } from '../../screen.ts'
import { fitText } from '../../text-width.ts'
import { colourCode } from './demo-colours.ts'
import { figureNames } from './demo-state.ts'
import type { DemoRow, DemoState, FigureName, LogLine } from './demo-state.ts'
import { centred, figureLines } from './figure-lines.ts'

const gap = 2
const leastFigureRows = 3
const mostFigureRows = 11
const leastLogRows = 2

const keys = [
  'Tab, up, down figure',
  'c circle',
  's square',
  't triangle',
  'r red',
  'g green',
  'b blue',
  '1 to 5 subscribe, unsubscribe',
  'w watch instead',
  'a send all',
  'l get last values',
  'q quit',
]

const lamps = { off: '[ ]', asked: '[?]', on: '[x]' } as const

/** As many lines as the terminal has rows at most, none wider than it is. */
export function demoLines(state: DemoState, size: ScreenSize, colours: Colours): string[] {
  const { columns, rows } = size
  const below = [
    ...wrapped(keys, columns).map((line) => colours.faint(line)),
    '',
    colours.strong(fitText(subscriptionsTitle(state), columns)),
    ...state.rows.map((row) => rowLine(row, columns, colours)),
    '',
    colours.strong(fitText('Lines: > sent, < received, ! remark', columns)),
  ]
  // Beside the figures there are their names, what is known of them, the title and two empty lines.
  const free = rows - below.length - leastLogRows - 5
  const figureRows = free < leastFigureRows ? 0 : Math.min(mostFigureRows, free)
  const lines = [
    titleLine(state, columns, colours),
    '',
    ...figurePanel(state, columns, figureRows, colours),
    '',
    ...below,
  ]
  const logRows = Math.max(0, rows - lines.length)
  const log = logRows === 0 ? [] : state.log.slice(-logRows)
  return [...lines, ...log.map((line) => logLine(line, columns, colours))].slice(0, rows)
}

/** The phrases in as few lines as they fit in, in order. */
function wrapped(phrases: readonly string[], columns: number): readonly string[] {
  const lines: string[] = []
  for (const phrase of phrases) {
    const last = lines.at(-1)
    const longer = `${last}   ${phrase}`
    if (last === undefined || longer.length > columns)
      lines.push(fitText(phrase, columns).trimEnd())
    else lines[lines.length - 1] = longer
  }
  return lines
}

function titleLine(state: DemoState, columns: number, colours: Colours): string {
  const title = 'TMB demo'.slice(0, columns)
  const rest = fitText(`  ${state.connection}`, columns - title.length)
  return `${colours.strong(title)}${colours.faint(rest)}`
}

/** Both figures side by side, each under its name and over what is known of it. */
function figurePanel(
  state: DemoState,
  columns: number,
  rows: number,
  colours: Colours,
): readonly string[] {
  const width = Math.max(0, (columns - gap) >> 1)
  const beside = (line: (name: FigureName) => string) => figureNames.map(line).join(' '.repeat(gap))
  const drawn = new Map(
    figureNames.map((name) => [name, figureLines(state.figures[name], width, rows)]),
  )
  return [
    beside((name) => nameText(name, state, width, colours)),
    ...Array.from({ length: rows }, (_, row) =>
      beside((name) => painted(drawn.get(name)?.[row] ?? '', state.figures[name].colour, colours)),
    ),
    beside((name) => {
      const { shape = 'shape unknown', colour = 'colour unknown' } = state.figures[name]
      return centred(`${shape}, ${colour}`, width)
    }),
  ]
}

function nameText(name: FigureName, state: DemoState, width: number, colours: Colours): string {
  const isSelected = name === state.selected
  const text = centred(isSelected ? `> ${name} <` : name, width)
  return isSelected ? colours.strong(text) : text
}

function painted(text: string, colour: string | undefined, colours: Colours): string {
  const code = colour === undefined ? undefined : colourCode(colour)
  return code === undefined ? text : colours.paint(code, text)
}

function subscriptionsTitle({ watches }: DemoState): string {
  return `Subscriptions: [x] on, [ ] off, [?] asked for; the next one is a ${watches ? 'watch' : 'subscribe'}`
}

function rowLine(
  { id, kind, pattern, lamp, received }: DemoRow,
  columns: number,
  colours: Colours,
) {
  const text = `${lamps[lamp]} ${id}  subscribe ${id} ${kind} ${pattern}`.padEnd(42)
  const shown = fitText(`${text}${formatCount(received)} received`, columns)
  return lamp === 'on' ? colours.good(shown) : shown
}

function logLine({ direction, text }: LogLine, columns: number, colours: Colours): string {
  const shown = fitText(`${direction} ${text}`, columns)
  return direction === '!' ? colours.warning(shown) : shown
}
