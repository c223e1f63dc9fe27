/**
 * The rows of the topic tree. Only those near what is seen are in the page, however many there are. It is used as the
 * pattern for trees says (WAI-ARIA, tree view): one tab stop, arrows move and open, Enter chooses, Home and End, and
 * typing leads to a name.
 */

import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { JSX } from 'preact'
import { previewPayload } from '../data/payload-forms.ts'
import { rowWindow } from '../data/row-window.ts'
import { fromMessageJson } from '../data/shown-message.ts'
import type { EntryRow, NoteRow, TreeRow } from '../data/topic-tree.ts'
import { formatCount, formatNumberOf, formatRate } from '../format.ts'
import { Icon } from './icon.tsx'

export interface TopicTreeViewProps {
  readonly label: string
  readonly rows: readonly TreeRow[]
  /** Path of the topic that is open beside the tree. */
  readonly chosen: string | undefined
  readonly onOpen: (row: EntryRow) => void
  readonly onExpand?: (row: EntryRow) => void
  readonly onCollapse?: (row: EntryRow) => void
  readonly onMore?: (row: NoteRow) => void
  /** Rows that are seen, or nearly. */
  readonly onWindow?: (window: { readonly from: number; readonly to: number }) => void
}

/** As in pages.css. */
const rowHeight = 44

export function TopicTreeView(props: TopicTreeViewProps): JSX.Element {
  const { rows, chosen } = props
  const box = useRef<HTMLDivElement>(null)
  const [scroll, setScroll] = useState({ scrollTop: 0, height: 600 })
  const [activeKey, setActiveKey] = useState<string>()
  const id = useId()
  const found = rows.findIndex(({ key }) => key === activeKey)
  const active = Math.max(0, found)
  const shown = rowWindow(rows.length, { rowHeight, ...scroll })
  const isActiveShown = active >= shown.from && active < shown.to

  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const measure = () =>
      setScroll({ scrollTop: element.scrollTop, height: element.clientHeight || 600 })
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    element.addEventListener('scroll', measure, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', measure)
    }
  }, [])
  useEffect(() => props.onWindow?.(shown), [shown.from, shown.to])
  useLayoutEffect(() => {
    const element = box.current
    if (element === null || activeKey === undefined) return
    const top = active * rowHeight
    if (top < element.scrollTop) element.scrollTop = top
    const hidden = top + rowHeight - element.scrollTop - element.clientHeight
    if (hidden > 0) element.scrollTop += hidden
  }, [activeKey])

  const moveTo = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))]
    if (row !== undefined) setActiveKey(row.key)
  }
  const keys = useTreeKeys({ ...props, active, moveTo })
  return (
    <div
      ref={box}
      class="tree"
      role="tree"
      tabIndex={0}
      aria-label={props.label}
      aria-activedescendant={isActiveShown ? `${id}-${active}` : undefined}
      onKeyDown={keys}
    >
      <div role="presentation" style={{ height: `${shown.above}px` }} />
      {rows.slice(shown.from, shown.to).map((row, i) => (
        <Row
          key={row.key}
          row={row}
          id={`${id}-${shown.from + i}`}
          isActive={shown.from + i === active}
          isChosen={row.kind === 'entry' && row.entry.path === chosen}
          tree={props}
          onActive={() => setActiveKey(row.key)}
        />
      ))}
      <div role="presentation" style={{ height: `${shown.below}px` }} />
    </div>
  )
}

function useTreeKeys(
  tree: TopicTreeViewProps & {
    readonly active: number
    readonly moveTo: (index: number) => void
  },
): (event: KeyboardEvent) => void {
  const { rows, active, moveTo } = tree
  const typed = useRef({ text: '', atMs: 0 })
  const row = rows[active]

  const right = () => {
    if (row?.kind !== 'entry' || !row.isExpandable) return
    if (row.isExpanded) moveTo(active + 1)
    else tree.onExpand?.(row)
  }
  const left = () => {
    if (row?.kind === 'entry' && row.isExpanded) tree.onCollapse?.(row)
    else moveTo(rows.findLastIndex((each, i) => i < active && each.depth < (row?.depth ?? 0)))
  }
  const enter = () => {
    if (row?.kind === 'entry') return tree.onOpen(row)
    if (row === undefined) return
    // What comes will follow the row before this one; this one will be at the end of it.
    moveTo(active - 1)
    tree.onMore?.(row)
  }
  const find = (key: string, nowMs: number) => {
    const before = nowMs - typed.current.atMs < 700 ? typed.current.text : ''
    const text = before + key.toLowerCase()
    typed.current = { text, atMs: nowMs }
    const start = text.length === 1 ? active + 1 : active
    const order = [...rows.keys()].map((i) => (start + i) % rows.length)
    const found = order.find((i) => labelOf(rows[i]).toLowerCase().startsWith(text))
    if (found !== undefined) moveTo(found)
  }
  const actions: Readonly<Record<string, () => void>> = {
    ArrowDown: () => moveTo(active + 1),
    ArrowUp: () => moveTo(active - 1),
    ArrowRight: right,
    ArrowLeft: left,
    Home: () => moveTo(0),
    End: () => moveTo(rows.length - 1),
    PageDown: () => moveTo(active + 10),
    PageUp: () => moveTo(active - 10),
    Enter: enter,
    ' ': enter,
  }
  return (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return
    const action = actions[event.key]
    if (action !== undefined) {
      typed.current = { text: '', atMs: 0 }
      action()
    } else if (event.key.length === 1 && event.key !== '/') find(event.key, event.timeStamp)
    else return
    event.preventDefault()
  }
}

function labelOf(row: TreeRow | undefined): string {
  return row?.kind === 'entry' ? row.entry.level : ''
}

function Row(props: {
  readonly row: TreeRow
  readonly id: string
  readonly isActive: boolean
  readonly isChosen: boolean
  readonly tree: TopicTreeViewProps
  readonly onActive: () => void
}): JSX.Element {
  const { row, id, isActive, isChosen, tree, onActive } = props
  const classes = ['tree-row', isActive ? 'active' : '', isChosen ? 'chosen' : '']
  const common = {
    id,
    class: classes.join(' ').trim(),
    role: 'treeitem' as const,
    'aria-level': row.depth + 1,
    style: { '--depth': `${row.depth}` },
  }
  if (row.kind !== 'entry') {
    return (
      <div {...common} onClick={() => tree.onMore?.(row)}>
        <span class="tree-note">{noteText(row)}</span>
      </div>
    )
  }
  const toggle = (event: Event) => {
    event.stopPropagation()
    onActive()
    if (row.isExpanded) tree.onCollapse?.(row)
    else tree.onExpand?.(row)
  }
  const open = () => {
    onActive()
    tree.onOpen(row)
  }
  return (
    <div
      {...common}
      aria-expanded={row.isExpandable ? row.isExpanded : undefined}
      aria-selected={isChosen}
      aria-posinset={row.position}
      aria-setsize={row.siblings}
      onClick={open}
    >
      {row.isExpandable ? (
        <span class="tree-toggle" onClick={toggle}>
          <Icon name={row.isExpanded ? 'down' : 'right'} />
        </span>
      ) : (
        <span class="tree-toggle" />
      )}
      <EntryText row={row} />
    </div>
  )
}

function EntryText({ row }: { readonly row: EntryRow }): JSX.Element {
  const { entry, rate } = row
  const heads = entry.topic?.logs.map(({ headId }) => `#${formatCount(headId)}`) ?? []
  const below = entry.topicsBelow > 0 ? formatNumberOf(entry.topicsBelow, 'topic') : ''
  const last = entry.topic?.last
  return (
    <>
      <span class="tree-name">
        <span class={entry.topic === undefined ? 'tree-level branch' : 'tree-level'}>
          {shownLevel(row)}
        </span>
        {last !== undefined && (
          <span class="tree-last">{previewPayload(fromMessageJson(last).payload, 60)}</span>
        )}
      </span>
      <span class="tree-numbers">
        <span class={rate !== undefined && rate > 0 ? 'tree-rate' : 'tree-rate none'}>
          {rate !== undefined && rate > 0 ? formatRate(rate) : ''}
        </span>
        <span class="tree-heads">
          {heads.length > 2 ? `${formatCount(heads.length)} logs` : heads.join(' ')}
          {heads.length > 0 && below !== '' ? ' · ' : ''}
          {below}
        </span>
      </span>
    </>
  )
}

/** A level without a name: what stands before a leading slash, or between two. */
function shownLevel({ entry, depth }: EntryRow): string {
  if (entry.level !== '') return entry.level
  return depth === 0 ? '/' : '(empty)'
}

function noteText(row: NoteRow): string {
  if (row.kind === 'loading') return 'Loading …'
  if (row.kind === 'failed') return `Not loaded: ${row.error ?? ''} Choose to try again.`
  return `Load more (${formatCount(row.shown)} shown)`
}
