/** Topics that contain a text, in a flat list: for when one does not know where to look in the tree. */

import type { TopicLevelJson } from '../../../src/wire/http-api.ts'
import type { EntryRow } from './topic-tree.ts'

export const searchLimit = 200

/** The rows of what was found; none of them can be opened. */
export function searchRows(answer: TopicLevelJson): EntryRow[] {
  return answer.entries.map((entry, i) => ({
    kind: 'entry',
    key: `found ${entry.path}`,
    depth: 0,
    entry,
    isExpandable: false,
    isExpanded: false,
    rate: undefined,
    position: i + 1,
    siblings: answer.entries.length,
    under: undefined,
  }))
}
