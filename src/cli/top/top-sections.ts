/** The tables of `msgbus top`: their columns, how rows are sorted, what of them fits. */

import type { Colours } from '../colours.ts'
import { formatBytes, formatCount, formatDuration } from '../duration.ts'
import { escapeControls } from '../payload-text.ts'
import { fitText } from '../text-width.ts'
import type { ClientRow, QueueRow, TopState, TopicRow } from './top-meter.ts'
import type { SectionName, SectionView } from './top-view.ts'

interface Column<Row> {
  readonly title: string
  /** Columns of the terminal; the first one takes what the others leave. */
  readonly width: number
  readonly cell: (row: Row) => string
  /** Texts come in the order of their code units, of numbers the largest comes first. */
  readonly sortKey: (row: Row) => number | string
  readonly isText: boolean
  readonly isBad?: (row: Row) => boolean
}

/** One table, ready to be drawn. */
export interface Section {
  readonly rows: number
  readonly columns: number
  /** The heading, and at most `count` rows; each of exactly `width` columns. */
  lines(options: SectionLines): string[]
}

export interface SectionLines {
  readonly view: SectionView
  readonly isActive: boolean
  readonly width: number
  readonly count: number
  readonly colours: Colours
}

/** More of a name is worth more than another column. */
const leastNameWidth = 16
const gap = '  '
const mark = '› '

export function sectionsOf(state: TopState): Readonly<Record<SectionName, Section>> {
  const { atMs, clients, topics, queues } = state
  return {
    clients: section('CLIENTS', clientColumns(atMs), clients),
    topics: section('TOPICS', topicColumns, topics),
    queues: section('QUEUES', queueColumns(atMs), queues),
  }
}

/** @param atMs wall clock: ages count up to it */
function clientColumns(atMs: number): readonly Column<ClientRow>[] {
  return [
    text('', 0, ({ name }) => name || '-'),
    rate('IN/S', ({ inFramesPerSecond }) => inFramesPerSecond),
    rate('OUT/S', ({ outFramesPerSecond }) => outFramesPerSecond),
    // A client without room makes those who feed it wait.
    { ...bytes('QUEUE', ({ queuedBytes }) => queuedBytes), isBad: ({ congested }) => congested },
    text('PROTOCOL', 10, ({ protocol }) => protocol),
    text('SOURCE', 21, ({ source, transport }) => source ?? transport),
    age('AGE', ({ connectedAtMs }) => atMs - connectedAtMs),
    bytes('IN B/S', ({ inBytesPerSecond }) => inBytesPerSecond),
    bytes('OUT B/S', ({ outBytesPerSecond }) => outBytesPerSecond),
    count('INST', 5, ({ instances }) => instances),
  ]
}

const topicColumns: readonly Column<TopicRow>[] = [
  text('', 0, ({ topic }) => topic),
  rate('STORED/S', ({ messagesPerSecond }) => messagesPerSecond),
  count('HEAD', 13, ({ headId }) => headId),
  bytes('SIZE', ({ storedBytes }) => storedBytes),
  text('ORIGIN', 24, ({ origin }) => origin),
]

function queueColumns(atMs: number): readonly Column<QueueRow>[] {
  return [
    text('', 0, ({ queue }) => queue),
    count('DEPTH', 11, ({ depth }) => depth),
    rate('IN/S', ({ enqueuedPerSecond }) => enqueuedPerSecond),
    rate('OUT/S', ({ removedPerSecond }) => removedPerSecond),
    count('LEASED', 9, ({ leased }) => leased),
    count('CONSUMERS', 9, ({ consumers }) => consumers),
    age('OLDEST', ({ oldestAtMs }) => (oldestAtMs === 0 ? undefined : atMs - oldestAtMs)),
  ]
}

function text<Row>(title: string, width: number, read: (row: Row) => string): Column<Row> {
  return { title, width, cell: (row) => escapeControls(read(row)), sortKey: read, isText: true }
}

function count<Row>(title: string, width: number, read: (row: Row) => number): Column<Row> {
  return number(title, width, read, formatCount)
}

function rate<Row>(title: string, read: (row: Row) => number | undefined): Column<Row> {
  return number(title, 10, read, formatRate)
}

function bytes<Row>(title: string, read: (row: Row) => number | undefined): Column<Row> {
  return number(title, 8, read, (value) => formatBytes(Math.round(value)))
}

/** @param read milliseconds */
function age<Row>(title: string, read: (row: Row) => number | undefined): Column<Row> {
  return number(title, 7, read, (ms) => formatDuration(Math.max(0, ms)))
}

function number<Row>(
  title: string,
  width: number,
  read: (row: Row) => number | undefined,
  format: (value: number) => string,
): Column<Row> {
  const cell = (row: Row) => {
    const value = read(row)
    return value === undefined ? '-' : format(value)
  }
  return { title, width, cell, sortKey: (row) => read(row) ?? 0, isText: false }
}

/** Small ones with a digit after the point. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0 || perSecond >= 10) return formatCount(Math.round(perSecond))
  return perSecond.toFixed(1)
}

function section<Row>(
  name: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): Section {
  return {
    rows: rows.length,
    columns: columns.length,
    lines({ view, isActive, width, count: most, colours }) {
      const first = Math.min(view.scroll, Math.max(0, rows.length - most))
      const shown = sorted(rows, columns, view).slice(first, first + most)
      const range = shown.length < rows.length ? `${first + 1}-${first + shown.length} of ` : ''
      const title = `${name} ${range}${formatCount(rows.length)}`
      const fitting = fittingColumns(columns, width - mark.length)
      const cells = fitting.map((column, i) => {
        const isSorted = columns[view.sortBy]?.title === column.title
        const label = `${i === 0 ? title : column.title}${isSorted ? arrow(column, view) : ''}`
        return fitText(label, column.width, column.isText ? 'left' : 'right')
      })
      const heading = `${isActive ? mark : '  '}${cells.join(gap)}`
      return [
        isActive ? colours.strong(heading) : colours.faint(heading),
        ...shown.map((row) => `  ${formatRow(row, fitting, colours)}`),
      ]
    },
  }
}

function sorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { sortBy, reversed }: SectionView,
): readonly Row[] {
  const column = columns[sortBy]
  const [first] = columns
  if (column === undefined || first === undefined) return rows
  const sign = reversed ? -1 : 1
  return rows.toSorted((a, b) => sign * compare(column, a, b) || compare(first, a, b))
}

function compare<Row>({ sortKey, isText }: Column<Row>, a: Row, b: Row): number {
  const [keyA, keyB] = [sortKey(a), sortKey(b)]
  if (keyA === keyB) return 0
  return keyA < keyB === isText ? -1 : 1
}

function arrow<Row>({ isText }: Column<Row>, { reversed }: SectionView): string {
  return isText === reversed ? '▼' : '▲'
}

/** As many from the left as leave room for the first, which gets the rest. */
function fittingColumns<Row>(
  columns: readonly Column<Row>[],
  width: number,
): readonly Column<Row>[] {
  const [first, ...others] = columns
  if (first === undefined) return []
  const fitting: Column<Row>[] = []
  let left = width
  for (const column of others) {
    const needed = column.width + gap.length
    if (left - needed < leastNameWidth) break
    fitting.push(column)
    left -= needed
  }
  return [{ ...first, width: left }, ...fitting]
}

function formatRow<Row>(row: Row, columns: readonly Column<Row>[], colours: Colours): string {
  const cells = columns.map(({ cell, width, isText, isBad }, i) => {
    const fitted = fitText(cell(row), width, isText ? 'left' : 'right')
    if (isBad?.(row) === true) return colours.bad(fitted)
    return i === 0 ? colours.name(fitted) : fitted
  })
  return cells.join(gap)
}
