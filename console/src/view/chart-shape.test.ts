import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shapeChart } from './chart-shape.ts'

const points = (values: readonly number[], gaps: readonly number[] = []) =>
  values.map((value, i) => ({ atMs: i * 1_000, value, afterGap: gaps.includes(i) }))

test('the newest point is at the right edge, zero at the bottom', () => {
  const shape = shapeChart({
    series: [points([0, 100])],
    width: 374,
    height: 168,
    isBytes: false,
  })
  // 300 pixels for 60 seconds.
  assert.equal(shape.lines[0]?.line, `M363.0 ${shape.bottom}.0L368.0 ${shape.top}.0`)
  assert.deepEqual(
    shape.ticks.map(({ value }) => value),
    [0, 50, 100],
  )
  assert.equal(shape.ticks[0]?.y, shape.bottom)
  assert.equal(shape.ticks.at(-1)?.y, shape.top)
})

/** What a chart of one point per second says about its time. */
function spanOf(seconds: number): string[] {
  const series = [points(Array.from({ length: seconds + 1 }, () => 1))]
  const { span, times } = shapeChart({ series, width: 374, height: 168, isBytes: false })
  return [span, ...times.map(({ text }) => text)]
}

test('it covers the shortest time that holds all points', () => {
  const first = ['last minute', 'now', '−15 s', '−30 s', '−45 s', '−60 s']
  assert.deepEqual(spanOf(3), first)
  assert.deepEqual(spanOf(60), first)
  assert.deepEqual(spanOf(61), ['last 2 minutes', 'now', '−30 s', '−60 s', '−90 s', '−120 s'])
  const last = ['last 5 minutes', 'now', '−1 min', '−2 min', '−3 min', '−4 min', '−5 min']
  assert.deepEqual(spanOf(121), last)
  assert.deepEqual(spanOf(299), last)
})

test('where there is little room there are fewer times', () => {
  const { times } = shapeChart({
    series: [points(Array(200).fill(1))],
    width: 250,
    height: 168,
    isBytes: false,
  })
  assert.deepEqual(
    times.map(({ text }) => text),
    ['now', '−2 min', '−4 min'],
  )
})

test('no line leads over a gap', () => {
  const { lines } = shapeChart({
    series: [points([1, 2, 3, 4], [0, 2])],
    width: 374,
    height: 168,
    isBytes: false,
  })
  assert.equal(lines[0]?.line.match(/M/g)?.length, 2)
  assert.equal(lines[0]?.area.match(/Z/g)?.length, 2)
})

test('the point under the pointer is the nearest', () => {
  const shape = shapeChart({
    series: [points([1, 1, 1])],
    width: 374,
    height: 168,
    isBytes: false,
  })
  assert.equal(shape.nearest(0), 0)
  assert.equal(shape.nearest(362), 1)
  assert.equal(shape.nearest(9_999), 2)
})

test('without points there is an axis and no line', () => {
  const shape = shapeChart({ series: [[]], width: 374, height: 168, isBytes: true })
  assert.equal(shape.lines[0]?.line, '')
  assert.equal(shape.nearest(5), -1)
  assert.ok(shape.ticks.length >= 2)
})
