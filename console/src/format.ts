/**
 * Numbers, sizes and times as people read them, in the language of the browser. Units of sizes are binary and written
 * as such (`KiB`), because the limits of the daemon are.
 */

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 })
const oneDigit = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })
const twoDigits = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 })
const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
})
const shortClock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})
const dateAndTime = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium',
  timeStyle: 'medium',
  hourCycle: 'h23',
})

/** `1,234` */
export function formatCount(value: number): string {
  return whole.format(value)
}

/** A number with as many digits as say something: `9,870`, `12.5`, `0.25`. */
export function formatAmount(value: number): string {
  if (value === 0 || Math.abs(value) >= 100) return whole.format(value)
  return (Math.abs(value) >= 10 ? oneDigit : twoDigits).format(value)
}

/** `12.5/s` */
export function formatRate(perSecond: number): string {
  return `${formatAmount(perSecond)}/s`
}

const sizeUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `1.5 MiB` */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= 1024 && unit < sizeUnits.length - 1) {
    value /= 1024
    unit += 1
  }
  const text = unit === 0 || value >= 100 ? whole.format(value) : oneDigit.format(value)
  return `${text} ${sizeUnits[unit]}`
}

const spans = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** The two largest units: `3 d 4 h`, `12 s`, `340 ms`. */
export function formatDuration(ms: number): string {
  const from = spans.findIndex(([, size]) => ms >= size)
  const [unit, size] = spans[from] ?? ['ms', 1]
  const amount = Math.floor(ms / size)
  const text = `${whole.format(amount)} ${unit}`
  const [nextUnit, nextSize] = (from === -1 ? undefined : spans[from + 1]) ?? []
  if (nextUnit === undefined || nextSize === undefined) return text
  const rest = Math.floor((ms - amount * size) / nextSize)
  return rest === 0 ? text : `${text} ${rest} ${nextUnit}`
}

/** `12 s ago`; times up to a second ahead count as now, since clocks differ. */
export function formatAgo(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs
  if (ms < 1_000) return ms > -1_000 ? 'just now' : `in ${formatDuration(-ms)}`
  const [unit, size] = spans.find(([, span]) => ms >= span) ?? ['s', 1_000]
  return `${whole.format(Math.floor(ms / size))} ${unit} ago`
}

/** `14:03:12.345` */
export function formatClock(atMs: number): string {
  return clock.format(atMs)
}

/** `14:03:12` */
export function formatShortClock(atMs: number): string {
  return shortClock.format(atMs)
}

/** Date and time with seconds. */
export function formatTime(atMs: number): string {
  return dateAndTime.format(atMs)
}

/** The clock for times of today, else date and time. */
export function formatMoment(atMs: number, nowMs: number): string {
  const isToday = new Date(atMs).toDateString() === new Date(nowMs).toDateString()
  return isToday ? formatClock(atMs) : formatTime(atMs)
}

/** `1 queue`, `3 queues` */
export function formatNumberOf(value: number, one: string, many = `${one}s`): string {
  return `${formatCount(value)} ${value === 1 ? one : many}`
}
