/** Messages, the newest first: one line each; one that is opened shows everything it has. */

import { useState } from 'preact/hooks'
import type { JSX } from 'preact'
import { busClient } from '../data/bus-client.ts'
import { previewPayload } from '../data/payload-forms.ts'
import { fromMessage, originText, publisherOf } from '../data/shown-message.ts'
import type { ShownMessage } from '../data/shown-message.ts'
import { formatBytes, formatClock, formatCount, formatMoment, formatTime } from '../format.ts'
import { formatRoute } from '../route.ts'
import { Icon } from './icon.tsx'
import { Badge, Facts } from './notices.tsx'
import { PayloadView } from './payload-view.tsx'

export interface MessageListProps {
  readonly label: string
  readonly messages: readonly ShownMessage[]
  /** They are of several topics. */
  readonly withTopic?: boolean
  /** With the date; for messages that may be old. */
  readonly withDate?: boolean
}

export function MessageList(props: MessageListProps): JSX.Element {
  const [open, setOpen] = useState<ShownMessage>()
  const { messages, withTopic = false, withDate = false } = props
  // One that is opened stays, also when newer ones have replaced it.
  const isGone = open !== undefined && !messages.some(({ key }) => key === open.key)
  return (
    <div class="messages">
      {isGone && (
        <div class="message-kept">
          <MessageLine message={open} isOpen {...{ withTopic, withDate }} onToggle={setOpen} />
        </div>
      )}
      <ol class="message-list" aria-label={props.label}>
        {messages.map((message) => (
          <li key={message.key}>
            <MessageLine
              message={message}
              isOpen={open?.key === message.key}
              {...{ withTopic, withDate }}
              onToggle={setOpen}
            />
          </li>
        ))}
      </ol>
    </div>
  )
}

function MessageLine(props: {
  readonly message: ShownMessage
  readonly isOpen: boolean
  readonly withTopic: boolean
  readonly withDate: boolean
  readonly onToggle: (message: ShownMessage | undefined) => void
}): JSX.Element {
  const { message, isOpen, withTopic, withDate, onToggle } = props
  const { createdAtMs, headId } = message
  return (
    <>
      <button
        type="button"
        class={withTopic ? 'message-line with-topic' : 'message-line'}
        aria-expanded={isOpen}
        onClick={() => onToggle(isOpen ? undefined : message)}
      >
        <Icon name={isOpen ? 'down' : 'right'} />
        <span class="message-time">
          {withDate ? formatMoment(createdAtMs, Date.now()) : formatClock(createdAtMs)}
        </span>
        <span class="message-head">
          {headId === 0 ? <Badge>live</Badge> : `#${formatCount(headId)}`}
        </span>
        {withTopic && <span class="message-topic">{message.topic}</span>}
        <span class="message-preview">
          <Preview message={message} />
        </span>
        <span class="message-size">{message.deleted ? '' : formatBytes(message.size)}</span>
      </button>
      {isOpen && <MessageDetail message={message} />}
    </>
  )
}

function Preview({ message }: { readonly message: ShownMessage }): JSX.Element {
  if (message.deleted) return <em>deleted</em>
  if (message.size === 0) return <em>empty</em>
  return <>{previewPayload(message.payload)}</>
}

/** Everything about one message. */
export function MessageDetail({ message }: { readonly message: ShownMessage }): JSX.Element {
  const [whole, setWhole] = useState<ShownMessage>()
  const [error, setError] = useState<string>()
  const { topic, origin, headId, payload } = whole ?? message
  const isCut = message.size > message.payload.length
  const loadAll = async () => {
    try {
      const options = { origin, from: headId, limit: 1 }
      const [found] = await busClient().fetchAll(topic, options)
      if (found === undefined) setError('It is not there any more.')
      else setWhole(fromMessage(found))
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure))
    }
  }
  return (
    <div class="message-detail">
      <Facts
        rows={[
          [
            'Topic',
            <a key="topic" href={formatRoute('topics', { topic })}>
              {topic}
            </a>,
          ],
          ['Head id', headId === 0 ? 'not stored' : formatCount(headId)],
          ['Origin', originText(origin)],
          ['Publisher', publisherOf(message)],
          ['Created', formatTime(message.createdAtMs)],
          ['Message id', <code key="id">{message.id}</code>],
        ]}
      />
      {message.headers.length > 0 && (
        <div class="headers">
          <h3>Headers</h3>
          <dl>
            {message.headers.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </div>
      )}
      {message.deleted ? (
        <p class="payload-note">It was deleted; its place in the log stays.</p>
      ) : (
        <PayloadView
          payload={payload}
          size={message.size}
          fileName={`${topic.replace(/[^\w.-]+/g, '-')}-${headId}`}
          loadAll={isCut && headId > 0 ? () => void loadAll() : undefined}
        />
      )}
      {error !== undefined && <p class="field-error">Not loaded: {error}</p>}
    </div>
  )
}
