/**
 * What the topic rules come to for one topic: each setting is taken from the first rule that matches and has it, the
 * bounds of keeping one by one. The daemon does the same when it is published on.
 */

import { parseTopicFilter, topicMatches } from '../../../src/model/topic-filter.ts'
import type { RuleJson } from '../../../src/wire/http-api.ts'

export interface EffectiveSetting {
  readonly value: string | number | boolean | null
  /** Place of the rule it comes from, from 1. */
  readonly rule: number
}

export type SettingName =
  'store' | 'last' | 'maxPayloadBytes' | 'slowReader' | 'maxAgeMs' | 'maxMessages' | 'maxBytes'

export function effectiveSettings(
  rules: readonly RuleJson[],
  topic: string,
): ReadonlyMap<SettingName, EffectiveSetting> {
  const settings = new Map<SettingName, EffectiveSetting>()
  rules.forEach((rule, i) => {
    if (!topicMatches(parseTopicFilter(rule.filter), topic)) return
    const { store, last, maxPayloadBytes, slowReader, retention = {} } = rule
    const { maxAgeMs, maxMessages, maxBytes } = retention
    const given: readonly (readonly [SettingName, EffectiveSetting['value'] | undefined])[] = [
      ['store', store],
      ['last', last],
      ['maxPayloadBytes', maxPayloadBytes],
      ['slowReader', slowReader],
      ['maxAgeMs', maxAgeMs],
      ['maxMessages', maxMessages],
      ['maxBytes', maxBytes],
    ]
    for (const [name, value] of given) {
      if (value !== undefined && !settings.has(name)) settings.set(name, { value, rule: i + 1 })
    }
  })
  return settings
}
