/**
 * Rates of the last minutes as lines. The picture is drawn in pixels of the place it has, so that its text has the size
 * of other text. People who do not see it have the same values in the legend.
 */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { JSX } from 'preact'
import { formatShortClock } from '../format.ts'
import { shapeChart } from './chart-shape.ts'
import type { ChartPoint } from './chart-shape.ts'

export interface ChartSeries {
  readonly name: string
  readonly points: readonly ChartPoint[]
}

export interface LineChartProps {
  readonly title: string
  /** At most two. All have their points at the same times. */
  readonly series: readonly ChartSeries[]
  readonly format: (value: number) => string
  /** Steps of the axis by powers of two. */
  readonly isBytes?: boolean
}

const height = 168

export function LineChart({ title, series, format, isBytes = false }: LineChartProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  const [hovered, setHovered] = useState<number>()
  useEffect(() => {
    if (box.current === null) return undefined
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0))
    observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  const shape = useMemo(
    () => shapeChart({ series: series.map(({ points }) => points), width, height, isBytes }),
    [series, width, isBytes],
  )
  const times = series[0]?.points ?? []
  const at = hovered === undefined ? times.length - 1 : shape.nearest(hovered)
  const atTime = times[at]
  const point = (event: PointerEvent) => {
    const left = box.current?.getBoundingClientRect().left ?? 0
    setHovered(event.clientX - left)
  }
  return (
    <figure class="chart">
      <figcaption class="chart-head">
        <h2>{title}</h2>
        <span class="chart-time">
          {hovered === undefined || atTime === undefined
            ? shape.span
            : formatShortClock(atTime.atMs)}
        </span>
      </figcaption>
      <ul class="chart-legend">
        {series.map(({ name, points }, i) => (
          <li key={name}>
            <span class={`chart-key chart-key-${i + 1}`} />
            {name}
            <strong>{points[at] === undefined ? '–' : format(points[at].value)}</strong>
          </li>
        ))}
      </ul>
      <div
        class="chart-box"
        ref={box}
        onPointerMove={point}
        onPointerLeave={() => setHovered(undefined)}
      >
        <svg class="chart-picture" width={width} height={height} aria-hidden="true">
          {shape.ticks.map(({ y, value }) => (
            <g key={value}>
              <line class="chart-grid" x1={shape.left} x2={width} y1={y} y2={y} />
              <text class="chart-label" x={shape.left - 8} y={y + 4} text-anchor="end">
                {format(value)}
              </text>
            </g>
          ))}
          {shape.times.map(({ x, text, anchor }) => (
            <text key={text} class="chart-label" x={x} y={height - 4} text-anchor={anchor}>
              {text}
            </text>
          ))}
          {shape.lines.map(({ line, area }, i) => (
            <g key={i}>
              {i === 0 && <path class="chart-area" d={area} />}
              <path class={`chart-line chart-line-${i + 1}`} d={line} />
            </g>
          ))}
          {hovered !== undefined && atTime !== undefined && (
            <line
              class="chart-cursor"
              x1={shape.x(atTime.atMs)}
              x2={shape.x(atTime.atMs)}
              y1={shape.top}
              y2={shape.bottom}
            />
          )}
        </svg>
        {times.length === 0 && <p class="chart-wait">Collecting …</p>}
      </div>
    </figure>
  )
}
