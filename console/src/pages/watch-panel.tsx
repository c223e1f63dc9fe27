/** What comes on all topics that a filter matches. */

import type { JSX } from 'preact'
import { LiveMessages } from '../view/live-messages.tsx'
import { Card } from '../view/notices.tsx'

export function WatchPanel({ filter }: { readonly filter: string }): JSX.Element {
  return (
    <Card title={filter}>
      <LiveMessages filter={filter} withTopic />
    </Card>
  )
}
