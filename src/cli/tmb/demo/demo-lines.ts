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
/** Title, labels, headings, keys and what divides them. */
const otherRows = 16
const leastFigureRows = 3
const mostFigureRows = 11
const leastLogRows = 2

const keyLines = [
  'Tab, up, down: figure   c circle  s square  t triangle   r red  g green  b blue',
  '1 to 5: subscribe, unsubscribe   w watch instead   a send all   l get last   q quit',
]

const lamps = { off: '[ ]', asked: '[?]', on: '[x]' } as const

/** As many lines as the terminal has rows, none wider than it is. */
export function demoLines(state: DemoState, size: ScreenSize, colours: Colours): string[] {
  const { columns, rows } = size
  const free = rows - otherRows - leastLogRows
  const figureRows = Math.min(mostFigureRows, free)
  const lines = [
    titleLine(state, columns, colours),
    '',
    ...figurePanel(state, columns, figureRows >= leastFigureRows ? figureRows : 0, colours),
    '',
    colours.strong(fitText(subscriptionsTitle(state), columns)),
    ...state.rows.map((row) => rowLine(row, columns, colours)),
    '',
    ...keyLines.map((line) => colours.faint(fitText(line, columns))),
    '',
    colours.strong(fitText('Lines: > sent, < received, ! remark', columns)),
  ]
  const logRows = Math.max(0, rows - lines.length)
  const log = logRows === 0 ? [] : state.log.slice(-logRows)
  return [...lines, ...log.map((line) => logLine(line, columns, colours))].slice(0, rows)
}

function titleLine(state: DemoState, columns: number, colours: Colours): string {
  const title = 'TMB demo'
  const rest = fitText(`  ${state.connection}`, Math.max(0, columns - title.length))
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
