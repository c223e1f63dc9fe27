/** One topic: its last value, its logs, its messages as they come and back to the first one. */

import { useEffect, useId, useRef } from 'preact/hooks'
import type { JSX } from 'preact'
import type { LogJson, TopicJson } from '../../../src/wire/http-api.ts'
import { goTo, route } from '../console-context.ts'
import { getJson } from '../data/http-api.ts'
import { fromMessageJson, originText } from '../data/shown-message.ts'
import { formatBytes, formatCount, formatNumberOf } from '../format.ts'
import { formatRoute } from '../route.ts'
import { DataTable } from '../view/data-table.tsx'
import { Icon } from '../view/icon.tsx'
import { LiveMessages } from '../view/live-messages.tsx'
import { MessageDetail } from '../view/message-list.tsx'
import { Card, Empty, Failure, Loading } from '../view/notices.tsx'
import { usePoller } from '../view/use-poller.ts'
import { History } from './topic-history.tsx'

const tabs = [
  ['live', 'Live'],
  ['history', 'History'],
  ['last', 'Last value'],
  ['logs', 'Logs'],
] as const

export function TopicPanel({ topic }: { readonly topic: string }): JSX.Element {
  const poller = usePoller((signal) => getJson<TopicJson>('/v1/topic', { topic }, signal), 2_000, [
    topic,
  ])
  const { value, error } = poller.answer.value
  const wanted = route.value.params['view']
  const tab = tabs.find(([name]) => name === wanted)?.[0] ?? 'live'
  const id = useId()
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    // On a phone the tree gives way to the topic; whoever chose it there goes on here.
    if (document.querySelector('.tree')?.checkVisibility() === false) heading.current?.focus()
  }, [])
  return (
    <Card>
      <div class="topic-head">
        <h2 class="topic-name" ref={heading} tabIndex={-1}>
          {topic}
        </h2>
        <a class="button" href={formatRoute('publish', { topic })}>
          <Icon name="publish" />
          <span>Publish</span>
        </a>
      </div>
      <p class="topic-facts">
        {value === undefined ? (error ?? '…') : factsText(value)}
        {' · '}
        <a href={formatRoute('topics', { filter: `${topic}/#` })}>Watch everything below</a>
      </p>
      <div class="tabs" role="tablist" aria-label="What to show" onKeyDown={arrowKeys}>
        {tabs.map(([name, text]) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            aria-selected={name === tab}
            aria-controls={`${id}-panel`}
            tabIndex={name === tab ? 0 : -1}
            onClick={() => goTo(formatRoute('topics', { topic, view: name }))}
          >
            {text}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tab}`}>
        {tab === 'live' && <LiveMessages filter={topic} />}
        {tab === 'history' && <History topic={topic} logs={value?.logs} />}
        {tab === 'last' && <LastValue topic={value} />}
        {tab === 'logs' && <Logs logs={value?.logs} topic={topic} />}
        {error !== undefined && tab !== 'live' && (
          <Failure title="The topic is not known" text={error} retry={() => poller.refresh()} />
        )}
      </div>
    </Card>
  )
}

function factsText({ publications, storedBytes, logs }: TopicJson): string {
  const stored = logs.length === 0 ? 'nothing stored' : `${formatBytes(storedBytes)} stored`
  const published = `${formatNumberOf(publications, 'message')} since it is remembered`
  return `${published} · ${stored} in ${formatNumberOf(logs.length, 'log')}`
}

function arrowKeys(event: KeyboardEvent): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
  if (step === undefined || !(event.currentTarget instanceof HTMLElement)) return
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('[role=tab]')]
  const at = buttons.findIndex((button) => button === document.activeElement)
  const next = buttons[(at + step + buttons.length) % buttons.length]
  next?.focus()
  next?.click()
}

function LastValue({ topic }: { readonly topic: TopicJson | undefined }): JSX.Element {
  if (topic === undefined) return <Loading what="the last value" />
  if (topic.last === undefined) {
    return (
      <Empty icon="topics" title="There is no last value">
        <p>Nothing was published, or it was forgotten for newer ones.</p>
      </Empty>
    )
  }
  return <MessageDetail message={fromMessageJson(topic.last)} />
}

function Logs(props: {
  readonly topic: string
  readonly logs: readonly LogJson[] | undefined
}): JSX.Element {
  const { topic, logs } = props
  if (logs === undefined) return <Loading what="logs" />
  if (logs.length === 0) {
    return (
      <Empty icon="topics" title="Nothing is stored">
        <p>What is published without asking for an acknowledgement passes through.</p>
      </Empty>
    )
  }
  return (
    <DataTable
      label="Logs"
      rows={logs}
      keyOf={({ origin }) => originText(origin)}
      columns={[
        {
          name: 'Origin',
          isTitle: true,
          cell: ({ origin }) => (
            <a href={formatRoute('topics', { topic, view: 'history', origin: originText(origin) })}>
              {originText(origin)}
            </a>
          ),
        },
        { name: 'Head', isNumber: true, cell: ({ headId }) => formatCount(headId) },
        {
          name: 'Trimmed to',
          isNumber: true,
          cell: ({ trimmedTo }) => (trimmedTo === 0 ? '–' : formatCount(trimmedTo)),
        },
        { name: 'Size', isNumber: true, cell: ({ bytes }) => formatBytes(bytes) },
      ]}
    />
  )
}
