/** Who subscribes to what a topic matches, over all protocols, and why they would get a message on it or not. */

import { daemonIdentity } from '../model/identity.ts'
import type { AccessCheck } from './access.ts'
import type { TopicReceiver } from './administration.ts'
import { filterReach, nameOf } from './filter-reach.ts'
import type { LiveFilter } from './live.ts'
import type { LiveClient } from './live-client.ts'
import type { LogSubscription } from './log-subscription.ts'
import type { Topic } from './topics.ts'

/** A client with what it has besides its live filters. */
export interface Subscriber {
  readonly live: LiveClient
  readonly logs: Iterable<LogSubscription>
}

/** @param topic an entry, or one made for the question */
export function explainTopic(
  topic: Topic,
  subscribers: Iterable<Subscriber>,
  access: AccessCheck,
): TopicReceiver[] {
  const receivers: TopicReceiver[] = []
  const reaches = (filter: LiveFilter): boolean => {
    const name = nameOf(filter)
    return name === undefined ? filterReach(filter)(topic) : name === topic.name
  }
  for (const { live, logs } of subscribers) {
    const filters: string[] = []
    for (const filter of live.filters) {
      if (reaches(filter)) filters.push(filter.kind === 'level' ? filter.text : filter.key)
    }
    for (const log of logs) if (log.matches(topic.name)) filters.push(log.text)
    if (filters.length === 0) continue
    const excluded = [...live.exclusions].find(reaches)
    const { name, identity, join } = live
    const rule =
      access.isOpen || identity === daemonIdentity
        ? undefined
        : access.refusal(live, 'subscribe', topic.name)
    receivers.push({
      name,
      user: identity.user,
      protocol: join.protocol,
      source: join.source,
      filters,
      receives: rule === undefined && excluded === undefined,
      reason: reasonOf(live, rule, excluded),
    })
  }
  return receivers
}

function reasonOf(
  { isCongested }: LiveClient,
  rule: string | undefined,
  excluded: LiveFilter | undefined,
): string {
  if (rule !== undefined) return `it may not: ${rule}`
  if (excluded?.kind === 'level') return `it excludes ${excluded.text}`
  return isCongested ? 'later: it has no room now' : 'it subscribes and may'
}
