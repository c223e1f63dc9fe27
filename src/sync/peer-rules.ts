/**
 * Which logs are taken from a peer (defects L29, L35): by topic, and by the origins it may speak for.
 * Delete markers of an allowed origin are taken whatever the topics are: without them deleted messages
 * would stay here. Messages of this node are never taken; that is not a rule but stands in the session.
 */

import { deleteMarkerTopic, type LogKey } from '../model/message.ts'
import { nodeIdEquals, type NodeId } from '../model/node-id.ts'
import { topicMatches, type TopicFilter } from '../model/topic-filter.ts'

export interface PeerRules {
  /** Only these topics; undefined: all. */
  readonly topics?: readonly TopicFilter[] | undefined
  /** Not these, also when `topics` has them. */
  readonly exceptTopics?: readonly TopicFilter[] | undefined
  /** Only messages of these nodes; undefined: of all but this one. */
  readonly origins?: readonly NodeId[] | undefined
  /** On a link: `in` only takes from the peer, `out` only gives. Undefined: both. */
  readonly direction?: 'in' | 'out' | 'both' | undefined
}

export function allowsLog(rules: PeerRules, { topic, origin }: LogKey): boolean {
  const { origins } = rules
  if (origins !== undefined && !origins.some((node) => nodeIdEquals(node, origin))) return false
  return allowsTopic(rules, topic)
}

/** Whether messages of the topic may cross at all, whoever they are from. */
export function allowsTopic(rules: PeerRules, topic: string): boolean {
  const { topics, exceptTopics = [] } = rules
  if (topic === deleteMarkerTopic) return true
  if (exceptTopics.some((filter) => topicMatches(filter, topic))) return false
  return topics === undefined || topics.some((filter) => topicMatches(filter, topic))
}
