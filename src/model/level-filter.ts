/**
 * Filters that compare a topic level by level. Each protocol keeps its own rules (architecture 5), so
 * a filter is its text and the rules it is read by:
 *
 *   mqtt   `+` is one level, a trailing `#` the rest and the parent; leading wildcards do not see topics
 *          that begin with `$` (MQTT 5.0 4.7)
 *   busrt  `+` is one level, also an empty one; `#` is one or more levels and ends the filter, whatever
 *          stands behind it; nothing is hidden but the daemon's own `$msgbus.` (spec/busrt 4.5)
 *   wamp   empty levels are wildcards for one level; no rest (spec/wamp 13.1, on the core form)
 *
 * A level holding a wildcard character among others is literal in `busrt`; `mqtt` filters are checked by
 * `parseTopicFilter`.
 */

export type LevelRules = 'mqtt' | 'busrt' | 'wamp'

export interface LevelFilter {
  readonly kind: 'level'
  readonly rules: LevelRules
  readonly text: string
}

/** Whether a text holds characters that `mqtt` filters give a meaning. */
export function hasWildcard(text: string): boolean {
  return text.includes('+') || text.includes('#')
}

export function levelFilter(rules: LevelRules, text: string): LevelFilter {
  return { kind: 'level', rules, text }
}
