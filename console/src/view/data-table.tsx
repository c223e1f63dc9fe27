/**
 * A table that becomes a list of cards where there is little room: each cell then has its column's name beside it.
 * Roles are written out, because a table laid out otherwise is none to screen readers.
 */

import type { ComponentChildren, JSX } from 'preact'
import { Icon } from './icon.tsx'

export interface Column<Row> {
  readonly name: string
  readonly isNumber?: boolean
  /** What the row is known by: the heading of its card. */
  readonly isTitle?: boolean
  /** Present: the table can be sorted by it. */
  readonly sortBy?: (row: Row) => string | number
  readonly cell: (row: Row) => ComponentChildren
}

export interface Sorting {
  readonly column: string
  readonly isDescending: boolean
}

export interface DataTableProps<Row> {
  /** For screen readers. */
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string | number
  readonly sorting?: Sorting
  readonly onSort?: (sorting: Sorting) => void
  readonly isMarked?: (row: Row) => boolean
}

export function DataTable<Row>(props: DataTableProps<Row>): JSX.Element {
  const { columns, rows, sorting, onSort } = props
  return (
    <div class="table-box">
      <table role="table" class="table" aria-label={props.label}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th
                key={column.name}
                role="columnheader"
                scope="col"
                class={column.isNumber === true ? 'number' : undefined}
                aria-sort={ariaSort(column, sorting)}
              >
                {column.sortBy === undefined || onSort === undefined ? (
                  column.name
                ) : (
                  <button type="button" class="sort" onClick={() => onSort(next(column, sorting))}>
                    {column.name}
                    <SortMark direction={ariaSort(column, sorting)} />
                  </button>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr
              key={props.keyOf(row)}
              role="row"
              class={props.isMarked?.(row) === true ? 'marked' : undefined}
            >
              {columns.map((column) => (
                <td key={column.name} role="cell" class={cellClass(column)} data-name={column.name}>
                  <span class="cell">{column.cell(row)}</span>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** The rows in the order asked for; equal ones stay in theirs. */
export function sortRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sorting: Sorting,
): readonly Row[] {
  const sortBy = columns.find(({ name }) => name === sorting.column)?.sortBy
  if (sortBy === undefined) return rows
  const sign = sorting.isDescending ? -1 : 1
  return rows.toSorted((a, b) => sign * compare(sortBy(a), sortBy(b)))
}

const collator = new Intl.Collator(undefined, { numeric: true })

function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return collator.compare(String(a), String(b))
}

function ariaSort(
  { name, sortBy }: { readonly name: string; readonly sortBy?: unknown },
  sorting: Sorting | undefined,
): 'ascending' | 'descending' | 'none' | undefined {
  if (sortBy === undefined || sorting === undefined) return undefined
  if (sorting.column !== name) return 'none'
  return sorting.isDescending ? 'descending' : 'ascending'
}

/** Numbers begin with the largest, names with the first. */
function next<Row>(column: Column<Row>, sorting: Sorting | undefined): Sorting {
  const isSame = sorting?.column === column.name
  const isDescending = isSame ? !sorting.isDescending : column.isNumber === true
  return { column: column.name, isDescending }
}

function SortMark({ direction }: { readonly direction: ReturnType<typeof ariaSort> }) {
  if (direction === undefined || direction === 'none') return null
  return (
    <span class={`sort-mark sort-${direction}`}>
      <Icon name="down" />
    </span>
  )
}

function cellClass<Row>({ isNumber, isTitle }: Column<Row>): string | undefined {
  const classes = [isNumber === true ? 'number' : '', isTitle === true ? 'title' : '']
  return classes.join(' ').trim() || undefined
}
