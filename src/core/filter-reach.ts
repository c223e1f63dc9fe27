/** Which of the topics that are there a filter reaches: the router asked the other way round, for one filter alone. */

import { isWildcardVisible } from './router.ts'
import type { LiveFilter } from './live.ts'
import { textFilterMatcher } from './text-index.ts'
import { isExactLevelFilter, levelFilterMatcher } from './topic-tree.ts'
import type { Topic } from './topics.ts'

/** The one topic a filter can match; undefined: it is a pattern. */
export function nameOf(filter: LiveFilter): string | undefined {
  if (filter.kind === 'level') {
    return isExactLevelFilter(filter.rules, filter.text) ? filter.text : undefined
  }
  return filter.form === 'is' ? filter.view.topicOf(filter.text) : undefined
}

/** For filters that are patterns. */
export function filterReach(filter: LiveFilter): (topic: Topic) => boolean {
  const matches = filter.kind === 'level' ? levelFilterMatcher(filter) : textFilterMatcher(filter)
  return (topic) => isWildcardVisible(topic, filter) && matches(topic.name)
}
