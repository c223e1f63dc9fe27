/** The mark of msgbus. */

import type { JSX } from 'preact'

export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
      <path d="M3 12h18M7 12V6m5 12v-6m5 0V6" />
      <circle cx="7" cy="5" r="2" />
      <circle cx="17" cy="5" r="2" />
      <circle cx="12" cy="19" r="2" />
    </svg>
  )
}
