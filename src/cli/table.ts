/** Columns for people: as wide as needed, numbers to the right, nothing cut. */

import { escapeControls } from './payload-text.ts'
import { fitText, textWidth } from './text-width.ts'

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  readonly align?: 'left' | 'right'
}

/** Lines with a heading; every line ends with a line break. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => escapeControls(column.cell(row))))
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...cells.map((line) => textWidth(line[i] ?? ''))),
  )
  const lines = [columns.map((column) => column.title), ...cells]
  return lines.map((line) => `${formatLine(line, columns, widths)}\n`).join('')
}

function formatLine<Row>(
  line: readonly string[],
  columns: readonly Column<Row>[],
  widths: readonly number[],
): string {
  return line
    .map((cell, i) => fitText(cell, widths[i] ?? 0, columns[i]?.align))
    .join('  ')
    .trimEnd()
}
