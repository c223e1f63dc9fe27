/**
 * The words of TMB: commands, match kinds, options, replies and error codes (spec/tmb 3, 4, 6, 7), and how words are
 * abbreviated.
 */

/** Each command with what stands behind it, as `help` shows it. In the order of the specification. */
export const tmbCommands = {
  subscribe: '<id> <kind> <pattern>',
  unsubscribe: '<id>|*',
  last: '<kind> <pattern>',
  watch: '<id> <kind> <pattern>',
  forget: '<kind> <pattern>',
  categories: '<kind> <pattern>',
  mine: '',
  auth: 'token <token> | plain <user> <password>',
  option: '<name> <value>',
  ping: '[text]',
  version: '',
  help: '[command]',
  quit: '',
} as const

export type TmbCommand = keyof typeof tmbCommands

/** How a pattern is compared with a category, in the order in which errors list them. */
export const tmbKinds = ['begins-with', 'contains', 'ends-with', 'is', 'regexp'] as const

export type TmbKind = (typeof tmbKinds)[number]

/** Options of a connection with their values, the default first. */
export const tmbOptions = {
  echo: ['on', 'off'],
  replies: ['on', 'off'],
  remote: ['all', 'none'],
  binary: ['skip', 'base64'],
} as const

export type TmbOption = keyof typeof tmbOptions

/** First words of what a server says that is no message. */
export const tmbReplies = ['ok', 'error', 'item', 'info'] as const

export type TmbReply = (typeof tmbReplies)[number]

/** Second word of an `error` line. */
export const tmbErrors = {
  'unknown-command': 'no command begins with the word',
  'missing-argument': 'too few words',
  'extra-argument': 'too many words',
  'bad-id': 'the id is too long, or `*` where an id is needed',
  'unknown-kind': 'no match kind begins with the word',
  'bad-pattern': 'the pattern can never match, or is not well formed',
  'pattern-too-long': 'the pattern is longer than the limit of its kind',
  'pattern-too-complex': 'the regular expression would cost too much',
  'no-such-subscription': 'nothing was subscribed with this id',
  'too-many-subscriptions': 'the connection has as many subscriptions as it may',
  'empty-category': 'the message has no category',
  'category-too-long': 'the category is longer than the limit',
  'line-too-long': 'the line is longer than the limit; it was skipped',
  'bad-option': 'there is no such option or value',
  'not-authenticated': 'this needs authentication first',
  'auth-failed': 'nobody is known by this',
  'auth-insecure': 'secrets are not taken over this connection',
  'not-permitted': 'a rule does not allow it',
  'store-failed': 'the bus did not take it',
  'too-many-errors': 'nothing but errors; the connection is closed',
  'too-many-clients': 'the daemon has as many clients as it may',
  'slow-reader': 'the connection is closed, since its messages were not read',
  http: 'this is no web server; the connection is closed',
  'shutting-down': 'the daemon is stopping',
} as const

export type TmbError = keyof typeof tmbErrors

/**
 * The one word that begins so, whatever its case (spec/tmb 3.2); undefined when there is none, or more than one and
 * none is spelled in full.
 */
export function expandWord<Word extends string>(
  words: readonly Word[],
  typed: string,
): Word | undefined {
  if (typed === '') return undefined
  const lower = typed.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  const full = words.find((word) => word === lower)
  if (full !== undefined) return full
  const fitting = words.filter((word) => word.startsWith(lower))
  return fitting.length === 1 ? fitting[0] : undefined
}
