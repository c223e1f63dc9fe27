/**
 * Level filters as MQTT writes them: `+` is one level, a trailing `#` the rest and the parent
 * (MQTT 5.0 4.7). Levels are compared byte for byte, case sensitive; a leading wildcard matches no
 * topic that begins with `$` (4.7.2). A name without wildcards is a filter that matches itself.
 */

import { BusError } from './errors.ts'

declare const brand: unique symbol
export type TopicFilter = string & { readonly [brand]: 'TopicFilter' }

/** @throws BusError `invalid_argument`, `bad_filter` */
export function parseTopicFilter(text: string): TopicFilter {
  if (text === '') throw badFilter(text, 'it is empty')
  if (text.includes('\0')) throw badFilter(text, 'it contains U+0000')
  const levels = text.split('/')
  levels.forEach((level, i) => {
    if (level.includes('#') && (level !== '#' || i !== levels.length - 1)) {
      throw badFilter(text, '`#` must be the whole last level')
    }
    if (level.includes('+') && level !== '+') throw badFilter(text, '`+` must be a whole level')
  })
  return text as TopicFilter
}

/** True when the filter can match one topic only. */
export function isExactFilter(filter: TopicFilter): boolean {
  return !filter.includes('+') && !filter.includes('#')
}

export function topicMatches(filter: TopicFilter, topic: string): boolean {
  const pattern = filter.split('/')
  const levels = topic.split('/')
  if (topic.startsWith('$') && (pattern[0] === '+' || pattern[0] === '#')) return false
  for (let i = 0; i < pattern.length; i++) {
    const want = pattern[i]
    if (want === '#') return true
    if (i >= levels.length) return false
    if (want !== '+' && want !== levels[i]) return false
    // `a/#` matches `a` too.
    if (i === levels.length - 1 && i === pattern.length - 2 && pattern[i + 1] === '#') return true
  }
  return pattern.length === levels.length
}

function badFilter(text: string, why: string): BusError {
  const shown = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
  return new BusError('invalid_argument', 'bad_filter', `topic filter ${shown}: ${why}`)
}
