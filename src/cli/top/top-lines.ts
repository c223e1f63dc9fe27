/**
 * The screen of `msgbus top` as lines: a pure function of what is known, of what is looked at, and of the
 * size of the terminal. There are never more lines than rows, and from twenty columns on every line fits.
 */

import type { Colours } from '../colours.ts'
import { formatBytes, formatCount, formatDuration } from '../duration.ts'
import { formatTime } from '../message-text.ts'
import { escapeControls } from '../payload-text.ts'
import type { ScreenSize } from '../screen.ts'
import { fitText, textWidth } from '../text-width.ts'
import type { TopState } from './top-meter.ts'
import { formatRate, sectionsOf } from './top-sections.ts'
import { sectionNames } from './top-view.ts'
import type { SectionExtent, SectionName, TopView } from './top-view.ts'

export interface TopPicture {
  readonly state: TopState
  readonly view: TopView
  /** As given to the command. */
  readonly server: string
  /** Why what is shown is not of now; undefined: it is. */
  readonly problem: string | undefined
}

/** Something to read in the head of the screen. */
interface Fact {
  readonly label: string
  readonly value: string
  readonly isBad?: boolean
}

const headRows = 4
const footer = 'q quit   tab section   ←→ sort by   r reverse   ↑↓ scroll   p pause'
/** Below, only the active section is shown: others would have no row. */
const leastRows = 14

export function topLines(picture: TopPicture, size: ScreenSize, colours: Colours): string[] {
  const { state, view } = picture
  const sections = sectionsOf(state)
  const shares = rowShares(picture, size)
  const lines = headLines(picture, size, colours)
  for (const name of sectionNames) {
    const count = shares[name]
    if (count === undefined) continue
    const isActive = name === view.active
    const { columns: width } = size
    lines.push('')
    lines.push(
      ...sections[name].lines({ view: view.sections[name], isActive, width, count, colours }),
    )
  }
  // The keys stand at the bottom, whatever is above.
  const kept = lines.slice(0, Math.max(0, size.rows - 1))
  while (kept.length < size.rows - 1) kept.push('')
  return [...kept, colours.faint(fitText(footer, size.columns))].slice(0, size.rows)
}

/** What keys need to know of the active section. */
export function activeExtent(picture: TopPicture, size: ScreenSize): SectionExtent {
  const { active } = picture.view
  const { rows, columns } = sectionsOf(picture.state)[active]
  return { rows, columns, shown: Math.min(rows, rowShares(picture, size)[active] ?? 0) }
}

/** Rows for each section; those that are not shown have none. */
function rowShares(
  { state, view }: TopPicture,
  size: ScreenSize,
): Partial<Record<SectionName, number>> {
  const shown = size.rows < leastRows ? [view.active] : sectionNames
  const sections = sectionsOf(state)
  // Each has a heading and a blank line; the keys take the last row.
  const room = size.rows - headRows - 1 - 2 * shown.length
  const wanted = shown.map((name) => sections[name].rows)
  const shares = share(Math.max(0, room), wanted, shown.indexOf(view.active))
  return Object.fromEntries(shown.map((name, i) => [name, shares[i] ?? 0]))
}

/**
 * Divides room fairly: nobody gets more than wanted, what is left goes to the favourite first.
 * @returns one number for each wanted, together at most `room`
 */
export function share(room: number, wanted: readonly number[], favourite: number): number[] {
  const fair = Math.floor(room / wanted.length)
  const shares = wanted.map((each) => Math.min(each, fair))
  let left = room - shares.reduce((sum, each) => sum + each, 0)
  for (const i of [favourite, ...wanted.keys()]) {
    const more = Math.min(left, (wanted[i] ?? 0) - (shares[i] ?? 0))
    shares[i] = (shares[i] ?? 0) + more
    left -= more
  }
  return shares
}

function headLines(
  { state, view, server, problem }: TopPicture,
  { columns }: ScreenSize,
  colours: Colours,
): string[] {
  const { status, totals, atMs } = state
  const { node, version, storage } = status
  const place = `${node.tenantId}/${node.blName}/${node.deviceId} at ${server}`
  const clock = view.paused ? 'paused' : formatTime(atMs).slice(11, 19)
  const title = `msgbus top  ${escapeControls(place)}  ${version}  up ${formatDuration(Math.max(0, atMs - status.startedAtMs))}`
  const first = `${fitText(title, Math.max(0, columns - clock.length - 1))} ${clock}`
  return [
    colours.strong(fitText(first, columns)),
    factsLine(
      [
        { label: 'in', value: traffic(totals.inFramesPerSecond, totals.inBytesPerSecond) },
        { label: 'out', value: traffic(totals.outFramesPerSecond, totals.outBytesPerSecond) },
        { label: 'stored', value: perSecond(totals.storedPerSecond) },
        { label: 'delivered', value: perSecond(totals.deliveredPerSecond) },
        { label: 'calls', value: perSecond(totals.callsPerSecond) },
        {
          label: 'dropped',
          value: perSecond(totals.droppedPerSecond),
          isBad: (totals.droppedPerSecond ?? 0) > 0,
        },
      ],
      columns,
      colours,
    ),
    factsLine(
      [
        { label: 'memory', value: formatBytes(status.residentBytes) },
        { label: 'cpu', value: percent(totals.cpuPercent) },
        { label: 'lag', value: milliseconds(totals.loopLagMs) },
        { label: 'store', value: `${formatBytes(status.storedBytes)} ${storage}` },
        { label: 'free disk', value: formatBytes(status.freeDiskBytes) },
        { label: 'subscriptions', value: formatCount(status.subscriptions) },
      ],
      columns,
      colours,
    ),
    colours.bad(fitText(trouble(status, problem), columns)),
  ]
}

/** What an operator must know first; empty when all is well. */
function trouble(
  { ready, error, damagedRecords }: TopState['status'],
  problem: string | undefined,
) {
  if (problem !== undefined) return escapeControls(problem)
  if (!ready) return `not ready: ${escapeControls(error)}`
  return damagedRecords === 0
    ? ''
    : `${formatCount(damagedRecords)} damaged records, see msgbus doctor`
}

function traffic(frames: number | undefined, bytesPerSecond: number | undefined): string {
  if (frames === undefined || bytesPerSecond === undefined) return '-'
  return `${formatRate(frames)} frames/s ${formatBytes(Math.round(bytesPerSecond))}/s`
}

function perSecond(rate: number | undefined): string {
  return rate === undefined ? '-' : `${formatRate(rate)}/s`
}

function percent(value: number | undefined): string {
  return value === undefined ? '-' : `${Math.round(value)} %`
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '-' : `${Math.round(value)} ms`
}

/** As many facts as fit, whole. */
function factsLine(facts: readonly Fact[], width: number, colours: Colours): string {
  const shown: string[] = []
  let left = width
  for (const { label, value, isBad } of facts) {
    const needed = textWidth(label) + 1 + textWidth(value) + (shown.length === 0 ? 0 : 3)
    if (needed > left) break
    left -= needed
    shown.push(`${colours.faint(label)} ${isBad === true ? colours.bad(value) : value}`)
  }
  return shown.join('   ')
}
