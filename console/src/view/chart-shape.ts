/** The geometry of a line chart, in pixels: where ticks, times and lines go. Knows nothing of the page. */

import { axisTicks, byteTicks } from '../data/axis.ts'

export interface ChartPoint {
  readonly atMs: number
  readonly value: number
  /** Nothing is known about the time before it: no line leads there. */
  readonly afterGap: boolean
}

export interface ChartShape {
  /** `last 5 minutes` */
  readonly span: string
  readonly left: number
  readonly top: number
  readonly bottom: number
  readonly ticks: readonly { readonly y: number; readonly value: number }[]
  readonly times: readonly {
    readonly x: number
    readonly text: string
    readonly anchor: 'middle' | 'end'
  }[]
  /** Path data of each series: the line, and the area below it. */
  readonly lines: readonly { readonly line: string; readonly area: string }[]
  x(atMs: number): number
  /** The point whose time is nearest to this x. */
  nearest(x: number): number
}

export interface ChartInput {
  /** All have their points at the same times. */
  readonly series: readonly (readonly ChartPoint[])[]
  readonly width: number
  readonly height: number
  readonly isBytes: boolean
}

// The time a chart covers: the shortest that holds all points. The newest is at the right edge.
const spans = [
  { spanMs: 60_000, text: 'last minute', stepMs: 15_000, unit: 's', unitMs: 1_000 },
  { spanMs: 120_000, text: 'last 2 minutes', stepMs: 30_000, unit: 's', unitMs: 1_000 },
  { spanMs: 300_000, text: 'last 5 minutes', stepMs: 60_000, unit: 'min', unitMs: 60_000 },
] as const
const left = 68
const right = 6
const top = 8
const underBottom = 22
// Of a time below the axis, with the space around it.
const labelWidth = 58

export function shapeChart({ series, width, height, isBytes }: ChartInput): ChartShape {
  const times = series[0] ?? []
  const endMs = times.at(-1)?.atMs ?? 0
  const heldMs = endMs - (times[0]?.atMs ?? 0)
  const span = spans.find(({ spanMs }) => spanMs >= heldMs) ?? spans[2]
  const bottom = height - underBottom
  const plotWidth = Math.max(0, width - left - right)
  const max = Math.max(1, ...series.flatMap((points) => points.map(({ value }) => value)))
  const values = isBytes ? byteTicks(max, 4) : axisTicks(max, 4)
  const highest = values.at(-1) ?? 1
  const x = (atMs: number) => left + plotWidth * (1 - (endMs - atMs) / span.spanMs)
  const y = (value: number) => bottom - ((bottom - top) * value) / highest
  return {
    span: span.text,
    left,
    top,
    bottom,
    ticks: values.map((value) => ({ y: y(value), value })),
    times: timeLabels(span, plotWidth, (agoMs) => x(endMs - agoMs)),
    lines: series.map((points) => linePaths(points, { x, y, bottom })),
    x,
    nearest: (wanted) => nearestPoint(times, (point) => Math.abs(x(point.atMs) - wanted)),
  }
}

/** From now back, as many as there is room for. */
function timeLabels(
  { spanMs, stepMs, unit, unitMs }: (typeof spans)[number],
  plotWidth: number,
  x: (agoMs: number) => number,
): ChartShape['times'] {
  const steps = spanMs / stepMs
  const every = Math.max(1, Math.ceil((steps * labelWidth) / Math.max(1, plotWidth)))
  return Array.from({ length: Math.floor(steps / every) + 1 }, (_, i) => {
    const agoMs = i * every * stepMs
    if (agoMs === 0) return { x: x(0), text: 'now', anchor: 'end' }
    // A minus sign, which is as wide as a digit.
    const text = `\u2212${agoMs / unitMs} ${unit}`
    return { x: x(agoMs), text, anchor: 'middle' }
  })
}

interface Scale {
  readonly x: (atMs: number) => number
  readonly y: (value: number) => number
  readonly bottom: number
}

function linePaths(points: readonly ChartPoint[], scale: Scale): { line: string; area: string } {
  const runs: ChartPoint[][] = []
  for (const point of points) {
    if (point.afterGap || runs.length === 0) runs.push([])
    runs.at(-1)?.push(point)
  }
  const place = ({ atMs, value }: ChartPoint) =>
    `${scale.x(atMs).toFixed(1)} ${scale.y(value).toFixed(1)}`
  const line = (run: readonly ChartPoint[]) => `M${run.map(place).join('L')}`
  const area = (run: readonly ChartPoint[]) => {
    const [first, last] = [run[0], run.at(-1)]
    if (first === undefined || last === undefined) return ''
    const foot = (point: ChartPoint) => `${scale.x(point.atMs).toFixed(1)} ${scale.bottom}`
    return `${line(run)}L${foot(last)}L${foot(first)}Z`
  }
  return { line: runs.map(line).join(''), area: runs.map(area).join('') }
}

function nearestPoint(
  points: readonly ChartPoint[],
  distance: (point: ChartPoint) => number,
): number {
  let best = -1
  let least = Number.POSITIVE_INFINITY
  points.forEach((point, i) => {
    const far = distance(point)
    if (far >= least) return
    least = far
    best = i
  })
  return best
}
