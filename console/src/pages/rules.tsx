/** The topic rules in force, in the order in which they are asked, and what they come to for one topic. */

import { useId, useState } from 'preact/hooks'
import type { JSX } from 'preact'
import type { RuleJson, RulesJson } from '../../../src/wire/http-api.ts'
import { effectiveSettings } from '../data/effective-rule.ts'
import type { EffectiveSetting, SettingName } from '../data/effective-rule.ts'
import { getJson } from '../data/http-api.ts'
import { formatBytes, formatDuration, formatNumberOf } from '../format.ts'
import { DataTable } from '../view/data-table.tsx'
import type { Column } from '../view/data-table.tsx'
import { Card, Empty, Facts, Failure, Loading, PageHead } from '../view/notices.tsx'
import { usePoller } from '../view/use-poller.ts'

type History = RulesJson['history']
type Retention = NonNullable<RuleJson['retention']>

export function RulesPage(): JSX.Element {
  const poller = usePoller((signal) => getJson<RulesJson>('/v1/rules', {}, signal), 10_000)
  const { value, error } = poller.answer.value
  return (
    <>
      <PageHead
        title="Topic rules"
        text="What is stored and for how long. Each setting is taken from the first rule that matches and has it."
      />
      {value === undefined && error === undefined && <Loading what="rules" />}
      {error !== undefined && (
        <Failure title="Rules are not known" text={error} retry={() => poller.refresh()} />
      )}
      {value?.rules.length === 0 && (
        <Empty icon="rules" title="There are no rules">
          <p>
            What is below holds for every topic. Rules stand under <code>topics</code> in the
            configuration file.
          </p>
        </Empty>
      )}
      {value !== undefined && value.rules.length > 0 && (
        <Card flush>
          <DataTable
            label="Topic rules"
            columns={columns}
            rows={value.rules.map((rule, i) => ({ ...rule, place: i + 1 }))}
            keyOf={({ place }) => place}
          />
        </Card>
      )}
      {value !== undefined && (
        <div class="columns">
          {value.rules.length > 0 && <RuleTester rules={value.rules} />}
          <Card title="Without a rule">
            <Facts
              rows={[
                ['Stored', 'what asks for an acknowledgement'],
                ['By gRPC or HTTP', 'kept until it is deleted'],
                ['By other protocols', historyText(value.history)],
              ]}
            />
          </Card>
        </div>
      )}
    </>
  )
}

function historyText({ maxAgeMs, maxBytes }: History): string {
  const bounds = [
    maxAgeMs === null ? undefined : formatDuration(maxAgeMs),
    maxBytes === null ? undefined : `${formatBytes(maxBytes)} over all topics`,
  ].filter((bound) => bound !== undefined)
  return bounds.length === 0 ? 'kept without bound' : `history: at most ${bounds.join(' and ')}`
}

const storeText = {
  acked: 'what asks for an acknowledgement',
  always: 'everything',
  never: 'nothing',
} as const

const slowText = {
  wait: 'publishers wait',
  'drop-newest': 'the newest is dropped',
  'drop-oldest': 'the oldest is dropped',
} as const

type PlacedRule = RuleJson & { readonly place: number }

const unset = <span class="dim unset">–</span>

const columns: readonly Column<PlacedRule>[] = [
  { name: '#', isNumber: true, cell: ({ place }) => place },
  { name: 'Filter', isTitle: true, cell: ({ filter }) => <code>{filter}</code> },
  { name: 'Stored', cell: ({ store }) => (store === undefined ? unset : storeText[store]) },
  {
    name: 'Kept',
    cell: ({ retention }) => (retention === undefined ? unset : retentionText(retention)),
  },
  {
    name: 'Last value',
    cell: ({ last }) => (last === undefined ? unset : last ? 'for new subscribers' : 'no'),
  },
  {
    name: 'Largest payload',
    isNumber: true,
    cell: ({ maxPayloadBytes: max }) => (max === undefined ? unset : formatBytes(max)),
  },
  {
    name: 'Slow readers',
    cell: ({ slowReader }) => (slowReader === undefined ? unset : slowText[slowReader]),
  },
]

function retentionText({ maxAgeMs, maxMessages, maxBytes }: Retention): string {
  const given = [
    maxAgeMs === undefined ? undefined : settingText('maxAgeMs', maxAgeMs),
    maxMessages === undefined ? undefined : settingText('maxMessages', maxMessages),
    maxBytes === undefined ? undefined : settingText('maxBytes', maxBytes),
  ]
  return given.filter((text) => text !== undefined).join(', ')
}

const settingNames: Readonly<Record<SettingName, string>> = {
  store: 'Stored',
  maxAgeMs: 'Kept for',
  maxMessages: 'Messages kept',
  maxBytes: 'Bytes kept',
  last: 'Last value',
  maxPayloadBytes: 'Largest payload',
  slowReader: 'Slow readers',
}

function settingText(name: SettingName, value: EffectiveSetting['value']): string {
  if (value === null) return 'no bound'
  if (name === 'maxAgeMs') return formatDuration(Number(value))
  if (name === 'maxMessages') return formatNumberOf(Number(value), 'message')
  if (name === 'maxBytes' || name === 'maxPayloadBytes') return formatBytes(Number(value))
  if (name === 'last') return value === true ? 'for new subscribers' : 'no'
  const texts: Readonly<Record<string, string>> = { ...storeText, ...slowText }
  return texts[String(value)] ?? String(value)
}

function RuleTester({ rules }: { readonly rules: readonly RuleJson[] }): JSX.Element {
  const [topic, setTopic] = useState('')
  const field = useId()
  const settings = topic === '' ? undefined : effectiveSettings(rules, topic)
  const names = Object.keys(settingNames) as SettingName[]
  return (
    <Card title="What holds for a topic">
      <label class="label" for={field}>
        Topic
      </label>
      <input
        id={field}
        class="field"
        value={topic}
        placeholder="plant/line-3/temperature"
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => setTopic(event.currentTarget.value)}
      />
      {settings?.size === 0 && <p class="field-note">No rule matches: the defaults hold.</p>}
      {settings !== undefined && settings.size > 0 && (
        <Facts
          rows={names.flatMap((name) => {
            const found = settings.get(name)
            if (found === undefined) return []
            const text = settingText(name, found.value)
            return [[settingNames[name], `${text} (rule ${found.rule})`] as const]
          })}
        />
      )}
    </Card>
  )
}
