/**
 * Filters that look at the text of a topic as a whole: is, begins with, ends with, contains, regular expression
 * (architecture 5). Each protocol that has them sees topics in its own written form, its *view*; the router keeps
 * the plain forms in indexes, asks the others once per topic, and remembers the answer with the topic.
 */

/** The written form in which the filters of one protocol see topics. */
export interface TextView {
  /** `tmb`, `wamp`: no two views have the same. */
  readonly name: string
  /**
   * The topic in this form; undefined: these filters do not see it. Answers the same for the same topic for ever. The
   * form need not be readable: one in which each character is a byte serves protocols that compare bytes.
   */
  of(topic: string): string | undefined
  /** The topic that has this form; undefined: none can have it. */
  topicOf(viewed: string): string | undefined
}

export interface TextFilter {
  readonly kind: 'text'
  /** Two filters with one key are one filter: `tmb:begins-with:/upper`. */
  readonly key: string
  readonly view: TextView
  /** How `text` is compared with the view of a topic. `test`: by `matches` alone. */
  readonly form: 'is' | 'begins-with' | 'ends-with' | 'contains' | 'test'
  /** In the form of the view. */
  readonly text: string
  /**
   * Whether it matches a topic, given in the form of the view. Answers the same for ever, in time linear in the
   * length. Asked for the form `test` only.
   */
  matches(viewed: string): boolean
}
