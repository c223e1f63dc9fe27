/** What is asked of history (spec/wamp 9.9, 13.5): the keywords of `get_events` and of `_replay`. */

import { parseTime } from '../../wire/wamp/time-text.ts'
import { WampTag, WampTime, type WampValue } from '../../wire/wamp/value.ts'
import { errorUris, WampError } from './translate-error.ts'

export interface HistoryQuery {
  readonly isReverse: boolean
  /** Infinity: no limit. */
  readonly limit: number
  /** So many of the newest, in their order. */
  readonly last: number | undefined
  readonly topic: string | undefined
  /** Milliseconds; a message of that very time is meant. */
  readonly fromTime: number
  /** As `fromTime`; a message of that very time is not meant. */
  readonly afterTime: number
  readonly untilTime: number
  readonly beforeTime: number
  readonly fromPublication: number | undefined
  readonly afterPublication: number | undefined
  readonly untilPublication: number | undefined
  readonly beforePublication: number | undefined
}

/** The keywords that `_replay` has not. */
const onlyPast = new Set([
  'reverse',
  'until_time',
  'before_time',
  'until_publication',
  'before_publication',
])

/** Keywords that are not known are ignored. @throws WampError `invalid_argument` */
export function parseHistoryQuery(
  keywords: ReadonlyMap<WampValue, WampValue>,
  forReplay = false,
): HistoryQuery {
  const value = (key: string) => {
    const found = keywords.get(key)
    if (found === undefined || found === null) return undefined
    if (forReplay && onlyPast.has(key)) throw wrong(key, 'not for what is replayed')
    return found
  }
  const count = (key: string) => {
    const found = value(key)
    if (found === undefined) return undefined
    if (typeof found === 'number' && Number.isInteger(found) && found >= 1) return found
    throw wrong(key, 'an integer from 1')
  }
  const time = (key: string, byDefault: number) => {
    const found = value(key)
    return found === undefined ? byDefault : millisecondsOf(key, found)
  }
  const reverse = value('reverse') ?? false
  const topic = value('topic')
  if (typeof reverse !== 'boolean') throw wrong('reverse', 'a boolean')
  if (topic !== undefined && typeof topic !== 'string') throw wrong('topic', 'a URI')
  return {
    isReverse: reverse,
    limit: count('limit') ?? Infinity,
    last: forReplay ? count('last') : undefined,
    topic,
    fromTime: time('from_time', -Infinity),
    afterTime: time('after_time', -Infinity),
    untilTime: time('until_time', Infinity),
    beforeTime: time('before_time', Infinity),
    fromPublication: count('from_publication'),
    afterPublication: count('after_publication'),
    untilPublication: count('until_publication'),
    beforePublication: count('before_publication'),
  }
}

export function isInTime(query: HistoryQuery, createdAtMs: number): boolean {
  const { fromTime, afterTime, untilTime, beforeTime } = query
  return (
    createdAtMs >= fromTime &&
    createdAtMs > afterTime &&
    createdAtMs <= untilTime &&
    createdAtMs < beforeTime
  )
}

/** Messages have times of whole milliseconds; a finer one stands between two of them. */
function millisecondsOf(key: string, value: WampValue): number {
  const text = value instanceof WampTag ? value.value : value
  const time =
    typeof text === 'string' ? parseTime(text) : text instanceof WampTime ? text : undefined
  if (time === undefined) throw wrong(key, 'a time of RFC 3339')
  return time.seconds * 1_000 + time.nanoseconds / 1_000_000
}

function wrong(key: string, what: string): WampError {
  return new WampError(errorUris.invalidArgument, `${key} is ${what}`)
}
