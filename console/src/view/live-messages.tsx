/**
 * Messages of a filter as they come. It says how many of how many are shown, and stands still while somebody points at
 * it or has paused it.
 */

import { useEffect, useMemo, useState } from 'preact/hooks'
import type { JSX } from 'preact'
import { daemon } from '../console-context.ts'
import { busClient } from '../data/bus-client.ts'
import { LiveFeed, shownAtOnce } from '../data/live-feed.ts'
import type { FeedView } from '../data/live-feed.ts'
import { formatCount, formatRate, formatShortClock } from '../format.ts'
import { Icon } from './icon.tsx'
import { MessageList } from './message-list.tsx'
import { Badge, Empty, Failure } from './notices.tsx'

export interface LiveMessagesProps {
  readonly filter: string
  readonly withTopic?: boolean
}

export function LiveMessages({ filter, withTopic = false }: LiveMessagesProps): JSX.Element {
  const [isPaused, setPaused] = useState(false)
  const [isPointedAt, setPointedAt] = useState(false)
  const feed = useMemo(
    () => new LiveFeed(() => busClient().subscribe(filter, { from: 'now', reconnect: false })),
    [filter],
  )
  useEffect(() => () => feed.close(), [feed])
  useEffect(() => feed.hold(isPaused || isPointedAt), [feed, isPaused, isPointedAt])
  useEffect(() => daemon.returns.subscribe(() => feed.retry()), [feed])
  const view = feed.view.value
  return (
    <div class="live">
      <div class="live-bar">
        <span class="live-state" data-testid="live-state">
          <LiveState view={view} isPaused={isPaused} />
        </span>
        <button type="button" class="button" onClick={() => setPaused(!isPaused)}>
          <Icon name={isPaused ? 'play' : 'pause'} />
          <span>{isPaused ? 'Go on' : 'Pause'}</span>
        </button>
        <button type="button" class="button button-quiet" onClick={() => feed.clear()}>
          Clear
        </button>
      </div>
      {view.state === 'failed' && (
        <Failure title="This cannot be watched" text={view.error ?? ''} />
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

/** Shown of received, and how fast they come. */
function LiveState(props: { readonly view: FeedView; readonly isPaused: boolean }): JSX.Element {
  const { view, isPaused } = props
  if (view.state === 'opening') return <>Opening …</>
  if (view.state === 'failed') return <Badge tone="bad">ended</Badge>
  if (view.state === 'interrupted') {
    return (
      <>
        <Badge tone="bad">interrupted</Badge> It goes on by itself: {view.error}
      </>
    )
  }
  const shown = formatCount(view.messages.length)
  const total = `${formatCount(view.received)} received`
  if (view.isHeld) {
    const newer = view.newer === 0 ? '' : `, ${formatCount(view.newer)} newer`
    return (
      <>
        <Badge tone="warn">{isPaused ? 'paused' : 'held under the mouse'}</Badge>{' '}
        {formatRate(view.perSecond)}
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
      {view.interruptedAtMs !== undefined &&
        `, interrupted at ${formatShortClock(view.interruptedAtMs)}`}
    </>
  )
}
