/** Small parts that many pages have: labels, empty places, what went wrong. */

import type { ComponentChildren, JSX } from 'preact'
import { Icon } from './icon.tsx'
import type { IconName } from './icon.tsx'

export type Tone = 'neutral' | 'good' | 'warn' | 'bad'

export function Badge(props: { readonly tone?: Tone; readonly children: ComponentChildren }) {
  return <span class={`badge badge-${props.tone ?? 'neutral'}`}>{props.children}</span>
}

/** What a place without content says: that this is so, and what would be there. */
export function Empty(props: {
  readonly icon: IconName
  readonly title: string
  readonly children?: ComponentChildren
}): JSX.Element {
  return (
    <div class="empty">
      <Icon name={props.icon} />
      <p class="empty-title">{props.title}</p>
      {props.children !== undefined && <div class="empty-text">{props.children}</div>}
    </div>
  )
}

/** A failure and what can be done about it. */
export function Failure(props: {
  readonly title: string
  readonly text: string
  readonly retry?: (() => void) | undefined
  /** It was there before and changes while one reads: screen readers are not interrupted. */
  readonly isQuiet?: boolean
}): JSX.Element {
  return (
    <div class="notice notice-bad" role={props.isQuiet === true ? undefined : 'alert'}>
      <Icon name="alert" />
      <div class="notice-body">
        <p class="notice-title">{props.title}</p>
        <p>{props.text}</p>
      </div>
      {props.retry !== undefined && (
        <button type="button" class="button" onClick={props.retry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** Says that something is on its way; only after a moment, so that quick answers do not flicker. */
export function Loading({ what }: { readonly what: string }): JSX.Element {
  return (
    <p class="loading" role="status">
      Loading {what} …
    </p>
  )
}

/** A heading with what belongs to the whole page beside it. */
export function PageHead(props: {
  readonly title: string
  readonly text?: ComponentChildren
  readonly children?: ComponentChildren
}): JSX.Element {
  return (
    <header class="page-head">
      <div>
        <h1 tabIndex={-1}>{props.title}</h1>
        {props.text !== undefined && <p class="page-text">{props.text}</p>}
      </div>
      {props.children !== undefined && <div class="page-tools">{props.children}</div>}
    </header>
  )
}

export function Card(props: {
  readonly title?: string
  readonly tools?: ComponentChildren
  readonly flush?: boolean
  readonly children: ComponentChildren
}): JSX.Element {
  return (
    <section class={props.flush === true ? 'card card-flush' : 'card'}>
      {props.title !== undefined && (
        <div class="card-head">
          <h2>{props.title}</h2>
          {props.tools}
        </div>
      )}
      {props.children}
    </section>
  )
}

/** Names and values; rows without a value are left out. */
export function Facts(props: {
  readonly rows: readonly (readonly [string, ComponentChildren])[]
}): JSX.Element {
  return (
    <dl class="facts">
      {props.rows
        .filter(([, value]) => value !== undefined && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  )
}
