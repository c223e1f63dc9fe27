/**
 * Which settings hold for a topic. Rules are asked in order; each setting comes from the first rule
 * that matches and has it. Answers are remembered per topic, in bounded memory.
 */

import { topicMatches } from '../model/topic-filter.ts'
import type { Retention, TopicRule, TopicSettings } from '../model/topic-rule.ts'

export const defaultTopicSettings: TopicSettings = {
  store: 'acked',
  retention: {},
  last: false,
  maxPayloadBytes: undefined,
  slowReader: 'wait',
}

// Topics whose settings are remembered. Beyond it all are forgotten at once: simpler than an
// order of use, and rare.
const rememberedTopics = 100_000

export class TopicRules {
  readonly #rules: readonly TopicRule[]
  readonly #settings = new Map<string, TopicSettings>()

  constructor(rules: readonly TopicRule[]) {
    this.#rules = rules
  }

  /** True when no rule asks for trimming. */
  get keepsEverything(): boolean {
    return this.#rules.every((rule) => rule.retention === undefined)
  }

  of(topic: string): TopicSettings {
    if (this.#rules.length === 0) return defaultTopicSettings
    const known = this.#settings.get(topic)
    if (known !== undefined) return known
    const settings = this.#resolve(topic)
    if (this.#settings.size >= rememberedTopics) this.#settings.clear()
    this.#settings.set(topic, settings)
    return settings
  }

  #resolve(topic: string): TopicSettings {
    const matching = this.#rules.filter((rule) => topicMatches(rule.filter, topic))
    const first = <Key extends Exclude<keyof TopicSettings, 'retention'>>(key: Key) =>
      matching.find((rule) => rule[key] !== undefined)?.[key]
    const limit = (key: keyof Retention) =>
      matching.find((rule) => rule.retention?.[key] !== undefined)?.retention?.[key]
    return {
      store: first('store') ?? defaultTopicSettings.store,
      last: first('last') ?? defaultTopicSettings.last,
      maxPayloadBytes: first('maxPayloadBytes'),
      slowReader: first('slowReader') ?? defaultTopicSettings.slowReader,
      retention: {
        maxAgeMs: limit('maxAgeMs'),
        maxMessages: limit('maxMessages'),
        maxBytes: limit('maxBytes'),
      },
    }
  }
}
