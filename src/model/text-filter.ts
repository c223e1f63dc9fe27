/**
 * Filters that look at the whole text of a topic: begins with, ends with, contains, regular
 * expression, prefix of another written form (architecture 5). How one matches is its owner's
 * business; the router asks every text filter once per topic and remembers the answer.
 */

export interface TextFilter {
  readonly kind: 'text'
  /** Two filters with one key are one filter: `ends:…`, `regexp:…`. */
  readonly key: string
  /** Must answer the same for the same topic for ever, in time linear in its length. */
  matches(topic: string): boolean
}
