/** Subscriptions of WAMP as filters of the bus (spec/wamp 2.3, 13.1). Nobody's pattern is rewritten into another kind. */

import type { LiveFilter } from '../../core/live.ts'
import { levelFilter } from '../../model/level-filter.ts'
import type { TextView } from '../../model/text-filter.ts'
import { topicToUri, uriToTopic } from '../../wire/wamp/topic.ts'
import { type MatchPolicy, uriMatches } from '../../wire/wamp/uri.ts'

/** Topics as prefixes and patterns of WAMP see them. */
export const wampView: TextView = { name: 'wamp', of: topicToUri, topicOf: uriToTopic }

/** The URI is well formed for its policy. */
export function filterOf(uri: string, match: MatchPolicy): LiveFilter {
  switch (match) {
    case 'exact': {
      const topic = uriToTopic(uri)
      const isPlain = !topic.split('/').some((level) => level === '+' || level === '#')
      return isPlain ? levelFilter('mqtt', topic) : textFilter('is', uri, () => false)
    }
    case 'prefix':
      // What begins with `$` is seen by those only who name it.
      return uri === ''
        ? textFilter('test', uri, (viewed) => !viewed.startsWith('$'))
        : textFilter('begins-with', uri, () => false)
    case 'wildcard': {
      // An empty segment, written `%00`, is no wildcard, and in levels it would be one; nor does a tree hide `$`.
      const isOpen = uri.startsWith('.') || uri === '' || uri.includes('%00')
      return isOpen
        ? textFilter('test', uri, (viewed) => patternMatches(uri, 'wildcard', viewed))
        : levelFilter('wamp', uriToTopic(uri))
    }
  }
}

/** As `uriMatches`, but that `$` topics and those of the router are hidden from patterns that do not name them. */
export function patternMatches(pattern: string, match: MatchPolicy, uri: string): boolean {
  if (!uriMatches(pattern, match, uri)) return false
  if (match === 'exact') return true
  if (uri.startsWith('wamp.')) return pattern.startsWith('wamp')
  return !uri.startsWith('$') || pattern.startsWith('$')
}

function textFilter(
  form: 'is' | 'begins-with' | 'test',
  text: string,
  matches: (viewed: string) => boolean,
): LiveFilter {
  return { kind: 'text', key: `wamp:${form}:${text}`, view: wampView, form, text, matches }
}
