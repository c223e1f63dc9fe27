/** Which messages a page of history shows, and where the pages beside it are. */

export const pageMessages = 50

export interface HistoryPage {
  /** First head id, and how many. */
  readonly from: number
  readonly count: number
  /** Newest head id of the page before and after; undefined: there is none. */
  readonly older: number | undefined
  readonly newer: number | undefined
}

/**
 * @param log `at` is the newest head id that is wanted; anything that is no place in the log counts as the head
 */
export function historyPage(log: {
  readonly head: number
  readonly trimmedTo: number
  readonly at: number
}): HistoryPage {
  const { head, trimmedTo } = log
  const isPlace = Number.isSafeInteger(log.at) && log.at > trimmedTo && log.at <= head
  const at = isPlace ? log.at : head
  const from = Math.max(trimmedTo + 1, at - pageMessages + 1)
  return {
    from,
    count: Math.max(0, at - from + 1),
    older: from > trimmedTo + 1 ? from - 1 : undefined,
    newer: at < head ? Math.min(head, at + pageMessages) : undefined,
  }
}
