/** The stored messages of a topic, a page at a time, from the head back to the first. */

import { useEffect, useState } from 'preact/hooks'
import type { JSX } from 'preact'
import type { LogJson } from '../../../src/wire/http-api.ts'
import { daemon, goTo, route } from '../console-context.ts'
import { busClient } from '../data/bus-client.ts'
import { historyPage, pageMessages } from '../data/history-page.ts'
import { fromMessage, isSameOrigin, originText } from '../data/shown-message.ts'
import type { ShownMessage } from '../data/shown-message.ts'
import { formatCount } from '../format.ts'
import { formatRoute } from '../route.ts'
import { Icon } from '../view/icon.tsx'
import { MessageList } from '../view/message-list.tsx'
import { Empty, Failure, Loading } from '../view/notices.tsx'

// Beyond it a payload is shown when it is asked for.
const keptBytes = 65_536

export function History(props: {
  readonly topic: string
  readonly logs: readonly LogJson[] | undefined
}): JSX.Element {
  const { topic, logs } = props
  const { origin: wanted, at } = route.value.params
  if (logs === undefined) return <Loading what="logs" />
  const own = daemon.status.value?.node
  const log =
    logs.find(({ origin }) => originText(origin) === wanted) ??
    logs.find(({ origin }) => own !== undefined && isSameOrigin(origin, own)) ??
    logs[0]
  if (log === undefined) {
    return (
      <Empty icon="topics" title="Nothing is stored">
        <p>History is what was published with an acknowledgement, or by a rule that stores all.</p>
      </Empty>
    )
  }
  const go = (params: Readonly<Record<string, string | undefined>>) =>
    goTo(formatRoute('topics', { topic, view: 'history', origin: wanted, ...params }))
  return (
    <>
      {logs.length > 1 && (
        <label class="label inline-label">
          Origin{' '}
          <select
            class="field"
            value={originText(log.origin)}
            onChange={(event) => go({ origin: event.currentTarget.value, at: undefined })}
          >
            {logs.map(({ origin }) => (
              <option key={originText(origin)}>{originText(origin)}</option>
            ))}
          </select>
        </label>
      )}
      <Page
        key={originText(log.origin)}
        log={log}
        wanted={at === undefined ? undefined : Number(at)}
        go={go}
      />
    </>
  )
}

function Page(props: {
  readonly log: LogJson
  /** Newest head id of the page; undefined: the head of the log when it was opened. */
  readonly wanted: number | undefined
  readonly go: (params: Readonly<Record<string, string | undefined>>) => void
}): JSX.Element {
  const { log, wanted, go } = props
  const opened = useHeadNow(log)
  if (opened === undefined) return <Loading what="messages" />
  return <PageAt {...{ log, wanted, go, opened }} />
}

function PageAt(props: {
  readonly log: LogJson
  readonly wanted: number | undefined
  readonly go: (params: Readonly<Record<string, string | undefined>>) => void
  /** The head when the history was opened. */
  readonly opened: number
}): JSX.Element {
  const { log, wanted, go, opened } = props
  const { trimmedTo } = log
  const head = Math.max(opened, log.headId)
  const page = historyPage({ head, trimmedTo, at: wanted ?? opened })
  const { messages, error, isOld, retry } = useMessages(log, page.from, page.count)
  const goAt = (at: number | undefined) => go({ at: at === undefined ? undefined : `${at}` })
  return (
    <div class="history">
      <nav class="pager" aria-label="History">
        <button
          type="button"
          class="button"
          disabled={page.older === undefined}
          onClick={() => goAt(page.older)}
        >
          <Icon name="left" />
          <span>Older</span>
        </button>
        <button
          type="button"
          class="button"
          disabled={page.newer === undefined}
          onClick={() => goAt(page.newer)}
        >
          <span>Newer</span>
          <Icon name="right" />
        </button>
        <span class="pager-range" data-testid="history-range">
          {page.count === 0
            ? 'all trimmed'
            : `#${formatCount(page.from)} – #${formatCount(page.from + page.count - 1)}`}{' '}
          of {formatCount(head)}
        </span>
        <JumpForm head={head} onJump={goAt} />
      </nav>
      {log.trimmedTo > 0 && page.from === log.trimmedTo + 1 && (
        <p class="field-note">
          Messages up to #{formatCount(log.trimmedTo)} were given up by retention.
        </p>
      )}
      {error !== undefined && <Failure title="History is not known" text={error} retry={retry} />}
      {messages === undefined && error === undefined && <Loading what="messages" />}
      {messages !== undefined && (
        <div class={isOld ? 'old' : undefined} aria-busy={isOld}>
          <MessageList label="Stored messages" messages={messages} withDate />
        </div>
      )}
    </div>
  )
}

/** The head of a log as it is now: what is known of the log may be some seconds old. */
function useHeadNow(log: LogJson): number | undefined {
  const [head, setHead] = useState<number>()
  useEffect(() => {
    busClient()
      .getHead(log.topic, { origin: log.origin })
      .then(
        (found) => setHead(Number(found ?? log.headId)),
        // Asking for the messages says what is wrong.
        () => setHead(log.headId),
      )
  }, [])
  return head
}

/** The messages of the page, the newest first; while they are loaded, those of the page before. */
function useMessages(log: LogJson, from: number, count: number) {
  const [loaded, setLoaded] = useState<{
    readonly from?: number
    readonly messages?: readonly ShownMessage[]
    readonly error?: string
  }>({})
  const [attempt, setAttempt] = useState(0)
  const origin = originText(log.origin)
  useEffect(() => {
    const stop = new AbortController()
    const load = async () => {
      try {
        const options = { origin: log.origin, from, limit: count, signal: stop.signal }
        const found = count === 0 ? [] : await busClient().fetchAll(log.topic, options)
        const messages = found.map((message) => fromMessage(message, keptBytes)).toReversed()
        if (!stop.signal.aborted) setLoaded({ from, messages })
      } catch (error) {
        if (stop.signal.aborted) return
        setLoaded({ error: error instanceof Error ? error.message : String(error) })
      }
    }
    void load()
    return () => stop.abort()
  }, [log.topic, origin, from, count, attempt, daemon.returns.value])
  return { ...loaded, isOld: loaded.from !== from, retry: () => setAttempt(attempt + 1) }
}

function JumpForm(props: {
  readonly head: number
  readonly onJump: (at: number) => void
}): JSX.Element {
  const [typed, setTyped] = useState('')
  const submit = (event: Event) => {
    event.preventDefault()
    const at = Number(typed)
    if (typed === '') props.onJump(props.head)
    else if (Number.isSafeInteger(at) && at > 0) {
      // The message asked for is the first of its page, but for the last ones.
      props.onJump(Math.min(props.head, at + pageMessages - 1))
    }
  }
  return (
    <form class="jump" onSubmit={submit}>
      <label class="visually-hidden" for="jump-head">
        Go to head id
      </label>
      <input
        id="jump-head"
        class="field"
        inputMode="numeric"
        pattern="[0-9]*"
        placeholder="head id"
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <button type="submit" class="button">
        Go
      </button>
    </form>
  )
}
