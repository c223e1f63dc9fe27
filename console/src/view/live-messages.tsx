/**
 * Messages of a filter as they come. It says how many of how many are shown, and stands still while somebody points at
 * it or has paused it.
 */

import { useEffect, useMemo, useState } from 'preact/hooks'
import type { JSX } from 'preact'
import { now } from '../console-context.ts'
import { busClient, streamTrouble } from '../data/bus-client.ts'
import { LiveFeed, shownAtOnce } from '../data/live-feed.ts'
import type { FeedView } from '../data/live-feed.ts'
import { formatCount, formatRate } from '../format.ts'
import { Icon } from './icon.tsx'
import { MessageList } from './message-list.tsx'
import { Badge, Empty, Failure } from './notices.tsx'

export interface LiveMessagesProps {
  readonly filter: string
  readonly withTopic?: boolean
}

export function LiveMessages({ filter, withTopic = false }: LiveMessagesProps): JSX.Element {
  const [attempt, setAttempt] = useState(0)
  const [isPaused, setPaused] = useState(false)
  const [isPointedAt, setPointedAt] = useState(false)
  const opened = useMemo(() => openFeed(filter), [filter, attempt])
  useEffect(() => () => opened.feed?.close(), [opened])
  useEffect(() => opened.feed?.hold(isPaused || isPointedAt), [opened, isPaused, isPointedAt])
  const { feed } = opened
  if (feed === undefined) return <Failure title="This cannot be watched" text={opened.error} />
  const view = feed.view.value
  return (
    <div class="live">
      <div class="live-bar">
        <span class="live-state" data-testid="live-state">
          <LiveState view={view} />
        </span>
        <button
          type="button"
          class="button"
          aria-pressed={isPaused}
          onClick={() => setPaused(!isPaused)}
        >
          <Icon name={isPaused ? 'play' : 'pause'} />
          <span>{isPaused ? 'Go on' : 'Pause'}</span>
        </button>
        <button type="button" class="button button-quiet" onClick={() => feed.clear()}>
          Clear
        </button>
      </div>
      {view.state === 'failed' && (
        <Failure
          title="No longer live"
          text={view.error ?? ''}
          retry={() => setAttempt(attempt + 1)}
        />
      )}
      {view.messages.length === 0 && view.state === 'open' && (
        <Empty icon="eye" title="Waiting for messages">
          <p>What is published from now on appears here.</p>
        </Empty>
      )}
      <div
        onPointerEnter={(event) => setPointedAt(event.pointerType === 'mouse')}
        onPointerLeave={() => setPointedAt(false)}
      >
        <MessageList label="Live messages" messages={view.messages} withTopic={withTopic} />
      </div>
    </div>
  )
}

type OpenedFeed =
  | { readonly feed: LiveFeed; readonly error?: undefined }
  | { readonly feed?: undefined; readonly error: string }

function openFeed(filter: string): OpenedFeed {
  try {
    return { feed: new LiveFeed(busClient().subscribe(filter, { from: 'now' })) }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

/** Shown of received, and how fast they come. */
function LiveState({ view }: { readonly view: FeedView }): JSX.Element {
  if (view.state === 'opening') return <>Opening …</>
  if (view.state === 'failed') return <Badge tone="bad">ended</Badge>
  const trouble = streamTrouble.value
  // An attempt that fails says so again; silence means that it worked.
  if (trouble !== undefined && now.value < trouble.retryAtMs + 2_000) {
    return (
      <>
        <Badge tone="bad">interrupted</Badge> It goes on by itself: {trouble.why}
      </>
    )
  }
  const shown = formatCount(view.messages.length)
  const total = `${formatCount(view.received)} received`
  if (view.isHeld) {
    const newer = view.newer === 0 ? '' : `, ${formatCount(view.newer)} newer`
    return (
      <>
        <Badge tone="warn">held</Badge> {formatRate(view.perSecond)}
        {newer}
      </>
    )
  }
  return (
    <>
      <Badge tone="good">live</Badge>{' '}
      {view.perSecond > shownAtOnce
        ? `showing ${shown} of ${formatRate(view.perSecond)}`
        : formatRate(view.perSecond)}
      {', '}
      {total}
    </>
  )
}
