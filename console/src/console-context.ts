/** What every part of the page needs: the daemon, its client, where one is, and a voice for screen readers. */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import type { StatusJson } from '../../src/wire/http-api.ts'
import { DaemonWatch } from './data/daemon-watch.ts'
import { getJson } from './data/http-api.ts'
import { parseRoute } from './route.ts'
import type { Route } from './route.ts'

export const daemon = new DaemonWatch(() => getJson<StatusJson>('/v1/status'))

export const route: Signal<Route> = signal(parseRoute(location.hash))
addEventListener('hashchange', () => {
  route.value = parseRoute(location.hash)
})

/** Goes to another view; `replace`: going back does not come here again. */
export function goTo(href: string, options: { readonly replace?: boolean } = {}): void {
  if (options.replace === true) location.replace(href)
  else location.hash = href
}

/** Said once by screen readers; for outcomes and the connection, not for what changes all the time. */
export const announcement = signal('')

export function announce(text: string): void {
  // What is the same as before would not be said again.
  announcement.value = text === announcement.value ? `${text}\u00a0` : text
}

/** The clock of the page in milliseconds, moving once a second: for ages. */
export const now = signal(Date.now())
setInterval(() => {
  if (!document.hidden) now.value = Date.now()
}, 1_000)
