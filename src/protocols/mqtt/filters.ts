/**
 * Topic filters of MQTT (5.0 sections 4.7 and 4.8.2): whether they are well formed, and the parts of a shared one. How
 * they match is the core's business (`mqtt` rules of model/level-filter.ts).
 */

const sharePrefix = '$share/'

export interface ParsedFilter {
  /** Undefined: not shared. */
  readonly group: string | undefined
  /** What topics are matched against. */
  readonly filter: string
}

const topicBytesMost = 65_535
// What a name of MQTT cannot have (spec/mqtt 3.4, 3.7).
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const refusedInTopics = /[+#\u0000-\u001f\u007f-\u009f]/

/** Whether a topic of the bus, where others may publish on any text, can be said in MQTT. */
export function isTopicName(topic: string): boolean {
  if (topic === '' || topic.length > topicBytesMost || refusedInTopics.test(topic)) return false
  return topic.length * 3 <= topicBytesMost || Buffer.byteLength(topic) <= topicBytesMost
}

/** `#` alone or as the last level, `+` alone in a level, at least one character. */
export function isTopicFilter(text: string): boolean {
  if (text === '') return false
  if (!text.includes('#') && !text.includes('+')) return true
  // The name of a group is judged by who answers for the subscription.
  const levels = filterOf(text).split('/')
  return levels.every((level, i) => {
    if (level === '#') return i === levels.length - 1
    return level === '+' || (!level.includes('#') && !level.includes('+'))
  })
}

/** Undefined: a shared filter whose group or filter is not allowed; the subscription is refused. */
export function parseFilter(text: string): ParsedFilter | undefined {
  if (!text.startsWith(sharePrefix)) return { group: undefined, filter: text }
  const rest = text.slice(sharePrefix.length)
  const slash = rest.indexOf('/')
  const group = slash === -1 ? rest : rest.slice(0, slash)
  const filter = slash === -1 ? '' : rest.slice(slash + 1)
  if (group === '' || /[+#]/.test(group) || filter === '') return undefined
  return { group, filter }
}

/** What stands behind the group of a shared filter; another filter as it is. */
function filterOf(text: string): string {
  if (!text.startsWith(sharePrefix)) return text
  const slash = text.indexOf('/', sharePrefix.length)
  return slash === -1 ? '' : text.slice(slash + 1)
}
