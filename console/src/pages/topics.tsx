/** Topics: the tree beside what was chosen in it. On a phone they take turns. */

import { useEffect, useRef, useState } from 'preact/hooks'
import type { JSX } from 'preact'
import type { TopicLevelJson } from '../../../src/wire/http-api.ts'
import { goTo, route } from '../console-context.ts'
import { getJson } from '../data/http-api.ts'
import { pauseAfter } from '../data/poller.ts'
import { TopicLoader } from '../data/topic-loader.ts'
import { searchLimit, searchRows } from '../data/topic-search.ts'
import type { EntryRow } from '../data/topic-tree.ts'
import { formatCount } from '../format.ts'
import { formatRoute } from '../route.ts'
import { Icon } from '../view/icon.tsx'
import { Empty, Failure, Loading, PageHead } from '../view/notices.tsx'
import { SearchField } from '../view/search-field.tsx'
import { TopicTreeView } from '../view/topic-tree-view.tsx'
import { mayAsk, usePoller } from '../view/use-poller.ts'
import { TopicPanel } from './topic-panel.tsx'
import { WatchPanel } from './watch-panel.tsx'

const refreshEveryMs = 2_000

/** Kept while the page is open, so that coming back finds the tree as it was. */
const loader = new TopicLoader((query) => getJson<TopicLevelJson>('/v1/topics', query))

export function TopicsPage(): JSX.Element {
  const { topic, filter } = route.value.params
  const [search, setSearch] = useState('')
  const isChosen = topic !== undefined || filter !== undefined
  return (
    <div class={isChosen ? 'topics has-chosen' : 'topics'}>
      <div class="topics-tree">
        <PageHead title="Topics" />
        <SearchField label="Search topics" value={search} onInput={setSearch} delayMs={200} />
        {search === '' ? <Tree chosen={topic} /> : <Found text={search} chosen={topic} />}
        <WatchForm key={filter} filter={filter ?? ''} />
      </div>
      <div class="topics-chosen">
        {isChosen && (
          <a class="back" href={formatRoute('topics')}>
            <Icon name="left" /> All topics
          </a>
        )}
        {topic !== undefined && <TopicPanel key={topic} topic={topic} />}
        {topic === undefined && filter !== undefined && <WatchPanel key={filter} filter={filter} />}
        {!isChosen && (
          <Empty icon="topics" title="Choose a topic">
            <p>Its messages appear here as they come, and its history back to the first one.</p>
          </Empty>
        )}
      </div>
    </div>
  )
}

function open(row: EntryRow): void {
  const { entry } = row
  if (entry.topic !== undefined) goTo(formatRoute('topics', { topic: entry.path }))
  else if (row.isExpandable) loader.toggle(entry.path)
}

function Tree({ chosen }: { readonly chosen: string | undefined }): JSX.Element {
  const rows = loader.rows.value
  const [visible, setVisible] = useState({ from: 0, to: 50 })
  const seen = useRef(visible)
  seen.current = visible
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>
    let isOver = false
    const refresh = async () => {
      const startedAtMs = performance.now()
      const { from, to } = seen.current
      if (mayAsk()) await loader.refresh(loader.rows.value.slice(from, to))
      const pauseMs = pauseAfter(refreshEveryMs, performance.now() - startedAtMs)
      if (!isOver) timer = setTimeout(() => void refresh(), pauseMs)
    }
    void refresh()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [])
  if (loader.isEmpty.value) {
    return (
      <Empty icon="topics" title="Nothing was published yet">
        <p>
          Publish something: <a href={formatRoute('publish')}>here</a>, or in a terminal with{' '}
          <code>msgbus publish hello world</code>
        </p>
      </Empty>
    )
  }
  return (
    <TopicTreeView
      label="Topics"
      rows={rows}
      chosen={chosen}
      onOpen={open}
      onExpand={(row) => loader.expand(row.entry.path)}
      onCollapse={(row) => loader.collapse(row.entry.path)}
      onMore={(row) => void loader.more(row.under)}
      onWindow={setVisible}
    />
  )
}

function Found(props: { readonly text: string; readonly chosen: string | undefined }): JSX.Element {
  const { text, chosen } = props
  const poller = usePoller(
    (signal) =>
      getJson<TopicLevelJson>('/v1/topics', { contains: text, limit: searchLimit }, signal),
    refreshEveryMs,
    [text],
  )
  const { value, error } = poller.answer.value
  if (value === undefined) {
    return error === undefined ? (
      <Loading what="topics" />
    ) : (
      <Failure title="Search failed" text={error} />
    )
  }
  const rows = searchRows(value)
  if (rows.length === 0) {
    return (
      <Empty icon="search" title="No topic contains this">
        <p>Upper and lower case are the same here.</p>
      </Empty>
    )
  }
  return (
    <>
      <TopicTreeView label="Topics found" rows={rows} chosen={chosen} onOpen={open} />
      {value.more && (
        <p class="table-note">The first {formatCount(rows.length)}; type more to narrow it down.</p>
      )}
    </>
  )
}

/** Watching many topics at once, by a filter. */
function WatchForm({ filter }: { readonly filter: string }): JSX.Element {
  const [typed, setTyped] = useState(filter)
  const submit = (event: Event) => {
    event.preventDefault()
    if (typed.trim() !== '') goTo(formatRoute('topics', { filter: typed.trim() }))
  }
  return (
    <form class="watch-form" onSubmit={submit}>
      <label class="label" for="watch-filter">
        Watch by filter
      </label>
      <div class="field-row">
        <input
          id="watch-filter"
          class="field"
          value={typed}
          placeholder="plant/+/temperature or plant/#"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        <button type="submit" class="button">
          Watch
        </button>
      </div>
    </form>
  )
}
